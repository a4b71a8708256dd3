"""Tags to entities and back, in any script, on texts of any length."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from pydantic import BaseModel

from playground.fields import Span
from playground.heads.fitting import IGNORED
from playground.heads.token_classification import HEAD, entities, word_tags
from playground.heads.words import words
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve

TOKENIZER = load_tokenizer(resolve("sentence-transformers/all-MiniLM-L6-v2"))
KINDS = ["LOC", "PER"]
ROWS: list[dict[str, Any]] = [
    {"text": "Zoë Müller 👩‍🚀 flew to São Paulo.", "marked": [("Zoë Müller", "PER"), ("São Paulo", "LOC")]},
    {"text": "王小明昨天从北京去了Köln。", "marked": [("王小明", "PER"), ("北京", "LOC"), ("Köln", "LOC")]},
    {"text": "سافر أحمد إلى القاهرة أمس", "marked": [("أحمد", "PER"), ("القاهرة", "LOC")]},
    {"text": "Cafe\u0301 René\u200b, Paris \x07!", "marked": [("René", "PER"), ("Paris", "LOC")]},
    {"text": "nobody here", "marked": []},
]


def spans(row: dict[str, Any]) -> list[Span]:
    found = []
    for word, label in row["marked"]:
        start = row["text"].index(word)
        found.append(Span(start=start, end=start + len(word), label=label))
    return found


def sure(gold: list[list[int]]) -> list[np.ndarray]:
    """Logits of a model that is certain of these tags (IGNORED: of another one, which must not matter)."""
    size = len(HEAD.outputs(KINDS))
    return [20.0 * np.eye(size, dtype=np.float32)[[tag if tag != IGNORED else 1 for tag in tags]] for tags in gold]


@pytest.mark.parametrize("max_length", [128, 16], ids=["whole", "windows"])
def test_what_is_trained_on_is_what_is_decoded(max_length: int) -> None:
    rows = [{"text": row["text"], "entities": spans(row)} for row in ROWS]
    rows.append({"text": " ".join(row["text"] for row in ROWS), "entities": []})
    shift = 0
    for row in rows[:-1]:
        rows[-1]["entities"] += [
            {**span, "start": span["start"] + shift, "end": span["end"] + shift} for span in row["entities"]
        ]
        shift += len(row["text"]) + 1
    outputs = HEAD.outputs(KINDS)
    windows = HEAD.windows(TOKENIZER, rows, max_length)
    tags = [word_tags(row["text"], row["entities"]) for row in rows]
    gold = []
    for window in windows:
        places = words(rows[window.row]["text"])
        numbers = [IGNORED] * len(window.offsets)
        for token, (start, end) in enumerate(window.offsets):
            inside = [word for word, (low, high) in enumerate(places) if low < end and high > start and low >= start]
            if start < end and inside:
                numbers[token] = outputs.index(tags[window.row][inside[0]])
        gold.append(numbers)
    found = HEAD.decode(rows, windows, sure(gold), outputs, cast(BaseModel, SimpleNamespace()))
    for row, prediction in zip(rows, found, strict=True):
        assert [
            {"start": entity["start"], "end": entity["end"], "label": entity["entity_group"]}
            for entity in prediction.output
        ] == row["entities"]
        for entity in prediction.output:
            assert row["text"][entity["start"] : entity["end"]] == entity["word"]
            assert 0.99 < entity["score"] <= 1


def test_an_example_has_a_tag_at_the_first_token_of_each_word_only() -> None:
    rows = [{"text": "Ouagadougou Xyzzyton airport", "entities": [Span(start=0, end=20, label="LOC")]}]
    (example,) = HEAD.examples(TOKENIZER, rows, 32, KINDS)
    labels = cast(list[int], example["labels"])
    assert [HEAD.outputs(KINDS)[tag] for tag in labels if tag != IGNORED] == ["B-LOC", "I-LOC", "O"]
    assert labels[0] == labels[-1] == IGNORED
    assert len(labels) == len(example["input_ids"]) > 5


@pytest.mark.parametrize(
    ("labels", "tags", "expected"),
    [
        (["O", "B-A", "I-A"], ["B-A", "I-A", "O", "I-A"], [(0, 3), (6, 7)]),
        (["O", "B-A", "I-A"], ["B-A", "B-A", "I-A", "O"], [(0, 1), (2, 5)]),
        (["O", "B-A", "I-A", "E-A", "S-A"], ["B-A", "E-A", "S-A", "S-A"], [(0, 3), (4, 5), (6, 7)]),
        (["O", "B-A", "M-A", "E-A", "S-A"], ["B-A", "M-A", "E-A", "O"], [(0, 5)]),
        (["O", "A", "C"], ["A", "A", "C", "O"], [(0, 3), (4, 5)]),
    ],
    ids=["iob2-stray-i", "iob2-adjacent", "bioes", "bmes", "bare-types"],
)
def test_every_scheme_is_read(labels: list[str], tags: list[str], expected: list[tuple[int, int]]) -> None:
    text = "a b c d"
    scores = np.eye(len(labels))[[labels.index(tag) for tag in tags]]
    assert [(entity["start"], entity["end"]) for entity in entities(text, words(text), scores, labels)] == expected


@pytest.mark.parametrize("labels", [("O", "A", "C"), ("A", "C", "O"), ("A", "C")], ids=["first", "last", "none"])
def test_a_word_that_the_tokenizer_drops_is_no_entity(labels: tuple[str, ...]) -> None:
    rows = [{"text": "Ada \x07 Paris"}]
    windows = HEAD.windows(TOKENIZER, rows, 32)
    logits = [np.tile(20.0 * np.array([label == "C" for label in labels]), (len(windows[0].offsets), 1))]
    found = HEAD.decode(rows, windows, logits, labels, cast(BaseModel, SimpleNamespace()))
    assert [(entity["entity_group"], entity["word"]) for entity in found[0].output] == [("C", "Ada"), ("C", "Paris")]


def test_a_long_text_is_read_to_its_end() -> None:
    text = "word " * 600 + "Paris"
    windows = HEAD.windows(TOKENIZER, [{"text": text}], 64)
    assert len(windows) > 10
    assert max(len(window.features["input_ids"]) for window in windows) <= 64
    assert max(end for window in windows for _, end in window.offsets) == len(text)
