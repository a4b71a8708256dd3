"""Chat models that learn the tasks of specialists from the same rows: trained, verified, scored, reloaded, asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from playground.fields import Row
from playground.models.resolve import CHATS, resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.evaluate import evaluate
from playground.services.predict import extras, offered, predict, predict_rows
from playground.tasks import get_task
from tests.heads import language_models

from .conftest import finished, make_rows, playground_home

HELD_OUT = 8
NAMES = ("cat", "dog", "tree", "river")
PLACED = [(f"The {name} ran to the {place}.", name, place) for name in NAMES for place in ("mat", "sky", "sun")] * 4
ROWS: dict[str, list[Row]] = {
    "classification": make_rows(40),
    "multi_label": [
        {"text": text, "labels": [*(["tree"] if name == "tree" else []), *([place] if place != "mat" else [])]}
        for text, name, place in PLACED
    ],
    "ner": [
        {"text": text, "entities": [{"start": 4, "end": 4 + len(name), "label": "WHO"}]} for text, name, _ in PLACED
    ],
    "qa": [
        {"question": "Who ran?", "context": text, "answer": [{"text": name, "start": 4}]} for text, name, _ in PLACED
    ],
    "translation": [
        {"text": text, "source": "en", "target": "zh", "translation": "小猫" if name == "cat" else "高兴"}
        for text, name, _ in PLACED
    ],
    "summarization": [{"text": text, "summary": f"A {name} ran."} for text, name, _ in PLACED],
}
LABELS = {"classification": ["neg", "pos"], "multi_label": ["sky", "sun", "tree"], "ner": ["WHO"]}
ASKED: dict[str, Row] = {
    "classification": {"text": "Day 99: the film was great"},
    "multi_label": {"text": "The cat ran to the sky."},
    "ner": {"text": "The cat ran to the sky."},
    "qa": {"question": "Who ran?", "context": "The cat ran to the sky."},
    "translation": {"text": "The cat ran to the sky.", "source": "en", "target": "zh"},
    "summarization": {"text": "The cat ran to the sky."},
}
METHODS = [
    ("classification", "lora", 40), ("qa", "lora", 20),
    *((name, "full", 30) for name in ROWS if name != "classification"),
]  # fmt: skip
"""Task, how it is learned, and in how many epochs."""
RUNS = [pytest.param(one, marks=pytest.mark.slow, id=f"{one[0]}-{one[1]}") for one in METHODS]


def certain(folder: Path) -> Path:
    """Its output layer, which LoRA leaves alone, is wide enough to be certain by."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.lm_head.weight.data *= 10
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    monkeypatch, (task, method, epochs) = pytest.MonkeyPatch(), request.param
    with playground_home(tmp_path_factory.mktemp(task), monkeypatch) as home:
        base = language_models.save_base("qwen2", home / "chat", context=1024)
        base = certain(base) if method == "lora" else base
        (base / "generation_config.json").unlink()  # it forbids the marks that end a turn
        training = TrainingParams.model_validate(
            {
                "epochs": epochs, "batch_size": 8, "learning_rate": 1e-2 if method == "lora" else 3e-3,
                "warmup_ratio": 0.1, "weight_decay": 0.0, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0,
                "max_length": 400, "held_out": 0.2, "seed": 1,
            }
        )  # fmt: skip
        spec = RunSpec(
            task=task, data="made.jsonl", base=str(base), method=method, labels=LABELS.get(task, []), training=training
        )
        yield finished(home, spec, ROWS[task], HELD_OUT)
    monkeypatch.undo()


def test_it_learns_is_verified_and_scored(run: Run) -> None:
    task, report = get_task(run.spec().task), run.report()
    assert report and report["verified"]
    assert set(report["metrics"]) == {"before", "tuned", *task.baselines}
    name = task.metrics[0]
    before, tuned = (report["metrics"][who][name] for who in ("before", "tuned"))
    assert tuned > before + 0.2, report["metrics"]
    resolved = resolve(f"run/{run.id}")
    assert resolved.head in CHATS and resolved.head in task.heads and list(resolved.labels) == run.spec().labels


def test_it_answers_in_the_task_s_schema_and_needs_no_labels(run: Run, tmp_path: Path) -> None:
    task = get_task(run.spec().task)
    model, row = f"run/{run.id}", ASKED[task.id]
    assert model in [info.id for info in offered(task.id)] and extras(task.id, model) == ()
    found = predict(task.id, row, model=model, details=True)
    assert [found["output"]] == predict_rows(task.id, [row], model=model)
    checks: dict[str, Any] = {
        "classification": lambda output: {one["label"] for one in output} == {"neg", "pos"},
        "multi_label": lambda output: output[0] == {"label": "sky", "score": 1.0} and output[1]["score"] == 0.0,
        "ner": lambda output: [one["word"] for one in output] == ["cat"],
        "qa": lambda output: row["context"][output["start"] : output["end"]] == output["answer"] != "",
        "translation": lambda output: output["translation_text"] in ("小猫", "高兴"),
        "summarization": lambda output: output["summary_text"].endswith("ran."),
    }
    assert checks[task.id](found["output"]), found


def test_it_is_scored_on_a_file(run: Run, tmp_path: Path) -> None:
    task = get_task(run.spec().task)
    path = tmp_path / "more.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS[task.id][:4]), encoding="utf-8")
    found = evaluate(f"run/{run.id}", path)
    assert found["task"] == task.id and found["rows"] >= 1 and set(found["metrics"]) == set(task.metrics)
