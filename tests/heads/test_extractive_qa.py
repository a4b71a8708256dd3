"""Answers in contexts of any length: places, windows, alternatives, and no answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from playground.heads.base import Window
from playground.heads.extractive_qa import HEAD
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve
from playground.tasks.qa import Params

TOKENIZER = load_tokenizer(resolve("sentence-transformers/all-MiniLM-L6-v2"))
CONTEXT = "The café 🍰 opened in 1987. Its owner, Zoë Brandt, sold it in 2004 for 1.5 million euros."


def gold(answer: str, context: str = CONTEXT) -> dict[str, Any]:
    answers = [{"text": answer, "start": context.index(answer)}] if answer else []
    return {"question": "Who sold it?", "context": context, "answer": answers}


def logits(windows: list[Window], row: dict[str, Any]) -> list[np.ndarray]:
    """Of a model that is certain of the gold answer wherever a window holds all of it, else of none."""
    examples = HEAD.examples(TOKENIZER, [row], 64, [])
    found = []
    for window, example in zip(windows, examples, strict=True):
        values = np.zeros((len(window.offsets), 2), np.float32)
        values[cast(int, example["start_positions"]), 0] = values[cast(int, example["end_positions"]), 1] = 20
        found.append(values)
    return found


def decode(row: dict[str, Any], **params: Any) -> Any:
    windows = HEAD.windows(TOKENIZER, [row], 64)
    return HEAD.decode([row], windows, logits(windows, row), (), Params(**params))[0]


@pytest.mark.parametrize("answer", ["café", "1987", "Zoë Brandt", "1.5 million euros"])
def test_an_answer_is_found_where_it_stands(answer: str) -> None:
    found = decode(gold(answer)).output
    assert found["answer"] == answer == CONTEXT[found["start"] : found["end"]]
    assert found["score"] > 0.99


def test_no_answer_is_one_too() -> None:
    found = decode(gold(""))
    assert found.output == {"answer": "", "score": pytest.approx(1, abs=0.01), "start": 0, "end": 0}
    forced = decode(gold(""), allow_none=False).output
    assert forced["answer"] and forced["score"] < 0.01


@pytest.mark.parametrize("place", [0, 5, 40])
def test_an_answer_anywhere_in_a_long_context(place: int) -> None:
    context = "Nothing of note happened that year. " * place + CONTEXT + " And then it rained again." * (40 - place)
    row = gold("Zoë Brandt", context)
    assert len(HEAD.windows(TOKENIZER, [row], 64)) > 5
    found = decode(row).output
    assert context[found["start"] : found["end"]] == found["answer"] == "Zoë Brandt"


def test_alternatives_do_not_overlap_and_stand_best_first() -> None:
    windows = HEAD.windows(TOKENIZER, [gold("1987")], 64)
    values = np.random.default_rng(0).normal(scale=3, size=(len(windows[0].offsets), 2)).astype(np.float32)
    found = HEAD.decode([gold("1987")], windows, [values], (), Params(top_k=4)).pop().details["alternatives"]
    scores = [other["score"] for other in found]
    assert scores == sorted(scores, reverse=True) and len(found) == 5
    places = sorted((other["start"], other["end"]) for other in found if other["end"])
    assert all(first[1] <= second[0] for first, second in pairwise(places))


def test_a_question_longer_than_a_window_leaves_room_for_the_context() -> None:
    row = {**gold("1987"), "question": "why " * 500}
    windows = HEAD.windows(TOKENIZER, [row], 64)
    assert all(len(window.features["input_ids"]) <= 64 for window in windows)
    assert decode(row).output["answer"] == "1987"


@pytest.mark.parametrize("max_length", [6, 8, 12, 33])
def test_even_the_shortest_window_shows_some_of_the_context(max_length: int) -> None:
    row = {**gold("1987"), "question": "Who in the world sold the famous café and when?"}
    windows = HEAD.windows(TOKENIZER, [row], max_length)
    assert all(len(window.features["input_ids"]) <= max_length for window in windows)
    shown = {place for window in windows for low, high in window.offsets for place in range(low, high)}
    assert "".join(CONTEXT[place] for place in sorted(shown)) == CONTEXT.replace(" ", "")


def test_an_answer_is_no_longer_than_asked() -> None:
    assert (
        decode(gold("1.5 million euros"), max_answer_words=3, allow_none=False).output["answer"] != "1.5 million euros"
    )
