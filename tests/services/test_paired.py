"""The paired test: against what other software says, and what is made of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import permutation_test  # type: ignore[import-untyped]

from playground.services.metrics import METRICS, paired
from playground.services.metrics.paired import LEAST_SAME, MARGIN, Difference, outcome


def labels(count: int, ours: float, theirs: float) -> tuple[list[str], list[str], list[str]]:
    """Gold labels and two models' answers, right with these shares."""
    rng = random.Random(0)
    gold = [rng.choice("abcd") for _ in range(count)]
    return gold, *([right if rng.random() < share else "x" for right in gold] for share in (ours, theirs))


def found(metric: str, gold: list[str], ours: list[str], theirs: list[str]) -> dict:
    one = METRICS[metric]
    return one.compared(gold, ours, theirs, one.gains(gold, ours, theirs))


def test_mcnemar_counts_the_rows_that_only_one_has_right() -> None:
    # 8 and 1 of 20: two tails of a fair coin thrown nine times, 2 * (1 + 9) / 2 ** 9.
    gold = ["a"] * 20
    ours, theirs = ["a"] * 8 + ["b"] + ["a"] * 11, ["b"] * 8 + ["a"] * 12
    tested = found("accuracy", gold, ours, theirs)
    assert tested["p"] == pytest.approx(20 / 512)
    assert (tested["test"], tested["outcome"]) == ("mcnemar", "better")
    assert tested["difference"] == pytest.approx(7 / 20)
    low, high = tested["interval"]
    assert 0 < low < 7 / 20 < high


def test_random_exchanges_agree_with_scipy() -> None:
    """Of a mean over the rows: chances of half a percent, by 1,000 draws each."""
    rng = np.random.default_rng(1)
    ours, theirs = rng.random(60), rng.random(60) - 0.1

    def weighted(gold: list[float], predicted: list[float]) -> paired.Callable[[np.ndarray], float]:
        values = np.asarray(predicted)
        return lambda weights: float(weights @ values / weights.sum())

    mine = paired.difference(weighted, [0.0] * 60, list(ours), list(theirs), None)
    theirs_p = permutation_test(
        (ours, theirs), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", vectorized=True,
        n_resamples=5000, random_state=np.random.default_rng(0),
    ).pvalue  # fmt: skip
    assert mine["p"] == pytest.approx(theirs_p, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_models_that_are_alike_are_rarely_called_different(metric: str) -> None:
    """One in twenty, by the meaning of the level; 100 tries give at most 11 with 99 %."""
    one = METRICS[metric]
    rng = random.Random(3)
    called = 0
    for _ in range(100):
        gold = [rng.choice("ab") for _ in range(40)]
        ours, theirs = ([right if rng.random() < 0.7 else "c" for right in gold] for _ in range(2))
        called += one.compared(gold, ours, theirs, one.gains(gold, ours, theirs))["p"] < paired.LEVEL
    assert called <= 11


def test_equal_answers_differ_in_nothing() -> None:
    gold, ours, _ = labels(30, 0.8, 0.5)
    for metric in ("accuracy", "macro_f1"):
        tested = found(metric, gold, ours, ours)
        assert (tested["difference"], tested["p"], tested["interval"]) == (0.0, 1.0, [0.0, 0.0])
        assert tested["outcome"] == "few", "thirty rows cannot show that two models are alike"


@pytest.mark.parametrize(
    ("count", "ours", "theirs", "said"),
    [(2000, 0.9, 0.8, "better"), (2000, 0.8, 0.9, "worse"), (8, 0.9, 0.3, "few"), (100, 0.85, 0.83, "few")],
)
def test_what_a_difference_says(count: int, ours: float, theirs: float, said: str) -> None:
    assert found("accuracy", *labels(count, ours, theirs))["outcome"] == said


def test_alike_is_said_only_where_a_difference_that_matters_is_ruled_out() -> None:
    def of(low: float, high: float, rows: int, p: float = 0.5) -> str:
        tested: Difference = {"difference": (low + high) / 2, "interval": [low, high], "p": p, "test": "mcnemar"}
        return outcome(tested, rows, MARGIN, is_cost=False)

    assert of(-0.01, 0.015, 3000) == "same"
    assert of(-0.01, 0.025, 3000) == "few"
    assert of(0.0, 0.0, LEAST_SAME - 1) == "few"
    assert of(0.001, 0.015, 3000, p=0.01) == "better"


def test_of_a_cost_less_is_better() -> None:
    cheap, dear = ([{"nats": nats + row % 3, "tokens": 2, "characters": 5} for row in range(50)] for nats in (2, 4))
    one = METRICS["perplexity"]
    gains = one.gains([None] * 50, cheap, dear)
    assert (gains > 0).all()
    tested = one.compared([None] * 50, cheap, dear, gains)
    assert tested["difference"] < 0
    assert tested["outcome"] == "better"
