"""The form of a fine-tune's numbers: read off TrainingParams, and what it hands on."""

from __future__ import annotations

import gradio as gr
import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, translate
from playground.runs import RunSpec, TrainingParams
from playground.services.autopilot import told
from playground.services.rehearsal import Rehearsal
from playground.ui.numbers import NAMES, NumbersForm, for_method, given, numbers

TASK = "classification"


def test_there_is_an_input_for_every_number() -> None:
    assert set(NAMES) == set(TrainingParams.model_fields)
    with gr.Blocks():
        form = NumbersForm("zh", "lora", TASK)
    assert [component.visible for component in form.components] == [name in told("lora", TASK) for name in NAMES]
    for method, task in (("scratch", TASK), ("lora", "ner")):
        shown = [one["visible"] for one in for_method(method, task, "en")]
        assert shown == [name in told(method, task) for name in NAMES]
        assert not shown[NAMES.index("distillation")], "there is no probe to learn from"


def test_only_what_was_set_and_matters_is_handed_on() -> None:
    values = {"epochs": " 2.5", "batch_size": "8", "seed": "0", "tokens": "", "layers": "3", "lora_r": "4"}
    asked = given("lora", TASK, [values.get(name) for name in NAMES])
    assert asked == {"epochs": 2.5, "batch_size": 8, "lora_r": 4, "seed": 0}
    assert given("scratch", TASK, [values.get(name) for name in NAMES])["layers"] == 3


@pytest.mark.parametrize("value", ["many", "-1", "nan", "1e999", "0x10", "９９９９"])
def test_what_is_no_number_or_out_of_bounds_is_named(value: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        given("lora", TASK, [value if name == "batch_size" else None for name in NAMES])
    for lang in LANGUAGES:
        assert translate(lang, "number.batch_size") in refused.value.text(lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_number_is_told_with_why_it_is_that(lang: str) -> None:
    training = TrainingParams(epochs=2, layers=1, tokens="characters", lora_r=8)
    spec = RunSpec(task="classification", data="", base="scratch/mlp", method="scratch", training=training)
    found = Rehearsal(spec, seconds=9, step_seconds=1, steps=9, rows_at_once=4, memory_mb=9, free_mb=5)
    rows = dict(numbers(found, lang))
    assert len(rows) == 5  # with the seed and what is kept, and without LoRA's
    assert list(rows.values()).count(translate(lang, "ui.dry.by_hand")) == 3
    assert any(translate(lang, "number.tokens.characters") in name for name in rows)
