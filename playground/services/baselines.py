"""Answers by rules alone: what a fine-tune of entities or answers must beat to have learned something."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from playground.data.documents import SENTENCE_END
from playground.fields import Row, Span
from playground.heads.words import words

Place = tuple[int, int]
"""(start, end) in code points."""
Surface = tuple[str, ...]
"""The words of an entity as they are written: blanks between them do not matter, capitals do."""

STOP_HAN = frozenset("的了是在有和与與及或也都就而但其这這那个個于於为為以被把对對从從到什么麼谁誰哪几幾何多少吗嗎呢")
"""Chinese characters that ask or join and seldom are the answer."""


def dictionary(train: Sequence[Row], held_out: Sequence[Row]) -> list[list[Span]]:
    """The entities of the training rows, found again in the held-out ones with their most frequent type.

    The longest surface wins, from left to right, at word borders; surfaces that are more often not
    an entity in the training rows are left out. It is the baseline of CoNLL-2003 (Tjong Kim Sang and
    De Meulder 2003), except that surfaces of several types are kept.
    """
    entries = Dictionary(train)
    return [list(entries.find(row["text"])) for row in held_out]


class Dictionary:
    """Surface -> type, of rows with `text` and `entities`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        types: dict[Surface, Counter[str]] = {}
        for row in rows:
            for span in row["entities"]:
                surface = _surface(row["text"], words(row["text"]), span)
                types.setdefault(surface, Counter())[span["label"]] += 1
        types.pop((), None)
        self.types = {surface: counts.most_common(1)[0][0] for surface, counts in types.items()}
        self._index()
        misleading = self._misleading(rows)
        self.types = {surface: kind for surface, kind in self.types.items() if surface not in misleading}
        self._index()

    def find(self, text: str) -> Iterator[Span]:
        """The entities of a text in order, without overlaps."""
        for _, span in self._matches(text):
            yield span

    def _index(self) -> None:
        """First word -> the lengths of the surfaces that begin with it, the longest first."""
        lengths: dict[str, set[int]] = {}
        for surface in self.types:
            lengths.setdefault(surface[0], set()).add(len(surface))
        self.lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def _matches(self, text: str) -> Iterator[tuple[Surface, Span]]:
        places = words(text)
        written = [text[start:end] for start, end in places]
        at = 0
        while at < len(places):
            surface = self._longest(written, at)
            if surface:
                last = at + len(surface) - 1
                yield surface, Span(start=places[at][0], end=places[last][1], label=self.types[surface])
            at += max(1, len(surface))

    def _longest(self, written: list[str], at: int) -> Surface:
        for length in self.lengths.get(written[at], ()):
            surface = tuple(written[at : at + length])
            if surface in self.types:
                return surface
        return ()

    def _misleading(self, rows: Sequence[Row]) -> set[Surface]:
        """Surfaces that, looked up in the training rows themselves, are an entity in less than half of their places."""
        right: Counter[Surface] = Counter()
        wrong: Counter[Surface] = Counter()
        for row in rows:
            places = {(span["start"], span["end"]) for span in row["entities"]}
            for surface, span in self._matches(row["text"]):
                (right if (span["start"], span["end"]) in places else wrong)[surface] += 1
        return {surface for surface, count in wrong.items() if count > right[surface]}


def _surface(text: str, places: Sequence[Place], span: Span) -> Surface:
    """The words of an entity; () where it begins or ends within a word."""
    inside = [place for place in places if place[0] < span["end"] and place[1] > span["start"]]
    if not inside or inside[0][0] != span["start"] or inside[-1][1] != span["end"]:
        return ()
    return tuple(text[start:end] for start, end in inside)


def sliding_window(rows: Sequence[Row]) -> list[str]:
    """For each row the stretch of its context that goes best with its question; "" for a context without words."""
    return [_answer(row["question"], row["context"]) for row in rows]


def _answer(question: str, context: str) -> str:
    asked = {question[start:end].casefold() for start, end in words(question)}
    sentences = [places for places in _sentences(context) if places]
    if not sentences:
        return ""
    written = [{context[start:end].casefold() for start, end in places} for places in sentences]
    among = Counter(word for found in written for word in found)
    weights = {word: math.log(1 + len(sentences) / among[word]) for word in asked if among[word] and _tells(word)}
    scores = [sum(weights.get(word, 0.0) for word in found) for found in written]
    best = sentences[scores.index(max(scores))]
    start, end = max(_runs(context, best, asked), key=lambda place: place[1] - place[0], default=best[0])
    return context[start:end]


def _sentences(text: str) -> Iterator[list[Place]]:
    """The words of each sentence."""
    ends = iter([*(match.end() for match in SENTENCE_END.finditer(text)), len(text)])
    found: list[Place] = []
    limit = next(ends)
    for place in words(text):
        while place[0] >= limit:
            yield found
            found, limit = [], next(ends)
        found.append(place)
    yield found


def _runs(text: str, places: Sequence[Place], asked: set[str]) -> Iterator[Place]:
    """Stretches of neighbouring words that tell something and are not in the question."""
    run: list[Place] = []
    for start, end in places:
        word = text[start:end].casefold()
        if _tells(word) and word not in asked:
            run.append((start, end))
        elif run:
            yield run[0][0], run[-1][1]
            run = []
    if run:
        yield run[0][0], run[-1][1]


def _tells(word: str) -> bool:
    """Whether a word is one with a meaning of its own: neither punctuation nor a stop word."""
    return word[0].isalnum() and word not in _stop_words()


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return ENGLISH_STOP_WORDS | STOP_HAN
