"""Whether a model is as often right as it says it is sure. M answers, each with a score from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 10
LEAST = 100
"""Answers below which the error says little: with ten bins it comes out high by chance alone."""


def calibration(scores: Sequence[float], right: Sequence[bool]) -> dict[str, Any]:
    """The expected calibration error (Guo et al. 2017, equation 5; equal-width bins), and its bins.

    {"error": mean of |how sure - how often right| over the answers, "count": M, "score": mean, "right": share,
    "few": whether M is too small to say, "bins": [{"from", "to", "count", "score", "right"}, ...]}; bins without an
    answer are left out.
    """
    sure, correct = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins = [
        {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "count": int(inside.sum()),
            "score": float(sure[inside].mean()),
            "right": float(correct[inside].mean()),
        }
        for number in range(BINS)
        if (inside := places == number).any()
    ]
    error = sum(each["count"] * abs(each["score"] - each["right"]) for each in bins) / max(1, len(sure))
    return {
        "error": error,
        "count": len(sure),
        "score": float(sure.mean()),
        "right": float(correct.mean()),
        "few": len(sure) < LEAST,
        "bins": bins,
    }
