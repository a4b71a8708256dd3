"""Metrics by name, and how far to trust them.

Gold and predicted values come as lists with one plain value per row, as Field.compared makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from playground.services.metrics import answers, entities, labels
from playground.services.metrics.entities import per_type
from playground.services.metrics.trust import bootstrap, wilson

__all__ = ["METRICS", "Metric", "bootstrap", "interval_methods", "intervals", "per_type", "score", "wilson"]

Values = Sequence[Any]
Way = Literal["wilson", "bootstrap"]


@dataclass(frozen=True)
class Metric:
    """A score of a set of rows, from 0 to 1.

    value     (gold, predicted) -> the score
    weighted  (gold, predicted) -> a function of [N] weights: the score with row n counted weights[n] times;
              None for a share of rows, of which more is known
    """

    value: Callable[[Values, Values], float]
    weighted: Callable[[Values, Values], Callable[[np.ndarray], float]] | None = None

    @property
    def way(self) -> Way:
        """How its interval is made."""
        return "bootstrap" if self.weighted else "wilson"

    def interval(self, gold: Values, predicted: Values) -> list[float]:
        """[low, high] at 95 %."""
        value = self.value(gold, predicted)
        if self.weighted:
            return list(bootstrap(value, self.weighted(gold, predicted), len(gold)))
        return list(wilson(round(value * len(gold)), len(gold)))


METRICS: dict[str, Metric] = {
    "accuracy": Metric(labels.accuracy),
    "macro_f1": Metric(labels.macro_f1, labels.weighted_macro_f1),
    **{
        f"entity_{name}": Metric(entities.scorer(name), entities.weighted_scorer(name))
        for name in ("f1", "precision", "recall")
    },
    "exact_match": Metric(answers.exact_match),
    "answer_f1": Metric(answers.answer_f1, answers.weighted_answer_f1),
}


def score(names: Sequence[str], gold: Values, predicted: Values) -> dict[str, float]:
    """{metric: value}. An unknown name raises KeyError: it is a fault of ours."""
    return {name: METRICS[name].value(gold, predicted) for name in names}


def intervals(names: Sequence[str], gold: Values, predicted: Values) -> dict[str, list[float]]:
    """{metric: [low, high]} at 95 %, the value within."""
    return {name: METRICS[name].interval(gold, predicted) for name in names}


def interval_methods(names: Sequence[str]) -> dict[str, Way]:
    """{metric: how its interval is made}; the words are `interval.<way>` in the catalogs."""
    return {name: METRICS[name].way for name in names}
