"""Perplexity and bits per character: what they are of known probabilities, and the counts they are compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from playground.fields import Row
from playground.services import baselines, metrics
from playground.services.metrics import likelihood

ROWS: list[Row] = [{"completion": "abcd"}, {"completion": "ab"}]
NAMES = ("perplexity", "bits_per_character")


def found(*shares: list[float]) -> list[likelihood.Likelihood]:
    return likelihood.of_rows(ROWS, "completion", [np.log(np.array(row)) for row in shares], [0, 0])


def test_a_choice_among_four_at_each_token_is_a_perplexity_of_four() -> None:
    values = found([0.25, 0.25, 0.25], [0.25])
    scores = metrics.score(NAMES, ROWS, values)
    assert scores["perplexity"] == pytest.approx(4)
    assert scores["bits_per_character"] == pytest.approx(4 * 2 / 6)
    assert [value["characters"] for value in values] == [4, 2]


def test_a_long_row_counts_by_its_tokens() -> None:
    scores = metrics.score(NAMES, ROWS, found([0.5] * 9, [0.125]))
    assert scores["perplexity"] == pytest.approx(math.exp((9 * math.log(2) + math.log(8)) / 10))
    assert scores["bits_per_character"] == pytest.approx(12 / 6)


def test_certainty_is_the_least_surprise() -> None:
    assert metrics.score(NAMES, ROWS, found([1.0, 1.0], [1.0])) == pytest.approx(
        {"perplexity": 1, "bits_per_character": 0}
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_interval_holds_the_value_and_shrinks_with_more_rows(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = [{"completion": "x" * 20} for _ in range(800)]
    marks = [np.log(rng.uniform(0.1, 0.9, 10)) for _ in rows]
    values = likelihood.of_rows(rows, "completion", marks, [0] * len(rows))
    widths = []
    for count in (50, 800):
        low, high = metrics.intervals([name], rows[:count], values[:count])[name]
        assert low < metrics.score([name], rows[:count], values[:count])[name] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_of_a_conversation_all_that_the_assistant_says_is_counted() -> None:
    turns = [{"role": who, "content": text} for who, text in (("user", "12345"), ("assistant", "123"), ("user", "1"))]
    assert likelihood.characters({"messages": turns, "completion": "12"}, "completion") == 5


def test_lower_is_better_of_surprise_alone() -> None:
    assert metrics.lower_is_better(["perplexity", "accuracy", "bits_per_character", "chrf"]) == list(NAMES)
    assert metrics.by_likelihood(NAMES) and not metrics.by_likelihood(["chrf", "bleu"])


def test_counts_of_tokens_add_one_to_each() -> None:
    marks = baselines.unigram([[0, 0, 1], [0]], [[0], [2, 1]], vocabulary=4)
    assert np.exp(marks[0]) == pytest.approx([4 / 8])
    assert np.exp(marks[1]) == pytest.approx([1 / 8, 2 / 8])
