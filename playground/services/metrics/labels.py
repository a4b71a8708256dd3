"""Scores of classes. N rows, C classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Labels = Sequence[str]


def accuracy(gold: Labels, predicted: Labels) -> float:
    """Share of rows whose label is right."""
    return sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)


def macro_f1(gold: Labels, predicted: Labels) -> float:
    """Mean over the labels, each counted alike, of the F1 of that label (scikit-learn's definition)."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, average="macro", zero_division=0))


def weighted_macro_f1(gold: Labels, predicted: Labels) -> Callable[[np.ndarray], float]:
    """Macro-F1 as a function of [N] weights; labels that no row with a weight has are left out."""
    names, ids = np.unique([*gold, *predicted], return_inverse=True)
    right_ids, found_ids = ids[: len(gold)], ids[len(gold) :]
    hit = right_ids == found_ids

    def of(weights: np.ndarray) -> float:
        def count(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
            return np.bincount(rows, weight, minlength=len(names))

        both = count(right_ids, weights) + count(found_ids, weights)
        there = both > 0
        return float((2 * count(right_ids, weights * hit)[there] / both[there]).mean())

    return of
