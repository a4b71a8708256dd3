"""Texts as they are written: what is shown, and what ends the work."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from playground.errors import PlaygroundError
from playground.services.predict import predict
from playground.services.streaming import changes, stream

LETTER = "\n".join(["We went to the market.", "It was a big house.", "Where do you live?"] * 10)


def streams() -> int:
    return sum(thread.name == "stream" for thread in threading.enumerate())


def test_the_last_value_is_what_predict_gives() -> None:
    text = "Where do you live?\nI am very happy."
    *_, last = changes(stream("translation", {"text": text}))
    assert last.output == predict("translation", {"text": text})


def test_it_grows_and_every_value_comes_once() -> None:
    texts = [found.output["translation_text"] for found in changes(stream("translation", {"text": LETTER}))]
    assert len(texts) > 3
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))


def test_closing_it_frees_the_model_within_a_second() -> None:
    growing = stream("translation", {"text": LETTER * 10})
    next(found for found in growing if found is not None)
    growing.close()
    began = time.monotonic()
    while streams():
        assert time.monotonic() - began < 1.0
        time.sleep(0.01)
    assert predict("translation", {"text": "Thank you."})["translation_text"]


def test_what_is_wrong_is_said_at_once() -> None:
    with pytest.raises(PlaygroundError) as refused:
        list(stream("translation", {"text": " "}))
    assert refused.value.code == "field_empty"
    with pytest.raises(PlaygroundError) as refused:
        list(stream("translation", {"text": "Hello.", "target": "fr"}))
    assert refused.value.code == "language_not_of_model"


def test_a_model_that_does_not_stream_answers_once() -> None:
    found = list(changes(stream("classification", {"text": "A warm, funny film."})))
    assert [one.output[0]["label"] for one in found] == ["positive"]


def test_other_tabs_are_answered_while_a_text_is_written() -> None:
    asked = {"text": "A warm, funny film."}
    alone = predict("classification", asked)
    growing = stream("translation", {"text": LETTER * 15})
    next(found for found in growing if found is not None)
    began = time.monotonic()
    assert predict("classification", asked) == alone
    assert predict("translation", {"text": "Thank you."})["translation_text"]  # on the same trunk, between two batches
    assert time.monotonic() - began < 3.0
    last = next(growing)
    assert last is not None and not last.details["whole"], "it goes on meanwhile"
    growing.close()
