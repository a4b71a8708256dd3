"""Scores of the right texts themselves: how likely a model finds them, whatever it would write. N rows.

Lower is better. A row's value is a Likelihood; what is right is known to it already, so gold values are not read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np

from playground.fields import ASSISTANT, Row


class Likelihood(TypedDict):
    """What a model was surprised by in a row.

    nats        minus the sum of the log-probabilities of the tokens that are to be written, the end among them
    tokens      how many these are
    characters  of the texts that they stand for, in code points
    """

    nats: float
    tokens: int
    characters: int


Found = Sequence[Likelihood]


def of_rows(rows: Sequence[Row], output: str, marks: Sequence[np.ndarray], added: Sequence[int]) -> list[Likelihood]:
    """A value for each row.

    output  the right text's field
    marks   the log-probability of each of a row's tokens
    added   characters that these stand for besides the right text
    """
    return [
        {"nats": -float(values.sum()), "tokens": len(values), "characters": characters(row, output) + more}
        for row, values, more in zip(rows, marks, added, strict=True)
    ]


def characters(row: Row, output: str) -> int:
    """Of what is to be written in a row: of a conversation all that the assistant says."""
    before = sum(len(turn["content"]) for turn in row.get("messages") or [] if turn["role"] == ASSISTANT)
    return before + len(row[output])


def perplexity(gold: Sequence[Any], found: Found) -> float:
    """exp of the mean surprise of a token: between as many tokens as that a model is undecided.

    It depends on the tokenizer, so only models that share one can be compared by it.
    """
    return weighted_perplexity(gold, found)(np.ones(len(found)))


def weighted_perplexity(gold: Sequence[Any], found: Found) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    nats, tokens = _column(found, "nats"), _column(found, "tokens")
    return lambda weights: math.exp(weights @ nats / (weights @ tokens))


def bits_per_character(gold: Sequence[Any], found: Found) -> float:
    """Bits that a text takes when the model packs it, by its characters: comparable between any two models."""
    return weighted_bits_per_character(gold, found)(np.ones(len(found)))


def weighted_bits_per_character(gold: Sequence[Any], found: Found) -> Callable[[np.ndarray], float]:
    """The same as a function of [N] weights."""
    nats, chars = _column(found, "nats"), _column(found, "characters")
    return lambda weights: float(weights @ nats / math.log(2) / (weights @ chars))


def _column(found: Found, name: str) -> np.ndarray:
    return np.array([value[name] for value in found], dtype=np.float64)  # type: ignore[literal-required]
