"""The stretch of a context that answers a question: AutoModelForQuestionAnswering with LoRA.

A context of any length goes through in overlapping windows. The probability of a stretch is that of
its start times that of its end in the window, softmaxes over the window's context and its first
token; that token stands for "the answer is not here" (Devlin et al. 2019, section 4.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from peft import TaskType
from pydantic import BaseModel
from transformers import AutoModelForQuestionAnswering, DataCollatorWithPadding, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.fields import FoundAnswer, GoldAnswer, Row
from playground.heads.base import Prediction, Window, probabilities
from playground.heads.encoder import EncoderHead
from playground.heads.words import apart, bare, place_before, words
from playground.i18n import msg
from playground.models.trunk import Features

QUESTION_SHARE = 0.5
OVERLAP_SHARE = 0.35
"""How much of a window is shared with the next: longer than nearly all answers and what explains them."""
TRIED = 20
"""Starts and ends that are combined, the likeliest of each window."""
NOWHERE = (0, 0)


@dataclass(frozen=True)
class Candidate:
    """A stretch of the context, in code points; NOWHERE for no answer."""

    place: tuple[int, int]
    score: float


class ExtractiveQA(EncoderHead):
    """The head of reading comprehension models. C = 2: start and end."""

    name = "extractive_qa"
    auto_class = AutoModelForQuestionAnswering
    peft_task = TaskType.QUESTION_ANS
    per_token = True
    probability_axis: int | None = 0

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        return ()

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        return {"num_labels": 2}  # said, as the base may have been a classifier

    def _named(self, config: Any) -> tuple[str, ...]:
        return ()

    def _unnamed(self, head: Any) -> tuple[str, ...]:
        return ()

    def read(self, output: ModelOutput) -> torch.Tensor:
        """[B, T, 2]"""
        return torch.stack([output.start_logits, output.end_logits], -1)

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """Windows of question and context; `offsets` are places in the context, (0, 0) for all other tokens."""
        if any(not row["context"].strip() for row in rows):  # what models that write do without
            raise PlaygroundError("field_empty", field=msg("field.context"))
        questions = _questions(tokenizer, rows, max_length)
        contexts = [apart(row["context"]) for row in rows]
        batch = tokenizer(
            questions,
            [text for text, _ in contexts],
            truncation="only_second",
            max_length=max_length,
            stride=_overlap(tokenizer, questions, max_length),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        inputs = [name for name in batch if name not in ("offset_mapping", "overflow_to_sample_mapping")]
        found = []
        for index, row in enumerate(batch["overflow_to_sample_mapping"]):
            parts, offsets = batch.sequence_ids(index), batch["offset_mapping"][index]
            blanks = contexts[row][1]
            places = [
                place_before(pair, blanks) if part == 1 else NOWHERE for part, pair in zip(parts, offsets, strict=True)
            ]
            found.append(Window({name: batch[name][index] for name in inputs}, row, places))
        return found

    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """Features with `start_positions` and `end_positions`: token numbers, 0 where a window lacks the answer."""
        features: list[Any] = []
        for window in self.windows(tokenizer, rows, max_length):
            answers: Sequence[GoldAnswer] = rows[window.row]["answer"]
            first, last = _tokens_of(answers[0], window.offsets) if answers else (0, 0)
            features.append({**window.features, "start_positions": first, "end_positions": last})
        return features

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> DataCollatorWithPadding:
        return DataCollatorWithPadding(tokenizer)

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        most_words = getattr(params, "max_answer_words", 30)
        found: list[dict[tuple[int, int], float]] = [{} for _ in rows]
        nowhere = [1.0] * len(rows)
        for window, values in zip(windows, logits, strict=True):
            shares = _context_probabilities(window, values)
            # The answer is nowhere only if no window has it.
            nowhere[window.row] = min(nowhere[window.row], float(shares[0].prod()))
            for candidate in _candidates(window, shares):
                known = found[window.row]
                known[candidate.place] = max(known.get(candidate.place, 0.0), candidate.score)
        return [
            _prediction(row["context"], places, none, most_words, params)
            for row, places, none in zip(rows, found, nowhere, strict=True)
        ]


def _questions(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[str]:
    """The questions, each cut to its share of a window so that there is room for the context."""
    texts = [apart(row["question"].strip())[0] for row in rows]
    most = min(int(QUESTION_SHARE * max_length), max_length - _special(tokenizer) - 1)
    batch = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    return [
        text if len(offsets) <= most else text[: offsets[most - 1][1]]
        for text, offsets in zip(texts, batch["offset_mapping"], strict=True)
    ]


def _overlap(tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], max_length: int) -> int:
    """How many tokens a window shares with the next: fewer than it has of any context, or it would not move on."""
    longest = max(map(len, tokenizer(list(questions), add_special_tokens=False)["input_ids"]), default=0)
    room = max_length - _special(tokenizer) - longest
    return min(int(OVERLAP_SHARE * max_length * (1 - QUESTION_SHARE)), room - 1)


def _special(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens stand around a question and its context."""
    return tokenizer.num_special_tokens_to_add(pair=True)


def _tokens_of(answer: GoldAnswer, offsets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """First and last token of an answer in a window; (0, 0) if it does not hold all of it."""
    start, end = answer["start"], answer["start"] + len(answer["text"])
    inside = [index for index, (low, high) in enumerate(offsets) if low < high and low < end and high > start]
    context = [index for index, (low, high) in enumerate(offsets) if low < high]
    if not inside or offsets[context[0]][0] > start or offsets[context[-1]][1] < end:
        return 0, 0
    return inside[0], inside[-1]


def _context_probabilities(window: Window, logits: np.ndarray) -> np.ndarray:
    """[T, 2] probabilities of start and end over the context's tokens and the first token; 0 elsewhere."""
    allowed = np.array([low < high for low, high in window.offsets])
    allowed[0] = True
    shares = np.zeros_like(logits, np.float64)
    shares[allowed] = probabilities(HEAD, logits[allowed])
    return shares


def _candidates(window: Window, shares: np.ndarray) -> Iterator[Candidate]:
    """The likeliest stretches of a window, in no order."""
    starts, ends = (np.argsort(-shares[:, side])[:TRIED] for side in (0, 1))
    for start in starts:
        for end in ends:
            if 0 < start <= end and shares[start, 0] and shares[end, 1]:
                place = (window.offsets[start][0], window.offsets[end][1])
                yield Candidate(place, float(shares[start, 0] * shares[end, 1]))


def _prediction(
    context: str, places: dict[tuple[int, int], float], none: float, most_words: int, params: BaseModel
) -> Prediction:
    """The best answer, and the `top_k` best as `alternatives`, stretches that overlap better ones left out."""
    ranked = (Candidate(_tidy(context, place), places[place]) for place in sorted(places, key=lambda key: -places[key]))
    chosen: list[Candidate] = []
    top_k = getattr(params, "top_k", 1)
    for candidate in ranked:
        start, end = candidate.place
        apart = all(end <= other.place[0] or start >= other.place[1] for other in chosen)
        if start < end and apart and len(words(context[start:end])) <= most_words:
            chosen.append(candidate)
        if len(chosen) == top_k:
            break
    if getattr(params, "allow_none", True) or not chosen:
        chosen = sorted([*chosen, Candidate(NOWHERE, none)], key=lambda c: -c.score)
    answers = [_answer(context, candidate) for candidate in chosen]
    return Prediction(answers[0], {"alternatives": answers})


def _tidy(context: str, place: tuple[int, int]) -> tuple[int, int]:
    """The place without emojis and blanks at its ends (byte-level tokens begin with a blank)."""
    return _stripped(context, bare(context, _stripped(context, place)))


def _stripped(context: str, place: tuple[int, int]) -> tuple[int, int]:
    start, end = place
    text = context[start:end]
    return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())


def _answer(context: str, candidate: Candidate) -> FoundAnswer:
    start, end = candidate.place
    return {"answer": context[start:end], "score": min(candidate.score, 1.0), "start": start, "end": end}


HEAD = ExtractiveQA()
