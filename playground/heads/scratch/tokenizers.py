"""Tokenizers that are trained on the data a network from nothing is trained on.

All of them are one tokenizer.json, read by the `tokenizers` library alone; no code of ours is needed to load
them. That is why Chinese is not cut by jieba at run time (a pre-tokenizer in Python cannot be saved): jieba cuts
the training texts, and its words with their counts become a Unigram model (Kudo 2018), whose Viterbi search
finds the likeliest words of a run of Chinese natively, on the original text, with exact places.

| tokens     | readers of text (classes, tags, answers)           | writers of text (translation, generation)     |
|------------|----------------------------------------------------|------------------------------------------------|
| words      | WordLevel; Unigram where there is Chinese          | Unigram, rare words by characters and bytes    |
| subwords   | WordPiece, a Chinese character each, as in BERT    | BPE with bytes for what is not in its alphabet |
| characters | a token per code point                             | the same, with bytes for unseen ones           |

Readers' words and subwords are lower-cased (places stay those of the original). Writers lose nothing: decoding
gives back blanks, new lines and characters that no training text had.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from playground.heads.scratch import vocabulary

Tokens = Literal["words", "subwords", "characters"]
Style = Literal["encoder", "plain", "seq2seq", "gpt"]
"""What a tokenizer is for; plain is an encoder that does not tell two segments apart."""

BLANK = "▁"
"""Stands for a blank inside the vocabularies of writers, as in SentencePiece."""
INSIDE = "##"
"""Begins a subword that does not begin a word, as in BERT."""
BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
UNSPACED = r"\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts without blanks between words that jieba does not know: a character is a word, as in heads.words."""
READ = rf"\p{{Han}}+|[{UNSPACED}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}_&&[^\p{{Han}}{UNSPACED}]]+|."
READ_ALONE = READ.replace(r"\p{Han}+", r"\p{Han}")
"""The same with every Chinese character alone."""
WRITTEN = (
    # A run of Chinese; a word or a digit with the blank before it; all but the last of several blanks; anything else.
    rf"\p{{Han}}+|{BLANK}?[\p{{L}}\p{{M}}&&[^\p{{Han}}]]+|{BLANK}?\p{{N}}|{BLANK}+(?={BLANK})|\s+"
    rf"|{BLANK}?[^\s{BLANK}\p{{L}}\p{{M}}\p{{N}}]+|{BLANK}"
)
"""Digits stand alone, as in Llama: a number is copied or continued digit by digit."""
LONGEST_WORD = 100
"""Letters of a word that is still cut into subwords, as in BERT."""


@dataclass(frozen=True)
class Specials:
    """Names of a tokenizer's special tokens, as transformers calls them, and how they stand around a text."""

    names: dict[str, str]
    single: str
    pair: str
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")


ENCODER = Specials(
    {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
    "[CLS] $A [SEP]",
    "[CLS] $A [SEP] $B:1 [SEP]:1",
    ("input_ids", "token_type_ids", "attention_mask"),
)
SPECIALS: dict[Style, Specials] = {
    "encoder": ENCODER,
    "plain": replace(ENCODER, inputs=("input_ids", "attention_mask")),
    "seq2seq": Specials(
        {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}, "$A </s>", "$A </s> $B:1 </s>:1"
    ),
    # As in GPT-2, one token begins and ends a text, and the caller sets it where a text ends.
    "gpt": Specials(
        {"pad_token": "<pad>", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "unk_token": "<unk>"},
        "$A",
        "$A $B:1",
    ),
}


def train(
    style: Style, tokens: Tokens, texts: Iterable[str], vocab_size: int, max_length: int, extra_tokens: Sequence[str]
) -> PreTrainedTokenizerFast:
    """A tokenizer with at most `vocab_size` tokens, made of the texts. The first one is that of the padding."""
    specials = SPECIALS[style]
    first = list(dict.fromkeys([*specials.names.values(), *extra_tokens]))
    reads = style in ("encoder", "plain")
    rules = _reading(tokens) if reads else _writing(tokens, prefixed=style == "seq2seq")
    sample = vocabulary.bounded(texts)
    make = _reader if reads else _writer
    rules.model = make(rules, tokens, sample, first, vocab_size, specials.names["unk_token"])
    rules.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in first])
    numbers = [(name, rules.token_to_id(name)) for name in first if name in specials.pair]
    rules.post_processor = processors.TemplateProcessing(
        single=specials.single, pair=specials.pair, special_tokens=numbers
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=rules,
        model_max_length=max_length,
        model_input_names=list(specials.inputs),
        clean_up_tokenization_spaces=False,
        extra_special_tokens=list(extra_tokens),
        **specials.names,
    )


def _reading(tokens: Tokens) -> Tokenizer:
    """The rules of a reader, without a model yet: what comes before its vocabulary."""
    rules = Tokenizer(models.WordLevel())
    if tokens == "characters":
        rules.pre_tokenizer = pre_tokenizers.Split(Regex("(?m)."), "isolated")
        return rules
    # Wide forms, as Chinese keyboards give them, are the same letters and digits.
    rules.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    pattern = READ if tokens == "words" else READ_ALONE
    rules.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(pattern), "isolated")]
    )
    return rules


def _writing(tokens: Tokens, prefixed: bool) -> Tokenizer:
    """The rules of a writer; `prefixed`: the first word looks like any other, with a blank before it.

    A translation is a whole text, and there it saves words their second form. A text that is continued needs its
    blanks as they are: what is decoded is put behind what was there.
    """
    rules = Tokenizer(models.WordLevel())
    if tokens == "characters":
        rules.pre_tokenizer = pre_tokenizers.Split(Regex("(?m)."), "isolated")
        rules.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
        return rules
    first = [normalizers.Prepend(BLANK)] if prefixed else []
    rules.normalizer = normalizers.Sequence([*first, normalizers.Replace(" ", BLANK)])
    rules.pre_tokenizer = pre_tokenizers.Split(Regex(WRITTEN), "isolated")
    last = [decoders.Strip(" ", 1, 0)] if prefixed else []
    rules.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse(), *last])
    return rules


def _reader(
    rules: Tokenizer, tokens: Tokens, texts: Sequence[str], first: list[str], vocab_size: int, unknown: str
) -> Any:
    """The model of a reader."""
    room = vocab_size - len(first)
    counts = vocabulary.pieces(rules, texts)
    letters = vocabulary.characters(counts)
    if tokens == "subwords":
        known = [letter for letter, _ in vocabulary.alphabet(letters, room // 2)]
        inside = {letter for piece in counts for letter in piece[1:]}
        trainer = trainers.WordPieceTrainer(
            vocab_size=room,
            initial_alphabet=known,
            limit_alphabet=len(known),
            # The trainer numbers these as its hash table gives them, and equally frequent pairs by number.
            special_tokens=[f"{INSIDE}{letter}" for letter in known if letter in inside],
            continuing_subword_prefix=INSIDE,
        )
        learned = _learned(rules, models.WordPiece(unk_token=unknown), trainer, texts)["vocab"]
        entries = [*first, *sorted(learned, key=lambda entry: learned[entry])]
        return models.WordPiece(vocabulary.by_number(entries), unk_token=unknown, max_input_chars_per_word=LONGEST_WORD)
    if tokens == "words" and vocabulary.is_chinese(letters):
        return _unigram(vocabulary.segmented(counts), letters, first, room, unknown, byte_fallback=False)
    kept = [entry for entry, _ in vocabulary.frequent(counts, room)]
    return models.WordLevel(vocabulary.by_number([*first, *kept]), unk_token=unknown)


def _writer(
    rules: Tokenizer, tokens: Tokens, texts: Sequence[str], first: list[str], vocab_size: int, unknown: str
) -> Any:
    """The model of a writer."""
    first = [*first, *BYTES]
    room = vocab_size - len(first)
    counts = vocabulary.pieces(rules, texts)
    letters = vocabulary.characters(counts)
    if tokens == "words":
        words = vocabulary.segmented(counts) if vocabulary.is_chinese(letters) else counts
        return _unigram(words, letters, first, room, unknown, byte_fallback=True)
    known = vocabulary.alphabet(letters, room // 2 if tokens == "subwords" else room)
    alphabet = [letter for letter, _ in known]
    entries, merges = [*first, *alphabet], []
    if tokens == "subwords":
        trainer = trainers.BpeTrainer(vocab_size=room, initial_alphabet=alphabet, limit_alphabet=len(alphabet))
        learned = _learned(rules, models.BPE(), trainer, texts)
        entries = [*first, *sorted(learned["vocab"], key=lambda entry: learned["vocab"][entry])]
        merges = [(left, right) for left, right in learned["merges"]]
    numbers = vocabulary.by_number(entries)
    return models.BPE(numbers, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)


def _learned(rules: Tokenizer, model: Any, trainer: Any, texts: Sequence[str]) -> dict[str, Any]:
    """The model part of tokenizer.json after training: vocab and, of BPE, merges."""
    rules.model = model
    trainer.show_progress = False
    rules.train_from_iterator(texts, trainer, length=len(texts))
    return json.loads(rules.to_str())["model"]


def _unigram(
    words: Counter[str], letters: Counter[str], first: Sequence[str], room: int, unknown: str, byte_fallback: bool
) -> models.Unigram:
    """Words, and characters for what is none of them."""
    known = vocabulary.alphabet(letters, room // 2)
    kept = vocabulary.frequent(words, room - len(known))
    scores = [(name, 0.0) for name in first] + vocabulary.unigram_scores(kept, known)
    return models.Unigram(scores, unk_id=first.index(unknown), byte_fallback=byte_fallback)
