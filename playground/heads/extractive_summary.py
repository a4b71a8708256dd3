"""A summary out of a text's own sentences: those that say most of what all of them say, and not the same twice.

A sentence's rank is its mean similarity to the others (degree centrality; Erkan and Radev 2004, LexRank) and a little
for standing early; each that is taken makes those like it less welcome (maximal marginal relevance; Carbonell and
Goldstein 1998). Sentences are compared by embeddings of the base, or, where a model has no base, by their words: pairs
of characters where a script has no blanks. The weights below were set once, before any text was summarized.

S sentences, D features of each.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from playground.data.sentences import side_by_side, whole
from playground.data.tokens import UNSPACED
from playground.fields import Row
from playground.heads.base import Head, Loaded, Prediction, Trunkless, longest_input
from playground.heads.embedding import embed, mean_pool
from playground.i18n import msg
from playground.models.resolve import Resolved
from playground.models.trunk import BASE, Trunk

EARLY = 0.2
"""What the first sentence gets for its place, the last one nothing."""
SAME = 0.5
"""Of its likeness to a sentence that is taken already, so much is taken off."""
MOST_SENTENCES = 2_000
"""Of a text so many are looked at; `read` of the details says how many there were of them."""
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Sentence:
    """text == of[start:end], in code points of the whole text."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in order."""
    return [Sentence(place, place + len(sentence), sentence) for place, sentence in whole(text)]


def word_features(texts: Sequence[str]) -> Any:
    """Counts of words, or of characters and their pairs, weighed by rarity; sparse [S, D], each row of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weighed = TfidfVectorizer(analyzer=_words, sublinear_tf=True)
    try:
        return weighed.fit_transform(texts)
    except ValueError:  # no word in any of them
        return np.zeros((len(texts), 1))


def _words(text: str) -> list[str]:
    found = []
    for word in WORD.findall(text.casefold()):
        if UNSPACED.search(word):
            found += [*word, *(word[place : place + 2] for place in range(len(word) - 1))]
        else:
            found.append(word)
    return found


def chosen(features: Any, count: int) -> list[tuple[int, float]]:
    """(number, rank) of the `count` sentences that are taken, the best first.

    features: [S, D], dense or sparse, rows of length 1, or 0 where a sentence has no words
    """
    total = features.shape[0]
    summed = np.asarray(features.sum(0)).ravel()
    own = np.asarray((features.multiply(features) if hasattr(features, "multiply") else features**2).sum(1)).ravel()
    ranks = (features @ summed - own) / max(1, total - 1) + EARLY * (1 - np.arange(total) / max(1, total - 1))
    alike = np.zeros(total)
    taken: list[int] = []
    while len(taken) < min(count, total):
        left = ranks - SAME * alike
        left[taken] = -np.inf
        taken.append(int(left.argmax()))
        one = features[[taken[-1]]]
        alike = np.maximum(
            alike, np.asarray((features @ one.T).todense() if hasattr(one, "todense") else features @ one.T).ravel()
        )
    return [(number, float(ranks[number])) for number in taken]


def summary(text: str, features: Any, found: Sequence[Sentence], count: int) -> Prediction:
    """The sentences that are taken, in the order of the text; `sources` of the details says where each stands."""
    taken = sorted(chosen(features, count))
    parts = [found[number] for number, _ in taken]
    sources = [
        {"start": part.start, "end": part.end, "text": part.text, "score": rank}
        for part, (_, rank) in zip(parts, taken, strict=True)
    ]
    return Prediction(
        {"summary_text": side_by_side(part.text for part in parts)}, {"sources": sources, "read": len(found)}
    )


def _summarized(row: Row, params: BaseModel, features: Any) -> Prediction:
    found = sentences(row["text"])
    if not found:  # nothing but marks and numbers
        return Prediction({"summary_text": row["text"].strip()}, {"sources": [], "read": 0})
    found = found[:MOST_SENTENCES]
    count = int(getattr(params, "sentences", 3))
    return summary(row["text"], features([sentence.text for sentence in found]), found, count)


@dataclass
class ByEmbedding(Loaded):
    """Sentences are alike as their embeddings are."""

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        def features(texts: Sequence[str]) -> np.ndarray:
            return embed(self.trunk, texts, self.max_length).astype(np.float64)

        return [_summarized(row, params, features) for row in rows]


@dataclass
class ByWords(Trunkless):
    """Sentences are alike as their words are."""

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        return [_summarized(row, params, word_features) for row in rows]


class ExtractiveSummary:
    """The head of models that are a base, or none, and a way to choose: no weights of their own."""

    name = "extractive_summary"
    per_token = False
    probability_axis = None

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        limit = min(resolved.max_length or longest_input(trunk), longest_input(trunk))
        return ByEmbedding(trunk, BASE, mean_pool, (), limit)

    def open(self, resolved: Resolved) -> Trunkless:
        """A model without a base."""
        return ByWords(told=msg("device.none"))

    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        """The embeddings of each row's sentences."""
        texts = [[sentence.text for sentence in sentences(row["text"])] for row in rows]
        return [embed(loaded.trunk, some, loaded.max_length).ravel() for some in texts]


HEAD = ExtractiveSummary()
