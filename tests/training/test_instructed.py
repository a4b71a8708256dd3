"""A whole run of an encoder and a decoder that learns to follow instructions: LoRA on prompts and completions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import T5ForConditionalGeneration

from playground.fields import Row
from playground.heads.loading import lease_model
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.evaluate import evaluate
from playground.services.predict import predict
from tests.heads import writers

from .conftest import finished, playground_home

pytestmark = pytest.mark.slow

HELD_OUT = 8
PLACES = {"cat": "on.", "dog": "under.", "bird": "over.", "station": "far."}
ROWS: list[Row] = [
    {"text": f"Where is the {what}, {day}?", "completion": where}
    for day in ("today", "in the morning", "how far", "not far", "good", "old", "I love you", "a mat", "near", "it")
    for what, where in PLACES.items()
]


def certain(folder: Path) -> Path:
    """Its embeddings, which LoRA leaves alone and the output layer shares, are wide enough to be certain by."""
    model = T5ForConditionalGeneration.from_pretrained(folder)
    model.shared.weight.data *= 10
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("instructed"), monkeypatch) as home:
        base = certain(writers.FAMILIES["t5"](home / "t5"))
        training = TrainingParams.model_validate(
            {
                "epochs": 40, "batch_size": 8, "warmup_ratio": 0.1, "weight_decay": 0.0, "learning_rate": 1e-2,
                "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 64, "held_out": 0.2, "seed": 1,
            }
        )  # fmt: skip
        spec = RunSpec(task="generation", data="made.jsonl", base=str(base), method="lora", training=training)
        yield finished(home, spec, ROWS, HELD_OUT)
    monkeypatch.undo()


def test_it_learns_beyond_its_base_and_beyond_counts(run: Run) -> None:
    report = run.report()
    assert report and report["verification"]["ways"] == ["peft", "pool"]
    assert list(report["metrics"]) == ["unigram", "before", "tuned"]
    for metric, value in report["metrics"]["tuned"].items():
        assert value < min(report["metrics"][who][metric] for who in ("unigram", "before"))
    assert len(written(report)) == HELD_OUT
    assert [sample["gold"] for sample in written(report)] == [
        next(row["completion"] for row in ROWS if row["text"] == sample["inputs"]["text"]) for sample in written(report)
    ]


def written(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The samples whose texts can be read; the others tell how likely the right text is."""
    return [sample for sample in report["samples"] if sample["outcome"] == "written"]


def test_its_copy_is_as_likely_in_right_and_writes_the_same(run: Run, tmp_path: Path) -> None:
    report = run.report()
    assert report and resolve(f"run/{run.id}").head == "seq2seq"
    assert json.loads((run.model_dir / "playground.json").read_text())["head"] == "seq2seq"
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:HELD_OUT]), encoding="utf-8")
    found = evaluate(f"run/{run.id}", path, task_id="generation")
    assert found["metrics"] == pytest.approx(report["metrics"]["tuned"], rel=1e-3)
    for sample in written(report)[:3]:
        params = {"temperature": 0}
        output = predict("generation", {"text": sample["inputs"]["text"]}, model=f"run/{run.id}", params=params)
        assert output["generated_text"] == sample["tuned"]


def test_it_stops_by_itself(run: Run) -> None:
    for what in PLACES:
        asked = {"text": f"Where is the {what}, today?"}
        found = predict("generation", asked, model=f"run/{run.id}", params={"temperature": 0}, details=True)
        assert found["details"]["ended"] == "eos", found


def test_it_shares_its_base_with_the_base_itself(run: Run) -> None:
    with lease_model(f"run/{run.id}") as (_, tuned), lease_model(run.spec().base) as (_, base):
        assert tuned.trunk is base.trunk
