"""A name or answer that touches an emoji or an arrow is found by the starters, at its exact place."""

from __future__ import annotations

import pytest

from playground.services.predict import predict


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Barack Obama😀 visited Paris😀 today.", ["Barack Obama", "Paris"]),
        ("Paris→London", ["Paris", "London"]),
        ("He met Angela Merkel❤️in Berlin👩‍🚀!", ["Angela Merkel", "Berlin"]),
    ],
    ids=["emoji", "arrow", "sequences"],
)
def test_names_that_touch_symbols_are_found(text: str, names: list[str]) -> None:
    found = predict("ner", {"text": text})
    assert [entity["word"] for entity in found] == names
    assert [text[entity["start"] : entity["end"]] for entity in found] == names


@pytest.mark.parametrize(
    ("question", "context", "answer"),
    [
        ("Who wrote the letter?", "😀The letter was written by Ada Lovelace😀 in London→Paris.", "Ada Lovelace"),
        ("Who sold the house?", "The house was sold by Mary Jones❤️ last year.", "Mary Jones"),
        ("In what year did the war end?", "The war ended in 1945☮️, after six years.", "1945"),
    ],
    ids=["name", "heart", "year"],
)
def test_answers_that_touch_symbols_are_found(question: str, context: str, answer: str) -> None:
    found = predict("qa", {"question": question, "context": context})
    assert found["answer"] == context[found["start"] : found["end"]] == answer
