"""What the starters' cards claim, measured again on their recipes' held-out rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks import poems, zero_shot
from benchmarks.starters import RECIPES, rows_of
from benchmarks.witten_bell import WittenBell
from playground.heads.loading import lease_model
from playground.languages import name_of
from playground.models.resolve import STARTERS_DIR
from playground.services import baselines, metrics
from playground.services.metrics import likelihood
from playground.services.predict import predict_rows
from playground.tasks import get_task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA"),
]


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    subprocess.run([sys.executable, "-m", "examples.recipes.prepare"], cwd=RECIPES.parent.parent, check=True)


def card(name: str) -> list[str]:
    """The lines of a starter's card."""
    return (STARTERS_DIR / name / "README.md").read_text(encoding="utf-8").splitlines()


def claimed(name: str) -> list[float]:
    """The figures of the card's line "this model"."""
    [line] = [line for line in card(name) if line.startswith("| **this model**")]
    return [float(figure) for figure in re.findall(r"(?<![\d–.])0\.\d{3}(?!–)", line.replace("*", ""))]


DECIDES = dict.fromkeys(("sentiment-en", "sentiment-zh", "topic-en", "topic-zh"), "accuracy")
DECIDES |= {"emotion-en": "macro_f1"}
"""The first figure of a classifier's card."""


@pytest.mark.parametrize("name", DECIDES)
def test_a_classifier_is_as_good_as_its_card_says(name: str) -> None:
    task = get_task("classification")
    _, held_out = rows_of(name)
    predicted = [task.output.compared(o) for o in predict_rows(task.id, held_out, model=f"starter/{name}")]
    found = metrics.score([DECIDES[name]], [row["label"] for row in held_out], predicted)[DECIDES[name]]
    assert claimed(name)[0] == round(found, 3)


def test_zero_shot_en_is_as_good_as_its_card_says() -> None:
    assert claimed("zero-shot-en")[0] == round(zero_shot.measure(*zero_shot.read("test"))["accuracy"], 3)


def test_ner_en_reaches_its_bar_also_in_lower_case() -> None:
    task = get_task("ner")
    _, held_out = rows_of("ner-en")
    gold = [row["entities"] for row in held_out]
    found = []
    for rows in (held_out, [{**row, "text": row["text"].lower()} for row in held_out]):
        predicted = [task.output.compared(o) for o in predict_rows("ner", rows, model="starter/ner-en")]
        found.append(metrics.score(["entity_f1"], gold, predicted)["entity_f1"])
    assert found[0] >= 0.70 and abs(found[0] - found[1]) <= 0.01
    assert claimed("ner-en")[0] == round(found[0], 3)


def test_qa_en_is_twice_as_good_as_its_baseline() -> None:
    task = get_task("qa")
    _, held_out = rows_of("qa-en")
    gold = [row["answer"] for row in held_out]
    predicted = [task.output.compared(o) for o in predict_rows("qa", held_out, model="starter/qa-en")]
    scores = metrics.score(task.metrics, gold, predicted)
    assert scores["answer_f1"] >= 2 * metrics.score(task.metrics, gold, baselines.sliding_window(held_out))["answer_f1"]
    assert claimed("qa-en")[0] == round(scores["answer_f1"], 3)


BETTER = {"story-en": 0.25, "poem-zh": 0.25}
"""Bits per character by which it must be better than the Witten-Bell model."""


@pytest.mark.parametrize("name", BETTER)
def test_a_language_model_is_as_surprised_as_its_card_says(name: str) -> None:
    train, held_out = rows_of(name)
    texts = [row["completion"] for row in held_out]
    with lease_model(f"starter/{name}") as (head, loaded):
        marks = head.marks_of(loaded, held_out)
    found = likelihood.of_rows(held_out, "completion", marks, [0] * len(texts))
    bits = metrics.score(["bits_per_character"], texts, found)["bits_per_character"]
    [line] = [one for one in card(name) if one.startswith("| **this model**")]
    assert f"**{bits:.3f}**" in line
    assert bits < WittenBell([row["completion"] for row in train]).bits_per_character(texts) - BETTER[name]


def test_poems_have_their_form_and_are_its_own() -> None:
    found = poems.measured()
    assert found.poems == 100 and found.quatrains >= 90
    assert found.known <= found.lines / 10
    assert f"{found.quatrains} have four lines" in " ".join(card("poem-zh"))


@pytest.mark.parametrize("way", [("en", "zh"), ("zh", "en")])
def test_translations_beat_those_of_the_nearest_sentence(way: tuple[str, str]) -> None:
    task = get_task("translation")
    train, held_out = rows_of("translate-en-zh")
    rows = [row for row in held_out if (row["source"], row["target"]) == way]
    gold = [row["translation"] for row in rows]
    outputs = predict_rows("translation", rows, model="starter/translate-en-zh")
    predicted = [task.output.compared(output) for output in outputs]
    low, _ = metrics.intervals(["chrf"], gold, predicted)["chrf"]
    _, high = metrics.intervals(["chrf"], gold, baselines.nearest(train, rows))["chrf"]
    assert low > high
    found, spans = metrics.score(task.metrics, gold, predicted), metrics.intervals(task.metrics, gold, predicted)
    said = " to ".join(name_of(lang, "en") for lang in way)
    [line] = [one for one in card("translate-en-zh") if one.startswith(f"| **{said}: this model**")]
    for name in task.metrics:
        assert f"{found[name]:.3f}" in line and "{:.3f}–{:.3f}".format(*spans[name]) in line
