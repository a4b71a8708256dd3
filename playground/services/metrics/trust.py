"""Intervals: where a score would lie if other rows of the same kind had been held out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Z_95 = 1.959964
"""Two-sided 95 % of the normal distribution, in standard deviations."""
RESAMPLES = 1000
SEED = 0


def wilson(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson 1927): sound for few rows and near 0 and 1."""
    share, z2 = right / count, Z_95**2 / count
    centre = share + z2 / 2
    spread = Z_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count))
    return max(0.0, (centre - spread) / (1 + z2)), min(1.0, (centre + spread) / (1 + z2))


def bootstrap(value: float, weighted: Callable[[np.ndarray], float], count: int) -> tuple[float, float]:
    """The percentile bootstrap's 95 % interval (Efron 1979) over `count` rows; the same numbers every time.

    value     the score of the rows themselves
    weighted  the score of a resample, told by how often it has each row, [N]
    """
    rng = np.random.default_rng(SEED)
    resamples = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(RESAMPLES))
    low, high = np.percentile([weighted(weights) for weights in resamples], (2.5, 97.5))
    # A mean over many rare classes comes out lower in resamples, which lack some of the rows. Then the
    # interval could miss its own value, and is widened to it.
    return min(float(low), value), max(float(high), value)
