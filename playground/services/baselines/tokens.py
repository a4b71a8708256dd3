"""What can be said of a text by how often its tokens were seen, and nothing else. T tokens of a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Tokens = Sequence[int]


def unigram(train: Sequence[Tokens], held_out: Sequence[Tokens], vocabulary: int) -> list[np.ndarray]:
    """For each held-out row the log-probability of each of its tokens, [T], whatever stands before it.

    A token's share of the training rows, with one added to each count, so that none is impossible (Laplace).
    """
    counts = np.ones(vocabulary)
    for tokens in train:
        np.add.at(counts, np.asarray(tokens, dtype=np.int64), 1)
    logarithms = np.log(counts / counts.sum())
    return [logarithms[np.asarray(tokens, dtype=np.int64)] for tokens in held_out]
