"""Answers by rules alone: what a fine-tune of entities or answers must beat to have learned something."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from playground.data.documents import SENTENCE_END
from playground.fields import Row, Span
from playground.heads.words import words

Place = tuple[int, int]
"""(start, end) in code points."""
Run = tuple[int, int]
"""First and last word of a stretch of a sentence."""
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
            places = words(row["text"])
            for span in row["entities"]:
                surface = _surface(row["text"], places, span)
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
    first = bisect_right(places, span["start"], key=lambda place: place[1])
    last = bisect_left(places, span["end"], key=lambda place: place[0])
    inside = places[first:last]
    if not inside or inside[0][0] != span["start"] or inside[-1][1] != span["end"]:
        return ()
    return tuple(text[start:end] for start, end in inside)


def sliding_window(rows: Sequence[Row]) -> list[str]:
    """For each row the stretch of its context that goes best with its question; "" for a context without words.

    After the sliding window of Richardson et al. 2013 (MCTest, algorithms 1 and 2), SQuAD's baseline
    (Rajpurkar et al. 2016), with sentences as windows: the sentence that shares the rarest words with the
    question, and in it, of the stretches between stop words, punctuation and words of the question, the
    one with the most words for its mean distance to the words of the question.

    Chosen among three on 600 training rows of SQuAD 1.1 and 3000 of QAMR, answer F1 in percent: the
    longest stretch 15.4 and 16.0, the nearest one 14.3 and 32.3, this one 16.9 and 30.6.
    """
    return [_answer(row["question"], row["context"]) for row in rows]


def _answer(question: str, context: str) -> str:
    asked = {question[start:end].casefold() for start, end in words(question)}
    sentences = [places for places in _sentences(context) if places]
    if not sentences:
        return ""
    written = [[context[start:end].casefold() for start, end in places] for places in sentences]
    best = _best_sentence(asked, written)
    places, said = sentences[best], written[best]
    runs = list(_runs(said, asked))
    if not runs:
        return context[places[0][0] : places[0][1]]
    shared = [at for at, word in enumerate(said) if word in asked and _tells(word)]
    first, last = max(runs, key=lambda run: _words_for_distance(run, shared))
    return context[places[first][0] : places[last][1]]


def _best_sentence(asked: set[str], written: Sequence[Sequence[str]]) -> int:
    """Index of the sentence whose words, shared with the question, weigh most: words of few sentences do."""
    among = Counter(word for said in written for word in set(said))
    weights = {word: math.log(1 + len(written) / among[word]) for word in sorted(asked & set(among)) if _tells(word)}
    scores = [sum(weights[word] for word in weights if word in said) for said in map(set, written)]
    return scores.index(max(scores))


def _words_for_distance(run: Run, shared: Sequence[int]) -> float:
    first, last = run
    distances = [min(abs(at - first), abs(at - last)) for at in shared]
    return (last - first + 1) * len(distances) / sum(distances) if distances else last - first + 1


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


def _runs(said: Sequence[str], asked: set[str]) -> Iterator[Run]:
    """Stretches of neighbouring words that tell something and are not in the question."""
    telling = [_tells(word) and word not in asked for word in said]
    for kept, group in groupby(range(len(said)), key=telling.__getitem__):
        if kept:
            places = list(group)
            yield places[0], places[-1]


def _tells(word: str) -> bool:
    """Whether a word is one with a meaning of its own: neither punctuation nor a stop word."""
    return word[0].isalnum() and word not in _stop_words()


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return ENGLISH_STOP_WORDS | STOP_HAN
