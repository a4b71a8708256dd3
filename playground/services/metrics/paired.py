"""Whether one model is better than another on the same rows. N rows.

The test is the randomization test over the rows (Fisher 1935; for corpus scores Noreen 1989, Yeh 2000): if the two
models were alike, it would not matter which of them gave which of a row's two answers. So the answers are exchanged,
row by row, and the difference that was seen is compared with those that chance brings about. It needs no assumption
on how a score is distributed, and holds for any score that is made of rows. Where the score is a share of right rows,
all exchanges can be counted: that is McNemar's exact test (1947).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict

import numpy as np

from playground.services.metrics.trust import RESAMPLES, SEED, bootstrap

Values = Sequence[Any]
Weighted = Callable[[Values, Values], Callable[[np.ndarray], float]]
"""(gold, predicted) -> a function of [N] weights: the score with row n counted weights[n] times."""
Outcome = Literal["better", "worse", "same", "few"]
LEVEL = 0.05
"""A difference is more than chance where it, or a greater one, would come about less often than this by chance."""
MARGIN = 0.02
"""A difference that does not matter: two points of a share, or two percent of a cost."""
LEAST_SAME = 150
"""Rows below which two models are never called alike: without any difference in n rows, one of 3 / n cannot be ruled
out at 95 % (the rule of three, Hanley and Lippman-Hand 1983), and that has to be MARGIN."""


class Difference(TypedDict):
    """What two models' scores differ by.

    difference  ours minus theirs
    interval    its 95 % interval: the paired bootstrap over the rows; it holds 0 where the test cannot tell
    p           how often chance alone brings about such a difference, or a greater one
    test        "mcnemar" (exact) or "randomization"
    """

    difference: float
    interval: list[float]
    p: float
    test: str


def difference(weighted: Weighted, gold: Values, ours: Values, theirs: Values, rows: np.ndarray | None) -> Difference:
    """How much better or worse `ours` are, and whether that is more than chance.

    rows  where the score is a share of right rows: 1 in rows that only we have right, -1 that only they have, else 0
    """
    our, their = weighted(gold, ours), weighted(gold, theirs)

    def of(weights: np.ndarray) -> float:
        return our(weights) - their(weights)

    value = of(np.ones(len(gold)))
    p = _randomization(weighted, gold, ours, theirs) if rows is None else _mcnemar(rows)
    low, high = bootstrap(value, of, len(gold))
    return {
        "difference": value,
        # Of few rows the bootstrap is too sure: what the test cannot tell from nothing may be nothing.
        "interval": [low, high] if p < LEVEL else [min(low, 0.0), max(high, 0.0)],
        "p": p,
        "test": "randomization" if rows is None else "mcnemar",
    }


def outcome(found: Difference, rows: int, margin: float, *, is_cost: bool) -> Outcome:
    """What a difference of two scores says.

    "better" or "worse" beyond chance, "same" where one of `margin` or more can be ruled out, else "few": too few
    rows to tell.
    """
    if found["p"] < LEVEL:
        return "better" if (found["difference"] > 0) != is_cost else "worse"
    low, high = found["interval"]
    return "same" if rows >= LEAST_SAME and -margin < low and high < margin else "few"


def _mcnemar(rows: np.ndarray) -> float:
    """Two-sided: rows that one of the two has right fall to either side as a coin does."""
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    ahead, behind = int((rows > 0).sum()), int((rows < 0).sum())
    return float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0


def _randomization(weighted: Weighted, gold: Values, ours: Values, theirs: Values) -> float:
    """The share of RESAMPLES random exchanges whose difference is as great, that which was seen counted in."""
    both = weighted([*gold, *gold], [*ours, *theirs])

    def of(kept: np.ndarray) -> float:
        first = np.concatenate([kept, ~kept]).astype(np.float64)
        return abs(both(first) - both(1 - first))

    rng = np.random.default_rng(SEED)
    seen = of(np.ones(len(gold), bool))
    # What is equal but for rounding counts as equal.
    as_great = sum(of(rng.random(len(gold)) < 0.5) >= seen - 1e-12 for _ in range(RESAMPLES))
    return (as_great + 1) / (RESAMPLES + 1)
