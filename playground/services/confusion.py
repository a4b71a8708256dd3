"""What was taken for what: of each row the cells of the confusion matrix that it stands in.

A cell is (number of the gold label, number of the answer). Where a text is marked or has any number of labels, an
entity or a label that was not found has the answer NOTHING, and one that is none has the gold label NOTHING: it is
the last label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from playground.fields import Field, Label, Labels, Span, Spans
from playground.services.metrics import entities, label_sets

Cell = tuple[int, int]
NOTHING = ""
MOST_CELLS = 2000
"""Cells that a report keeps, the fullest first: a thousand labels have a million."""


def labels_of(output: Field, labels: Sequence[str], gold: Sequence[Any], found: Sequence[Any]) -> list[str]:
    """The matrix's labels: those of the model, in their order, and what else the rows have; [] where there is none."""
    if isinstance(output, Label):
        return [*labels, *sorted({*gold, *found} - set(labels))]
    if isinstance(output, Labels):
        rest = label_sets.names(gold, found)
        return [*labels, *(label for label in rest if label not in set(labels)), NOTHING]
    return [*entities.types(gold, found), NOTHING] if isinstance(output, Spans) else []


def cells_of(output: Field, labels: Sequence[str], gold: Sequence[Any], found: Sequence[Any]) -> list[list[Cell]]:
    """Each row's cells; none where the output has no labels."""
    ids = {label: number for number, label in enumerate(labels)}
    pairs = zip(gold, found, strict=True)
    if isinstance(output, Label):
        return [[(ids[right], ids[answer])] for right, answer in pairs]
    if isinstance(output, Spans):
        return [[(ids[right], ids[answer]) for right, answer in _entities(*pair)] for pair in pairs]
    if isinstance(output, Labels):
        return [[(ids[right], ids[answer]) for right, answer in _labels(*pair)] for pair in pairs]
    return [[] for _ in gold]


def counted(cells: Iterable[Sequence[Cell]]) -> list[list[int]]:
    """[[gold, answer, how often], ...]: the MOST_CELLS fullest."""
    counts = Counter(cell for row in cells for cell in row)
    return [[*cell, count] for cell, count in counts.most_common(MOST_CELLS)]


def _labels(gold: Sequence[str], found: Sequence[str]) -> list[tuple[str, str]]:
    """(the label if it is there, the label if it was found) of every label of either side."""
    every = sorted({*gold, *found})
    return [(label if label in gold else NOTHING, label if label in found else NOTHING) for label in every]


def _entities(gold: Sequence[Span], found: Sequence[Span]) -> list[tuple[str, str]]:
    """(right type, answered type) of every stretch that either side marks, with exactly these ends."""
    right, answered = ({(span["start"], span["end"]): span["label"] for span in spans} for spans in (gold, found))
    return [(right.get(place, NOTHING), answered.get(place, NOTHING)) for place in sorted({*right, *answered})]
