"""Whole runs of entities and of answers, on a small base with random weights: train, verify, report, card, reload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from playground.fields import Row
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.predict import predict
from playground.tasks import get_task

from .conftest import finished, playground_home

PEOPLE, PLACES = ("Anna", "Bert", "Clara", "Dora"), ("Paris", "Rome", "Oslo")
HELD_OUT = 12


def entity_rows() -> list[Row]:
    """Texts with a person and a place; every fourth names nobody."""
    rows: list[Row] = []
    for number in range(60):
        who, where = PEOPLE[number % 4], PLACES[number % 3]
        text = f"{who} moved to {where} in {1900 + number}." if number % 4 else f"It rained in {1900 + number}."
        marked = [(name, label) for name, label in ((who, "PER"), (where, "LOC")) if name in text]
        spans = [{"start": text.index(name), "end": text.index(name) + len(name), "label": it} for name, it in marked]
        rows.append({"text": text, "entities": spans})
    return rows


def question_rows() -> list[Row]:
    """Questions on a person and a place; every third asks for somebody the context does not name."""
    rows: list[Row] = []
    for number in range(60):
        who, where = PEOPLE[number % 4], PLACES[number % 3]
        context = f"{who} moved to {where}. It rained in the year {1900 + number}."
        asked = "Emil" if number % 3 == 0 else who
        answers = [{"text": where, "start": context.index(where)}] if asked == who else []
        rows.append({"question": f"Where is it that {asked} moved?", "context": context, "answer": answers})
    return rows


def labelled_rows() -> list[Row]:
    """Texts with a person, a place, both or neither, which are their labels; and a second text with the year."""
    rows: list[Row] = []
    for number in range(60):
        who, where = PEOPLE[number % 4], PLACES[number % 3]
        texts = {
            ("person", "place"): f"{who} moved to {where}.", ("person",): f"{who} is asleep.",
            ("place",): f"It rained in {where}.", (): "Nothing new today.",
        }  # fmt: skip
        labels, text = list(texts.items())[number // 3 % 4]
        rows.append({"text": text, "text_pair": f"In {1900 + number}.", "labels": list(labels)})
    return rows


ROWS = {"multi_label": labelled_rows(), "ner": entity_rows(), "qa": question_rows()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("tasks"), monkeypatch) as home:
        yield home
    monkeypatch.undo()


@pytest.fixture(scope="module")
def base(home: Path) -> Path:
    return small_bert(home / "small-bert")


def small_bert(folder: Path) -> Path:
    """A base with random weights."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("sentence-transformers/all-MiniLM-L6-v2"))
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[pytest.param("multi_label", marks=pytest.mark.slow), "ner", "qa"])
def run(request: pytest.FixtureRequest, home: Path, base: Path) -> Run:
    """A run of the task that was trained to its end."""
    numbers = {
        "epochs": 10, "batch_size": 8, "learning_rate": 1e-2, "warmup_ratio": 0.1, "weight_decay": 0.0, "lora_r": 4,
        "lora_alpha": 8, "lora_dropout": 0.0, "max_length": 64, "held_out": 0.2, "seed": 1,
    }  # fmt: skip
    labels = {"ner": ["LOC", "PER"], "multi_label": ["person", "place"]}.get(request.param, [])
    training = TrainingParams.model_validate(numbers)
    spec = RunSpec(task=request.param, data="made.jsonl", base=str(base), labels=labels, training=training)
    return finished(home, spec, ROWS[request.param], HELD_OUT)


@pytest.fixture
def report(run: Run) -> dict[str, Any]:
    found = run.report()
    assert found
    return found


def test_the_saved_model_answers_as_the_trained_one_did(report: dict[str, Any]) -> None:
    assert report["verified"]
    assert report["verification"]["ways"] == ["peft", "pool"]
    assert report["verification"]["rows"] == HELD_OUT == report["rows"]["held_out"]


def test_the_report_has_the_task_s_scores_and_baseline(run: Run, report: dict[str, Any]) -> None:
    tuned = report["metrics"]["tuned"]
    if run.spec().task == "multi_label":
        assert tuned["micro_f1"] > 0.7 > report["metrics"]["frequent_labels"]["micro_f1"]
        assert {row["label"]: row["support"] for row in report["per_type"]} == {"person": 6, "place": 6}
    elif run.spec().task == "ner":
        # Every name of the held-out rows stands in the training rows, so looking it up is always right.
        assert report["metrics"]["dictionary"]["entity_f1"] == 1.0
        assert tuned["entity_f1"] > 0.9, "names are told apart by what they are"
        assert {row["label"]: row["support"] for row in report["per_type"]} == {"LOC": 9, "PER": 9}
    else:
        # It finds the place beside "moved", and answers as well where nothing is the answer.
        assert report["metrics"]["sliding_window"]["answer_f1"] == pytest.approx(8 / 12)
        parts = report["answerable"], report["unanswerable"]
        assert [part["count"] for part in parts] == [8, 4]
        assert tuned["exact_match"] == pytest.approx((8 * parts[0]["exact_match"] + 4 * parts[1]["accuracy"]) / 12)
    (comparison,) = report["comparisons"]
    rivals = {"ner": ["dictionary"], "qa": ["sliding_window"], "multi_label": ["frequent_labels", "linear_probe"]}
    assert comparison["rival"] in rivals[run.spec().task]
    assert sum(report["outcomes"].values()) == HELD_OUT
    assert report["calibration"]["few"] and report["calibration"]["count"] >= HELD_OUT - 1
    assert ("cells" in report) == (run.spec().task != "qa")


def test_the_curve_is_of_the_metric_that_decides(run: Run, report: dict[str, Any]) -> None:
    curve = [row["held_out"] for row in run.metrics() if "held_out" in row]
    assert len(curve) >= 5
    assert all(0 <= value <= 1 for value in curve)


def test_the_reloaded_model_says_what_the_report_shows(run: Run, report: dict[str, Any]) -> None:
    assert len(report["samples"]) == HELD_OUT
    for sample in report["samples"]:
        output = predict(run.spec().task, sample["inputs"], model=f"run/{run.id}")
        if run.spec().task == "ner":
            output = [{"text": found["word"], "label": found["entity_group"]} for found in output]
        elif run.spec().task == "multi_label":
            output = [{"text": label} for label in get_task("multi_label").output.compared(output)]
        else:
            output = output["answer"]
        assert output == sample["tuned"]


def test_the_card_says_what_it_is(run: Run, report: dict[str, Any]) -> None:
    text = (run.model_dir / "README.md").read_text(encoding="utf-8")
    tags = {"ner": "token-classification", "qa": "question-answering", "multi_label": "text-classification"}
    tag = tags[run.spec().task]
    assert f"pipeline_tag: {tag}\n" in text
    metric = next(iter(report["metrics"]["tuned"]))
    assert f"{report['metrics']['tuned'][metric]:.3f}" in text
    assert json.loads((run.model_dir / "playground.json").read_text())["task"] == run.spec().task
