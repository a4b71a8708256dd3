"""Scores of answers. English and its like as SQuAD's evaluation script, Chinese and Japanese as CMRC 2018's.

Both scripts compare with every gold answer and take the best. A question without a gold answer is
right only where nothing, "", was predicted (SQuAD 2.0), and nothing is right only there.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

import numpy as np

from playground.fields import GoldAnswer

Gold = Sequence[Sequence[GoldAnswer]]
HAN_OR_KANA = "[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
ARTICLES = re.compile(r"\b(a|an|the)\b")
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
DROPPED_ASCII = set("-:_*^/\\~`+=")
"""What CMRC's script drops of ASCII: a full stop or a comma may be part of a number."""
SEGMENT = re.compile(rf"{HAN_OR_KANA}|(?:(?!{HAN_OR_KANA})\w)+(?:[.,'](?:(?!{HAN_OR_KANA})\w)+)*|[^\w\s]")
"""A Chinese or Japanese character, a word or number of another script, or a symbol."""


def exact_match(gold: Gold, predicted: Sequence[str]) -> float:
    """Share of rows whose answer is, normalised, one of the gold ones."""
    return sum(is_exact(right, found) for right, found in zip(gold, predicted, strict=True)) / len(gold)


def weighted_exact_match(gold: Gold, predicted: Sequence[str]) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    right = np.array([is_exact(*pair) for pair in zip(gold, predicted, strict=True)], dtype=np.float64)
    return lambda weights: float(weights @ right / weights.sum())


def answer_f1(gold: Gold, predicted: Sequence[str]) -> float:
    """Mean over the rows of the F1 of the answer's words, or characters, against the best gold answer."""
    return float(_overlaps(gold, predicted).mean())


def weighted_answer_f1(gold: Gold, predicted: Sequence[str]) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    values = _overlaps(gold, predicted)
    return lambda weights: float(weights @ values / weights.sum())


def is_exact(gold: Sequence[GoldAnswer], predicted: str) -> bool:
    """Whether an answer is, normalised, one of the gold ones; "" only where there is none."""
    if not gold or not predicted:
        return not gold and not predicted
    return any(_same(answer["text"], predicted) for answer in gold)


def overlap(gold: Sequence[GoldAnswer], predicted: str) -> float:
    """F1 against the best gold answer, 0 to 1."""
    if not gold or not predicted:
        return float(not gold and not predicted)
    return max(_f1(answer["text"], predicted) for answer in gold)


def _overlaps(gold: Gold, predicted: Sequence[str]) -> np.ndarray:
    """[N]"""
    return np.array([overlap(right, found) for right, found in zip(gold, predicted, strict=True)])


def normalised(text: str) -> str:
    """As SQuAD's script compares: lower case, no punctuation (of ASCII), no articles, single blanks."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(WITHOUT_PUNCTUATION)).split())


def without_marks(text: str) -> str:
    """As CMRC's script compares: lower case, without the marks of Chinese and some of ASCII."""
    return "".join(
        char
        for char in text.lower().strip()
        if not (char in DROPPED_ASCII if char.isascii() else char == "～" or unicodedata.category(char)[0] == "P")
    )


def segments(text: str) -> list[str]:
    """Characters of Chinese and Japanese and words of other scripts, in order, without marks."""
    return SEGMENT.findall(without_marks(text))


def _by_character(*texts: str) -> bool:
    return any(re.search(HAN_OR_KANA, text) for text in texts)


def _same(right: str, found: str) -> bool:
    if _by_character(right, found):
        return without_marks(right) == without_marks(found)
    return normalised(right) == normalised(found)


def _f1(right: str, found: str) -> float:
    if _by_character(right, found):
        a, b = segments(right), segments(found)
        # CMRC's script counts the longest run of characters that both have.
        common = SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size
    else:
        a, b = normalised(right).split(), normalised(found).split()
        common = sum((Counter(a) & Counter(b)).values())
    if not a or not b:
        return float(a == b)
    return 2 * common / (len(a) + len(b))
