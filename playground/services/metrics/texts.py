"""Scores of translations against one reference each, as sacrebleu computes them, divided by 100. N rows.

Both sum what a row has in common with its reference over the rows and score the sums, so that each row's
counts are made once and a resample is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from playground.languages import has_han

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

Texts = Sequence[str]


def bleu(gold: Texts, predicted: Texts) -> float:
    """BLEU (Papineni et al. 2002) with sacrebleu's defaults: 4-grams, exponential smoothing.

    Words are told apart by sacrebleu's tokenizer "zh" where the reference holds Chinese characters, which are
    then words of their own, and by "13a" elsewhere; rows of both kinds are summed up together.
    """
    return weighted_bleu(gold, predicted)(np.ones(len(gold)))


def weighted_bleu(gold: Texts, predicted: Texts) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    from sacrebleu.metrics import BLEU

    scorers = {chinese: BLEU(tokenize="zh" if chinese else "13a", force=True) for chinese in (False, True)}
    kinds = [has_han(text) for text in gold]
    return _weighted([scorers[kind] for kind in kinds], gold, predicted)


def chrf(gold: Texts, predicted: Texts) -> float:
    """chrF2 (Popović 2015): the F2 of character n-grams up to 6, blanks left out."""
    return weighted_chrf(gold, predicted)(np.ones(len(gold)))


def weighted_chrf(gold: Texts, predicted: Texts) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    from sacrebleu.metrics import CHRF

    return _weighted([CHRF()] * len(gold), gold, predicted)


def _weighted(scorers: Sequence[Metric], gold: Texts, predicted: Texts) -> Callable[[np.ndarray], float]:
    """counts: [N, S], the sufficient statistics of each row. sacrebleu's own resampling uses the same two methods."""
    rows = zip(scorers, predicted, gold, strict=True)
    counts = np.array([scorer._extract_corpus_statistics([found], [[right]])[0] for scorer, found, right in rows])

    def of(weights: np.ndarray) -> float:
        return float(scorers[0]._compute_score_from_stats((weights @ counts).tolist()).score) / 100

    return of
