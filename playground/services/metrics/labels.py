"""Scores of classes. N rows, C classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Labels = Sequence[str]


def accuracy(gold: Labels, predicted: Labels) -> float:
    """Share of rows whose label is right."""
    return sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)


def weighted_accuracy(gold: Labels, predicted: Labels) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    right = np.array([g == p for g, p in zip(gold, predicted, strict=True)], dtype=np.float64)
    return lambda weights: float(weights @ right / weights.sum())


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


def per_class(labels: Labels, gold: Labels, predicted: Labels) -> dict[str, dict[str, float]]:
    """{label: {"precision", "recall", "f1", "support"}}; support is the number of rows that have it."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(gold, predicted, labels=list(labels), zero_division=0)
    return {
        label: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    }
