"""Labelled stretches of a text: AutoModelForTokenClassification with LoRA, read word by word.

A word's label is that of its first token. Words are found by us and not by the tokenizer, so that
the places are exact whatever the tokenizer drops, lower-cases or splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from peft import TaskType
from pydantic import BaseModel
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
)

from playground.data.tags import split as split_tag
from playground.fields import Entity, Row, Span
from playground.heads.base import Prediction, Window, probabilities
from playground.heads.encoder import EncoderHead
from playground.heads.fitting import IGNORED, fit_output_layer
from playground.heads.words import apart, place_before, words
from playground.models.trunk import Features

OUTSIDE = "O"
OVERLAP_SHARE = 0.25
"""How much of a window of a long text is shared with the next one, so that a name is never only seen cut."""


class TokenClassification(EncoderHead):
    """The head of named entity models. Its outputs are IOB2 tags."""

    name = "token_classification"
    auto_class = AutoModelForTokenClassification
    peft_task = TaskType.TOKEN_CLS
    per_token = True
    probability_axis: int | None = -1

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        return (OUTSIDE, *(f"{place}-{label}" for label in labels for place in "BI"))

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        return text_windows(tokenizer, [row["text"] for row in rows], max_length, int(OVERLAP_SHARE * max_length))

    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """Features with a tag's number as `labels` at the first token of every word, [T], and IGNORED elsewhere."""
        ids = {tag: index for index, tag in enumerate(self.outputs(labels))}
        tags = [word_tags(row["text"], row["entities"]) for row in rows]
        features: list[Any] = []
        for window in text_windows(tokenizer, [row["text"] for row in rows], max_length, overlap=0):
            numbers = [IGNORED] * len(window.offsets)
            row = rows[window.row]
            for word, token in first_tokens(words(row["text"]), window.offsets).items():
                if numbers[token] == IGNORED:  # a token over several words has the label of the first
                    numbers[token] = ids[tags[window.row][word]]
            features.append({**window.features, "labels": numbers})
        return features

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> DataCollatorForTokenClassification:
        return DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)

    def fit_head(self, model: Any, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]) -> None:
        fit_output_layer(model, tokenizer, features)

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        least = getattr(params, "min_score", 0.0)
        places = [words(row["text"]) for row in rows]
        scores = self._word_scores(places, windows, logits, labels)
        found = [
            entities(row["text"], place, score, labels) for row, place, score in zip(rows, places, scores, strict=True)
        ]
        return [Prediction([entity for entity in row if entity["score"] >= least]) for row in found]

    def _word_scores(
        self,
        places: Sequence[Sequence[tuple[int, int]]],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
    ) -> list[np.ndarray]:
        """[words, C] probabilities of each row, a word's from the window that shows most around it.

        A word that the tokenizer left out (a stray control character) is outside for certain.
        """
        outside = np.array([[float(split_tag(label) == ("", "")) for label in labels]])
        scores = [outside.repeat(len(place), 0) for place in places]
        context = [np.full(len(place), -1) for place in places]
        for window, values in zip(windows, logits, strict=True):
            row, share = window.row, probabilities(self, values)
            for word, token in first_tokens(places[row], window.offsets).items():
                around = min(token, len(window.offsets) - 1 - token)
                if around > context[row][word]:
                    scores[row][word], context[row][word] = share[token], around
        return scores


def text_windows(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int, overlap: int
) -> list[Window]:
    """Each text in windows of at most `max_length` tokens that share `overlap` tokens with the next."""
    spaced = [apart(text) for text in texts]
    batch = tokenizer(
        [text for text, _ in spaced],
        truncation=True,
        max_length=max_length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    inputs = [name for name in batch if name not in ("offset_mapping", "overflow_to_sample_mapping")]
    found = []
    for index, row in enumerate(batch["overflow_to_sample_mapping"]):
        offsets = [place_before(pair, spaced[row][1]) for pair in batch["offset_mapping"][index]]
        found.append(Window({name: batch[name][index] for name in inputs}, row, offsets))
    return found


def first_tokens(places: Sequence[tuple[int, int]], offsets: Sequence[tuple[int, int]]) -> dict[int, int]:
    """{number of a word: its first token in the window}; several words may share one token."""
    found: dict[int, int] = {}
    word = 0
    for token, (start, end) in enumerate(offsets):
        if start == end:
            continue
        while word < len(places) and places[word][1] <= start:
            word += 1
        reached = word
        while reached < len(places) and places[reached][0] < end:
            found.setdefault(reached, token)
            reached += 1
    return found


def word_tags(text: str, spans: Sequence[Span]) -> list[str]:
    """The IOB2 tag of every word of a text."""
    tags, rest = [], iter(spans)
    span, inside = next(rest, None), False
    for start, end in words(text):
        while span and span["end"] <= start:
            span, inside = next(rest, None), False
        if span and span["start"] < end:
            tags.append(f"{'I' if inside else 'B'}-{span['label']}")
            inside = True
        else:
            tags.append(OUTSIDE)
    return tags


def entities(text: str, places: Sequence[tuple[int, int]], scores: np.ndarray, labels: Sequence[str]) -> list[Entity]:
    """Entities of one text from [words, C] probabilities of tags; of IOB, BIOES, BMES, or bare types.

    An entity's score is the mean, over its words, of the probability of its type.
    """
    split = [split_tag(label) for label in labels]
    kinds = {kind: [index for index, (_, other) in enumerate(split) if other == kind] for _, kind in split if kind}
    found: list[Entity] = []
    means: list[list[float]] = []
    previous = ""
    for (start, end), row in zip(places, scores, strict=True):
        # A word that the tokenizer left out has no probabilities where no label says "outside".
        place, kind = split[int(row.argmax())] if row.any() else ("", "")
        if kind:
            score = float(row[kinds[kind]].sum())
            if kind == previous and place in ("I", "M", "E", ""):
                found[-1]["end"], means[-1] = end, [*means[-1], score]
            else:
                found.append({"entity_group": kind, "score": 0.0, "word": "", "start": start, "end": end})
                means.append([score])
        # After the last word of a BIOES entity comes another one, also of the same type.
        previous = "" if place in ("E", "S", "L", "U") else kind
    for entity, shares in zip(found, means, strict=True):
        entity["word"], entity["score"] = text[entity["start"] : entity["end"]], sum(shares) / len(shares)
    return found


HEAD = TokenClassification()
