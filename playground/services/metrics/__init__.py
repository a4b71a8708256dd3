"""Metrics by name, and how far to trust them. N rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Gold = Sequence[str]

Z_95 = 1.959964
"""Two-sided 95 % of the normal distribution, in standard deviations."""


def accuracy(gold: Gold, predicted: Gold) -> float:
    """Share of rows whose label is right."""
    return sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)


def macro_f1(gold: Gold, predicted: Gold) -> float:
    """Mean over the labels, each counted alike, of the F1 of that label (scikit-learn's definition)."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, average="macro", zero_division=0))


METRICS: dict[str, Callable[[Gold, Gold], float]] = {"accuracy": accuracy, "macro_f1": macro_f1}


def score(names: Sequence[str], gold: Gold, predicted: Gold) -> dict[str, float]:
    """{metric: value}. An unknown name raises KeyError: it is a fault of ours."""
    return {name: METRICS[name](gold, predicted) for name in names}


def intervals(names: Sequence[str], gold: Gold, predicted: Gold) -> dict[str, list[float]]:
    """{metric: [low, high]} at 95 %, for the metrics that are shares of rows (accuracy: Wilson's score interval)."""
    if "accuracy" not in names:
        return {}
    right = sum(g == p for g, p in zip(gold, predicted, strict=True))
    return {"accuracy": list(wilson(right, len(gold)))}


def wilson(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson 1927): sound for few rows and near 0 and 1."""
    share, z2 = right / count, Z_95**2 / count
    centre = share + z2 / 2
    spread = Z_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count))
    return max(0.0, (centre - spread) / (1 + z2)), min(1.0, (centre + spread) / (1 + z2))
