from __future__ import annotations

import pytest

from playground.i18n import LANGUAGES, Message, render
from playground.runs import RunSpec, TrainingParams
from playground.services.autopilot import MANY_CLASSES, MAX_STEPS, complete, told

SPEC = RunSpec(task="classification", data="x.csv")


@pytest.mark.parametrize(("rows", "labels"), [(10, 2), (200, 2), (999, 7), (10_003, 77), (200_000, 3)])
@pytest.mark.parametrize("preset", ["quick", "balanced", "thorough"])
def test_every_number_is_chosen_with_a_reason_in_both_languages(rows: int, labels: int, preset: str) -> None:
    spec = complete(SPEC.model_copy(update={"preset": preset}), rows=rows, labels=labels, longest="x" * 100)
    few = {"distillation"} if labels < MANY_CLASSES else set()
    numbers = spec.training.model_dump(include=told("lora", SPEC.task) - {"seed", "keep"} - few)
    assert None not in numbers.values()
    assert set(spec.reasons) == set(numbers)
    for reason in spec.reasons.values():
        for lang in LANGUAGES:
            assert render(Message.from_json(reason), lang)
    training_rows = rows * (1 - numbers["held_out"])
    assert numbers["epochs"] * training_rows / numbers["batch_size"] <= MAX_STEPS * 1.01


@pytest.mark.parametrize(("task", "base"), [("classification", "scratch/mlp"), ("translation", "scratch/seq2seq")])
def test_a_network_from_nothing_grows_with_its_data(task: str, base: str) -> None:
    spec = RunSpec(task=task, data="x.csv", base=base, method="scratch")
    little, much = (
        complete(spec, rows=1000, labels=2, longest="x" * 100, chars=chars) for chars in (50_000, 50_000_000)
    )
    assert set(little.reasons) == told("scratch", task) - {"seed", "keep"}
    assert str(little.training.vocab_size) in render(Message.from_json(little.reasons["vocab_size"]), "zh").replace(
        ",", ""
    )
    assert little.training.vocab_size < much.training.vocab_size  # type: ignore[operator]
    assert little.training.dropout >= much.training.dropout  # type: ignore[operator]


def test_a_number_set_by_hand_stays_and_others_follow_it() -> None:
    mine = SPEC.model_copy(update={"training": TrainingParams(lora_r=4, epochs=1)})
    spec = complete(mine, rows=500, labels=2, longest="x" * 100)
    assert (spec.training.lora_r, spec.training.epochs, spec.training.lora_alpha) == (4, 1, 8)
    assert "lora_r" not in spec.reasons and "epochs" not in spec.reasons


def test_the_probe_teaches_where_there_are_many_classes() -> None:
    def share(labels: int, *, chat: bool = False, **asked: str) -> float | None:
        spec = SPEC.model_copy(update=asked)
        return complete(spec, rows=5000, labels=labels, longest="x" * 100, chat=chat).training.distillation

    assert [share(labels) for labels in (2, 19, 20, 77)] == [None, None, 0.5, 0.5]
    assert share(77, method="full") == 0.5
    assert share(77, chat=True) is None
    for asked in ({"task": "ner"}, {"task": "multi_label"}, {"method": "scratch", "base": "scratch/mlp"}):
        assert share(77, **asked) is None, asked


def test_presets_differ_in_how_long_they_learn() -> None:
    epochs = [
        complete(SPEC.model_copy(update={"preset": preset}), rows=2000, labels=5, longest="x" * 100).training.epochs
        for preset in ("quick", "balanced", "thorough")
    ]
    assert epochs[0] < epochs[1] < epochs[2]  # type: ignore[operator]


def test_no_more_is_chosen_than_the_base_reads() -> None:
    spec = complete(SPEC, rows=500, labels=2, longest="x" * 5000, most_tokens=96)
    assert spec.training.max_length == 96
    assert spec.reasons["max_length"]["values"]["length"] == 96


def test_a_text_longer_than_the_base_reads_is_said_to_be_cut() -> None:
    spec = complete(SPEC, rows=500, labels=2, longest="x" * 5000)
    assert spec.training.max_length == 256
    assert spec.reasons["max_length"]["key"] == "autopilot.max_length_cut"


@pytest.mark.parametrize(
    ("text", "length"), [("x" * 150, 64), ("王" * 60, 64), ("王" * 150, 256), ("タ。" * 50 + "x" * 60, 128)]
)
def test_a_chinese_character_is_a_token(text: str, length: int) -> None:
    assert complete(SPEC, rows=500, labels=2, longest=text).training.max_length == length
