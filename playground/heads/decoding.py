"""A language model's text, token by token, with a way out between any two of them.

The library's `generate` keeps the model until a text is finished. Here every token is one call, so that on a shared
trunk others' requests get their turn between tokens, and whoever waits can stop within one.

One text is followed, whatever a model's files say of beams: which of several is the best is known at their end, so
that nothing could be shown on the way. What else they say of the tokens that may be written holds: see rules_of.

V tokens of the vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    LogitsProcessor,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    PreTrainedTokenizerBase,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.errors import PlaygroundError
from playground.heads.detokenizing import Detokenizer
from playground.heads.generating import Bounds

READ_AT_ONCE = 512
"""Tokens of a prompt that go through in one call; longer ones give way in between."""
OTHERS = 5
LEAST_TEMPERATURE = 1e-3
Ended = Literal["", "eos", "tokens", "seconds", "stopped", "context"]


@dataclass(frozen=True)
class Writes:
    """A language model as the loop needs it.

    forward  the model's output for {"input_ids": [[int]], ...}; run by `call` only
    call     runs a function where the model may be called, and waits for it
    ends     ids of the tokens that end a text
    rules    of which tokens may be written, as the model's files have them
    context  most tokens of a prompt and its continuation
    options  what forward is given each time
    """

    tokenizer: PreTrainedTokenizerBase
    forward: Callable[[dict[str, Any]], Any]
    call: Callable[[Callable[[], Any]], Any]
    ends: frozenset[int]
    rules: tuple[LogitsProcessor, ...]
    context: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen: the likeliest (temperature 0), or by chance among those that the others leave."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    @property
    def greedy(self) -> bool:
        """Without chance: logits that are divided by almost nothing are no numbers any more."""
        return self.temperature < LEAST_TEMPERATURE

    def processors(self, rules: Sequence[LogitsProcessor]) -> LogitsProcessorList:
        """In the order in which the library applies them."""
        found: list[Any] = []
        if self.repetition_penalty != 1:
            found.append(RepetitionPenaltyLogitsProcessor(self.repetition_penalty))
        found += rules
        if not self.greedy:
            found += [TemperatureLogitsWarper(self.temperature)] if self.temperature != 1 else []
            found += [TopKLogitsWarper(self.top_k)] if self.top_k else []
            found += [TopPLogitsWarper(self.top_p)] if self.top_p < 1 else []
            found += [MinPLogitsWarper(self.min_p)] if self.min_p > 0 else []
        return LogitsProcessorList(found)


def rules_of(config: Any, ends: Collection[int], tuned: bool = False) -> tuple[LogitsProcessor, ...]:
    """What a model's generation settings say of the tokens that may be written, in the order of the library.

    tuned  whether it learned from other texts since: how long its own were to be is no rule for those
    """
    found: list[Any] = []
    if config.no_repeat_ngram_size:
        found.append(NoRepeatNGramLogitsProcessor(config.no_repeat_ngram_size))
    if bad_words := [words for words in config.bad_words_ids or [] if words not in [[id] for id in ends]]:
        found.append(NoBadWordsLogitsProcessor(bad_words))
    if config.min_length and ends and not tuned:
        found.append(MinLengthLogitsProcessor(config.min_length, sorted(ends)))
    if config.forced_bos_token_id is not None:
        found.append(ForcedBOSTokenLogitsProcessor(config.forced_bos_token_id))
    if config.suppress_tokens:
        found.append(SuppressTokensLogitsProcessor(config.suppress_tokens))
    return tuple(found)


class Continuation:
    """A prompt and what is written behind it.

    ended   why nothing more is written; "" before that
    tokens  what was written: {"token", "probability", "others": [{"token", "probability"}, ...]}, by the model's
            own probabilities, before any of Sampling's rules; the token that ends a text is not among them
    seed    by which the same text is written again
    """

    def __init__(self, model: Writes, prompt: Sequence[int], sampling: Sampling, bounds: Bounds) -> None:
        if len(prompt) >= model.context:
            raise PlaygroundError("prompt_too_long", tokens=len(prompt), most=model.context - 1)
        self.model, self.bounds = model, bounds
        self.ids = list(prompt)
        self.sampling = sampling
        self.seed = sampling.seed or random.SystemRandom().randrange(1, 2**31)
        self.tokens: list[dict[str, Any]] = []
        self.ended: Ended = ""
        self._text = Detokenizer(model.tokenizer, prompt)
        self._processors = sampling.processors(model.rules)
        self._chance = torch.Generator().manual_seed(self.seed)
        self._cache: Any = None
        self._read, self._at_once = 0, READ_AT_ONCE

    @property
    def text(self) -> str:
        """What is written so far, in whole characters."""
        return self._text.text

    def steps(self) -> Iterator[None]:
        """Write, token by token, until the end."""
        while not self.ended:
            self.ended = self._over()
            if not self.ended and self.model.call(self._step):
                yield
        self._cache = None

    def _over(self) -> Ended:
        if self.bounds.stop.is_set():
            return "stopped"
        if self.bounds.over:
            return "seconds"
        if len(self.tokens) >= self.bounds.max_new_tokens:
            return "tokens"
        return "context" if len(self.ids) >= self.model.context else ""

    def _step(self) -> bool:
        """A part of the prompt read, or a token written; True for a token."""
        unread = self.ids[self._read : self._read + self._at_once]
        whole = self._read + len(unread) == len(self.ids)
        inputs = {"input_ids": unread, **self.model.options}
        output = self.model.forward(inputs if self._cache is None else {**inputs, "past_key_values": self._cache})
        self._cache = getattr(output, "past_key_values", None)
        if self._cache is None:  # a family that keeps nothing reads everything again for each token
            self._at_once = self.model.context
        else:
            self._read += len(unread)
        return whole and self._write(output.logits[0, -1:].float().cpu())

    def _write(self, logits: torch.Tensor) -> bool:
        """Choose a token by logits [1, V]; False for the end of the text."""
        if logits.isnan().any():
            raise PlaygroundError("model_not_finite")
        scores = self._processors(torch.tensor([self.ids]), logits.clone())
        token = self._chosen(scores)
        if token in self.model.ends:
            self.ended = "eos"
            return False
        self.tokens.append(self._described(token, logits[0].softmax(-1)))
        self.ids.append(token)
        self._text.add(token)
        return True

    def _chosen(self, scores: torch.Tensor) -> int:
        if self.sampling.greedy:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1)[0], 1, generator=self._chance))

    def _described(self, token: int, probabilities: torch.Tensor) -> dict[str, Any]:
        likeliest = probabilities.topk(min(OTHERS + 1, len(probabilities)))
        ranked = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        others = [{"token": self._text.shown(id), "probability": share} for id, share in ranked if id != token]
        return {
            "token": self._text.shown(token), "probability": float(probabilities[token]), "others": others[:OTHERS],
        }  # fmt: skip
