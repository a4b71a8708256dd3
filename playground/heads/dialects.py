"""How each family of translation models is told the languages.

T tokens of a text. Languages are BCP-47 codes as `languages.code_of` writes them; what a tokenizer calls them stays in
here. Tokenizers are stateful (those with languages remember the last one), so all of this but `reads`, `writes` and
`languages` is called by one thread at a time: a trunk's worker, or the process that trains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from playground.languages import code_of, name_of

TARGET_MARK = re.compile(r"<2([A-Za-z-]+)>")
"""The tokens by which our own networks are told into which language (Johnson et al. 2017)."""
MARIAN_MARK = re.compile(r">>(\w+)<<")
WITH_SCRIPT = re.compile(r"[a-z]+_[A-Z][a-z]{3}")
CODE_TOKEN = re.compile(r"[a-z]{2,3}_([A-Z][a-z]{3}|[A-Z]{2})")
"""What NLLB ("zho_Hans") and mBART ("zh_CN") call languages."""
DIRECTION = re.compile(r"translation_(\w+)_to_(\w+)")
OTHER_CODES = {"ns": "nso"}
"""M2M100's own code of Northern Sotho."""
Features = dict[str, list[int]]
Direction = tuple[str, str]
"""Source and target."""


def target_mark(language: str) -> str:
    return f"<2{language}>"


@dataclass(frozen=True)
class Dialect:
    """A family without words for languages: a model translates as it was trained to.

    reads, writes  languages of texts and of translations; () where the files do not tell, and any may be said
    usual          which one it writes where several can be told, and none is
    """

    tokenizer: Any
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    usual: str = ""

    @property
    def languages(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted({*self.reads, *self.writes}))

    def taught(self, directions: Sequence[Direction]) -> Dialect:
        """The same, where the files do not tell, for what the model was trained on later."""
        sources, targets = ({pair[side] for pair in directions} for side in (0, 1))
        return replace(self, reads=self.reads or tuple(sorted(sources)), writes=self.writes or tuple(sorted(targets)))

    def sources(self, texts: Sequence[str], source: str, target: str, max_length: int) -> list[Features]:
        """Encoder inputs of each text: input_ids and attention_mask, each [T], unpadded, at most `max_length`."""
        batch = self.tokenizer(list(texts), truncation=True, max_length=max_length, return_token_type_ids=False)
        return [{name: batch[name][index] for name in batch} for index in range(len(texts))]

    def targets(self, texts: Sequence[str], target: str, max_length: int) -> list[list[int]]:
        """Token ids of right translations as the decoder is to write them, [T] each, with the end mark."""
        return self.tokenizer(text_target=list(texts), truncation=True, max_length=max_length)["input_ids"]

    def options(self, target: str) -> dict[str, Any]:
        """What `generate` is told besides."""
        return {}

    def texts(self, sequences: torch.Tensor) -> list[str]:
        """What [B, T] token ids say."""
        return [text.strip() for text in self.tokenizer.batch_decode(sequences, skip_special_tokens=True)]


class Marked(Dialect):
    """Our own networks: the text begins with a token for the language to write."""

    def sources(self, texts: Sequence[str], source: str, target: str, max_length: int) -> list[Features]:
        mark = self.tokenizer.convert_tokens_to_ids(target_mark(target))
        found = super().sources(texts, source, target, max_length - 1)
        return [
            {"input_ids": [mark, *row["input_ids"]], "attention_mask": [1, *row["attention_mask"]]} for row in found
        ]


@dataclass(frozen=True)
class Prompted(Dialect):
    """T5 (Raffel et al. 2020): the text begins with an English sentence that says what to do."""

    def sources(self, texts: Sequence[str], source: str, target: str, max_length: int) -> list[Features]:
        said = f"translate {name_of(source, 'en')} to {name_of(target, 'en')}: " if source and target else ""
        return super().sources([said + text for text in texts], source, target, max_length)


@dataclass(frozen=True)
class Prefixed(Dialect):
    """Marian with several target languages: the text begins with ">>cmn_Hans<<". `marks`: {language: that}."""

    marks: Mapping[str, str] = field(default_factory=dict)

    def sources(self, texts: Sequence[str], source: str, target: str, max_length: int) -> list[Features]:
        return super().sources([f"{self.marks[target]} {text}" for text in texts], source, target, max_length)


@dataclass(frozen=True)
class Coded(Dialect):
    """M2M100, NLLB and mBART-50: the text carries a token of its language, and the translation begins with its own.

    codes  {language: what the tokenizer calls it}
    """

    codes: Mapping[str, str] = field(default_factory=dict)

    def sources(self, texts: Sequence[str], source: str, target: str, max_length: int) -> list[Features]:
        self.tokenizer.src_lang = self.codes[source]
        return super().sources(texts, source, target, max_length)

    def targets(self, texts: Sequence[str], target: str, max_length: int) -> list[list[int]]:
        self.tokenizer.tgt_lang = self.codes[target]
        return super().targets(texts, target, max_length)

    def options(self, target: str) -> dict[str, Any]:
        return {"forced_bos_token_id": self._token(target)}

    def texts(self, sequences: torch.Tensor) -> list[str]:
        # Not all of these tokenizers count their languages among the special tokens, which are not shown.
        marks = torch.tensor([self._token(language) for language in self.codes], device=sequences.device)
        return super().texts(sequences.masked_fill(torch.isin(sequences, marks), self.tokenizer.pad_token_id))

    def _token(self, language: str) -> int:
        code = self.codes[language]
        named = getattr(self.tokenizer, "lang_code_to_token", {})
        return int(self.tokenizer.convert_tokens_to_ids(named.get(code, code)))


class Started(Coded):
    """mBART of 2020: its decoder starts with the language of the translation, in place of an end mark."""

    def options(self, target: str) -> dict[str, Any]:
        return {"decoder_start_token_id": self._token(target)}


def dialect_of(tokenizer: PreTrainedTokenizerBase, model: Any = None, tuned: bool = False) -> Dialect:
    """How the model of that tokenizer is told languages.

    The configuration of a `model` tells what it was trained to do. That is no limit of one that is yet to be trained
    (then there is none here), or that was `tuned` since.
    """
    marked = [match.group(1) for match in map(TARGET_MARK.fullmatch, tokenizer.all_special_tokens) if match]
    if marked:
        # A network of one direction says only where it ends.
        languages = tuple(sorted(marked))
        return Marked(tokenizer, languages if len(marked) > 1 else (), languages)
    family = type(tokenizer).__name__.removesuffix("Fast")
    if family == "T5Tokenizer":
        return Prompted(tokenizer) if tuned or model is None else _t5(tokenizer, model)
    if family == "MarianTokenizer":
        return _marian(tokenizer)
    if family in ("M2M100Tokenizer", "NllbTokenizer", "MBart50Tokenizer", "MBartTokenizer"):
        return _coded(tokenizer, None if tuned else model, Started if family == "MBartTokenizer" else Coded)
    return Dialect(tokenizer)


def _marian(tokenizer: Any) -> Dialect:
    """Its languages are in tokenizer_config.json ("eng", "zho"; groups as "mul", "roa"), its marks among its words."""
    reads, writes = _known([tokenizer.source_lang]), _known([tokenizer.target_lang])
    found = [match for match in map(MARIAN_MARK.fullmatch, tokenizer.encoder) if match]
    # A language may have several: "cmn_Hans" is what we mean rather than "cmn", and "por" rather than "pt_br".
    found.sort(key=lambda match: (not WITH_SCRIPT.fullmatch(match.group(1)), len(match.group(1))))
    marks: dict[str, str] = {}
    for match in found:
        code = code_of(match.group(1))
        if code:
            marks.setdefault(code, match.group())
    if not marks:
        return Dialect(tokenizer, reads, writes)
    usual = writes[0] if writes and writes[0] in marks else ""
    return Prefixed(tokenizer, reads, tuple(sorted(marks)), usual, marks)


def _coded(tokenizer: Any, model: Any, kind: type[Coded]) -> Dialect:
    """All languages that have a token, unless the files say which of them a model was trained for."""
    words = getattr(tokenizer, "lang_code_to_token", None) or filter(CODE_TOKEN.fullmatch, tokenizer.all_special_tokens)
    codes: dict[str, str] = {}
    for word in words:
        code = OTHER_CODES.get(word) or code_of(word)
        if code:
            codes.setdefault(code, word)
    known = tuple(sorted(codes))
    reads, writes = _named(model)
    # The generation settings of mBART's many-to-one model name the one.
    forced = getattr(getattr(model, "generation_config", None), "forced_bos_token_id", None)
    only = tuple(
        code for code in known if forced is not None and tokenizer.convert_tokens_to_ids(codes[code]) == forced
    )
    return kind(tokenizer, reads or known, writes or only or known, "", codes)


def _t5(tokenizer: Any, model: Any) -> Dialect:
    """Without directions in its configuration, it is told nothing."""
    reads, writes = _named(model)
    return Prompted(tokenizer, reads, writes) if writes else Dialect(tokenizer)


def _named(model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a model reads and writes by the directions that its configuration names ("translation_en_to_de")."""
    params = getattr(getattr(model, "config", None), "task_specific_params", None) or {}
    found = [match.groups() for match in map(DIRECTION.fullmatch, params) if match]
    return _known(source for source, _ in found), _known(target for _, target in found)


def _known(words: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({code for word in words if word and (code := code_of(word))}))
