"""Entities by looking up those of the training rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from playground.fields import Row, Span
from playground.heads.words import words

Place = tuple[int, int]
"""(start, end) in code points."""
Surface = tuple[str, ...]
"""The words of an entity as they are written: blanks between them do not matter, capitals do."""


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
