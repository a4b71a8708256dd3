"""Metrics by name, and how far to trust them.

Gold and predicted values come as lists with one plain value per row, as Field.compared makes them. Metrics of
likelihood have a `likelihood.Likelihood` in place of each predicted value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from playground.services.metrics import answers, entities, label_sets, labels, likelihood, paired, summaries, texts
from playground.services.metrics.calibration import calibration
from playground.services.metrics.entities import per_type
from playground.services.metrics.label_sets import per_label
from playground.services.metrics.labels import per_class
from playground.services.metrics.trust import bootstrap, wilson

__all__ = [
    "METRICS", "Metric", "bootstrap", "by_likelihood", "calibration", "interval_methods", "intervals",
    "lower_is_better", "per_class", "per_label", "per_type", "score", "wilson",
]  # fmt: skip

Values = Sequence[Any]
Way = Literal["wilson", "bootstrap"]


EXACT = 1e-9
"""Scores that differ by less are equal."""


@dataclass(frozen=True)
class Metric:
    """A score of a set of rows, from 0 to 1; where lower is better, any number from 0 on.

    value     (gold, predicted) -> the score
    weighted  (gold, predicted) -> a function of [N] weights: the score with row n counted weights[n] times
    is_share  it is a share of right rows, of which more is known than of other scores
    of_likelihood  what a model finds of the right texts is scored, not what it writes
    """

    value: Callable[[Values, Values], float]
    weighted: Callable[[Values, Values], Callable[[np.ndarray], float]]
    is_share: bool = False
    of_likelihood: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Surprise is a cost, every other score a merit."""
        return self.of_likelihood

    @property
    def way(self) -> Way:
        """How its interval is made."""
        return "wilson" if self.is_share else "bootstrap"

    def interval(self, gold: Values, predicted: Values) -> list[float]:
        """[low, high] at 95 %."""
        value = self.value(gold, predicted)
        if self.is_share:
            return list(wilson(round(value * len(gold)), len(gold)))
        low, high = bootstrap(value, self.weighted(gold, predicted), len(gold))
        if high - low < EXACT and min(value, abs(1 - value)) < EXACT and not self.lower_is_better:
            # Resamples of rows that are all right, or all wrong, know no others: these few may just have been such.
            return list(wilson(round(value * len(gold)), len(gold)))
        return [low, high]

    def by_row(self, gold: Values, predicted: Values) -> np.ndarray:
        """[N]: what the score would be if there were that row alone."""
        once = np.ones(1)
        rows = zip(gold, predicted, strict=True)
        return np.array([self.weighted([right], [found])(once) for right, found in rows], dtype=np.float64)

    def gains(self, gold: Values, ours: Values, theirs: Values) -> np.ndarray:
        """[N]: by how much ours is the better answer to each row; below 0 where theirs is."""
        return (self.by_row(gold, ours) - self.by_row(gold, theirs)) * (-1 if self.lower_is_better else 1)

    def compared(self, gold: Values, ours: Values, theirs: Values, gains: np.ndarray) -> dict[str, Any]:
        """The two scores, their difference, whether it is more than chance (see `paired`), and what that says."""
        found = paired.difference(self.weighted, gold, ours, theirs, gains if self.is_share else None)
        other = self.value(gold, theirs)
        margin = paired.MARGIN * (other if self.lower_is_better else 1)
        said = paired.outcome(found, len(gold), margin, is_cost=self.lower_is_better)
        return {"tuned": self.value(gold, ours), "other": other, **found, "outcome": said}


METRICS: dict[str, Metric] = {
    "accuracy": Metric(labels.accuracy, labels.weighted_accuracy, is_share=True),
    "macro_f1": Metric(labels.macro_f1, labels.weighted_macro_f1),
    **{
        f"entity_{name}": Metric(entities.scorer(name), entities.weighted_scorer(name))
        for name in ("f1", "precision", "recall")
    },
    **{
        name: Metric(label_sets.unweighted(weighted), weighted, is_share=weighted is label_sets.weighted_exact_set)
        for name, weighted in (
            ("micro_f1", label_sets.weighted_micro_f1),
            ("labels_macro_f1", label_sets.weighted_macro_f1),
            ("exact_set", label_sets.weighted_exact_set),
        )
    },
    "exact_match": Metric(answers.exact_match, answers.weighted_exact_match, is_share=True),
    "answer_f1": Metric(answers.answer_f1, answers.weighted_answer_f1),
    "bleu": Metric(texts.bleu, texts.weighted_bleu),
    "chrf": Metric(texts.chrf, texts.weighted_chrf),
    "rouge_l": Metric(summaries.rouge_l, summaries.weighted_rouge_l),
    "perplexity": Metric(likelihood.perplexity, likelihood.weighted_perplexity, of_likelihood=True),
    "bits_per_character": Metric(
        likelihood.bits_per_character, likelihood.weighted_bits_per_character, of_likelihood=True
    ),
}


def score(names: Sequence[str], gold: Values, predicted: Values) -> dict[str, float]:
    """{metric: value}. An unknown name raises KeyError: it is a fault of ours."""
    return {name: METRICS[name].value(gold, predicted) for name in names}


def intervals(names: Sequence[str], gold: Values, predicted: Values) -> dict[str, list[float]]:
    """{metric: [low, high]} at 95 %, the value within."""
    return {name: METRICS[name].interval(gold, predicted) for name in names}


def by_likelihood(names: Sequence[str]) -> bool:
    """Whether a task's metrics read likelihoods in place of predicted values: either all of them do, or none."""
    return all(METRICS[name].of_likelihood for name in names)


def lower_is_better(names: Sequence[str]) -> list[str]:
    """Those of the metrics of which a smaller value is the better one."""
    return [name for name in names if METRICS[name].lower_is_better]


def interval_methods(names: Sequence[str]) -> dict[str, Way]:
    """{metric: how its interval is made}; the words are `interval.<way>` in the catalogs."""
    return {name: METRICS[name].way for name in names}
