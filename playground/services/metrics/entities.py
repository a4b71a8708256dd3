"""Strict scores of entities: right is the exact stretch with the exact type (seqeval, mode strict, IOB2).

N rows. The spans of a row do not overlap each other: tags could not say it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from playground.fields import Span

Rows = Sequence[Sequence[Span]]
Part = Literal["precision", "recall", "f1"]
PARTS: tuple[Part, ...] = ("precision", "recall", "f1")
"""In the order in which seqeval gives them."""


def scorer(part: Part) -> Callable[[Rows, Rows], float]:
    """The micro average over all entities of all rows; 0 where there is nothing to divide by."""

    def of(gold: Rows, predicted: Rows) -> float:
        return float(_seqeval(gold, predicted, "micro")[PARTS.index(part)])

    return of


def weighted_scorer(part: Part) -> Callable[[Rows, Rows], Callable[[np.ndarray], float]]:
    """The same, from counts, as a function of [N] weights of the rows."""

    def prepare(gold: Rows, predicted: Rows) -> Callable[[np.ndarray], float]:
        table = counts(gold, predicted)

        def of(weights: np.ndarray) -> float:
            right, found, there = weights @ table
            below = {"precision": found, "recall": there, "f1": (found + there) / 2}[part]
            return float(right / below) if below else 0.0

        return of

    return prepare


def per_type(gold: Rows, predicted: Rows) -> dict[str, dict[str, float]]:
    """{type: {"precision", "recall", "f1", "support"}}; support is the number of gold entities."""
    precision, recall, f1, support = _seqeval(gold, predicted, None)
    columns = zip(types(gold, predicted), precision, recall, f1, support, strict=True)
    return {
        kind: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for kind, p, r, f, n in columns
    }


def counts(gold: Rows, predicted: Rows) -> np.ndarray:
    """[N, 3]: entities found rightly, found, and there, in each row."""
    pairs = [(keys(right), keys(found)) for right, found in zip(gold, predicted, strict=True)]
    return np.array([(len(right & found), len(found), len(right)) for right, found in pairs]).reshape(-1, 3)


def keys(spans: Sequence[Span]) -> set[tuple[int, int, str]]:
    """What must agree for an entity to be right."""
    return {(span["start"], span["end"], span["label"]) for span in spans}


def types(*sides: Rows) -> list[str]:
    """All entity types, sorted."""
    return sorted({span["label"] for rows in sides for spans in rows for span in spans})


def _seqeval(gold: Rows, predicted: Rows, average: str | None) -> tuple[Any, Any, Any, Any]:
    """Precision, recall, F1, support: numbers, or arrays in the order of `types` where nothing is averaged."""
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    # seqeval reads dashes in a type as its own and sorts types as text, so types go in as numbers of one width.
    names = {kind: f"{number:06d}" for number, kind in enumerate(types(gold, predicted))}
    sequences = [_tags(right, found, names) for right, found in zip(gold, predicted, strict=True)]
    right_tags, found_tags = [pair[0] for pair in sequences], [pair[1] for pair in sequences]
    return precision_recall_fscore_support(right_tags, found_tags, average=average, scheme=IOB2, zero_division=0)


def _tags(gold: Sequence[Span], predicted: Sequence[Span], names: dict[str, str]) -> tuple[list[str], list[str]]:
    """IOB2 tags of a row, gold and predicted: one for each gap between neighbouring ends of any of its spans.

    So they are exact whatever a tokenizer calls a token.
    """
    ends = sorted({span[end] for span in (*gold, *predicted) for end in ("start", "end")})
    places = {offset: index for index, offset in enumerate(ends)}
    sides = []
    for spans in (gold, predicted):
        tags = ["O"] * max(0, len(ends) - 1)
        for span in spans:
            first, behind, name = places[span["start"]], places[span["end"]], names[span["label"]]
            tags[first:behind] = [f"B-{name}", *[f"I-{name}"] * (behind - first - 1)]
        sides.append(tags)
    return sides[0], sides[1]
