"""Scores of rows that have any number of labels. N rows, C labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Sets = Sequence[Sequence[str]]
Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""[N, C] each: right ones, those that were found, and those that are there."""


def counts(labels: Sequence[str], gold: Sets, found: Sets) -> Counts:
    """Of each row and label whether it was found rightly, found, and there: 0 or 1."""
    ids = {label: number for number, label in enumerate(labels)}
    sides = np.zeros((2, len(gold), len(labels)), bool)
    for side, rows in zip(sides, (gold, found), strict=True):
        for row, names in zip(side, rows, strict=True):
            row[[ids[name] for name in names]] = True
    there, answered = sides
    right, answered, there = (side.astype(np.float64) for side in (there & answered, answered, there))
    return right, answered, there


def names(gold: Sets, found: Sets) -> list[str]:
    """All labels of either side, sorted."""
    return sorted({label for rows in (gold, found) for row in rows for label in row})


def weighted_micro_f1(gold: Sets, found: Sets) -> Callable[[np.ndarray], float]:
    """F1 of all labels of all rows taken together, as a function of [N] weights; 1 where nothing is there or found."""
    right, answered, there = (side.sum(1) for side in counts(names(gold, found), gold, found))

    def of(weights: np.ndarray) -> float:
        both = weights @ (answered + there)
        return float(2 * (weights @ right) / both) if both else 1.0

    return of


def weighted_macro_f1(gold: Sets, found: Sets) -> Callable[[np.ndarray], float]:
    """Mean of the labels' F1, as a function of [N] weights; labels that no row with a weight has are left out."""
    right, answered, there = counts(names(gold, found), gold, found)

    def of(weights: np.ndarray) -> float:
        both = weights @ (answered + there)
        seen = both > 0
        return float((2 * (weights @ right)[seen] / both[seen]).mean()) if seen.any() else 1.0

    return of


def weighted_exact_set(gold: Sets, found: Sets) -> Callable[[np.ndarray], float]:
    """Share of rows whose labels are all right and none too many, as a function of [N] weights."""
    right = np.array([set(g) == set(f) for g, f in zip(gold, found, strict=True)], dtype=np.float64)
    return lambda weights: float(weights @ right / weights.sum())


def unweighted(weighted: Callable[[Sets, Sets], Callable[[np.ndarray], float]]) -> Callable[[Sets, Sets], float]:
    """The score of all rows alike."""
    return lambda gold, found: weighted(gold, found)(np.ones(len(gold)))


def per_label(labels: Sequence[str], gold: Sets, found: Sets) -> dict[str, dict[str, float]]:
    """{label: {"precision", "recall", "f1", "support"}}; support is the number of rows that have it."""
    every = [*labels, *(name for name in names(gold, found) if name not in set(labels))]
    right, answered, there = (side.sum(0) for side in counts(every, gold, found))

    def share(part: float, whole: float) -> float:
        return float(part / whole) if whole else 0.0

    return {
        label: {
            "precision": share(r, a), "recall": share(r, t), "f1": share(2 * r, a + t), "support": int(t),
        }
        for label, r, a, t in zip(every, right, answered, there, strict=True)
    }  # fmt: skip
