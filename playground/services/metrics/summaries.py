"""ROUGE-L of summaries against one reference each, as rouge-score computes it. N rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from playground.data.tokens import UNSPACED

Texts = Sequence[str]
PIECE = re.compile(r"[^\W_]+")


class _Words:
    """Words in small letters; of a script without blanks each character. No stemming."""

    def tokenize(self, text: str) -> list[str]:
        found = []
        for word in PIECE.findall(text.casefold()):
            found += list(word) if UNSPACED.search(word) else [word]
        return found


def rouge_l(gold: Texts, predicted: Texts) -> float:
    """The mean F1 of the longest common subsequence of words (Lin 2004); Chinese and Japanese by character."""
    return weighted_rouge_l(gold, predicted)(np.ones(len(gold)))


def weighted_rouge_l(gold: Texts, predicted: Texts) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=_Words())
    scores = np.array(
        [scorer.score(right, found)["rougeL"].fmeasure for right, found in zip(gold, predicted, strict=True)]
    )

    def of(weights: np.ndarray) -> float:
        return float(weights @ scores / weights.sum())

    return of
