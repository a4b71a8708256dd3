"""Runs that learn to summarize: LoRA on a T5, and a network from nothing; trained, verified, scored, used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.fields import Row
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.evaluate import evaluate
from playground.services.predict import offered, predict
from tests.heads import writers

from .conftest import finished, playground_home
from .test_instructed import PLACES, certain
from .test_instructed import ROWS as INSTRUCTED

HELD_OUT = 8
ROWS: list[Row] = [{"text": row["text"], "summary": row["completion"]} for row in INSTRUCTED]
NUMBERS = {
    "batch_size": 8, "warmup_ratio": 0.1, "weight_decay": 0.0, "learning_rate": 1e-2, "lora_r": 16, "lora_alpha": 32,
    "lora_dropout": 0.0, "max_length": 64, "held_out": 0.2, "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module", params=[pytest.param("lora", marks=pytest.mark.slow), "scratch"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("summaries"), monkeypatch) as home:
        if request.param == "lora":
            base = str(certain(writers.FAMILIES["t5"](home / "t5")))
            training = TrainingParams.model_validate({**NUMBERS, "epochs": 40})
        else:
            base = "scratch/seq2seq"
            sizes = {"hidden_size": 64, "layers": 1, "dropout": 0.0, "tokens": "words"}
            training = TrainingParams.model_validate({**NUMBERS, **sizes, "epochs": 40, "learning_rate": 5e-3})
        spec = RunSpec(task="summarization", data="made.jsonl", base=base, method=request.param, training=training)
        yield finished(home, spec, ROWS, HELD_OUT)
    monkeypatch.undo()


def test_it_learns_is_checked_and_stands_beside_the_beginning(run: Run) -> None:
    report = run.report()
    assert report and report["verified"]
    scores = {who: found["rouge_l"] for who, found in report["metrics"].items()}
    assert {"lead", "tuned"} <= set(scores) and scores["tuned"] > scores["lead"] + 0.2
    resolved = resolve(f"run/{run.id}")
    assert (resolved.head, resolved.task) == ("summarizing", "summarization")


def test_it_is_used_and_scored_on_a_file(run: Run, tmp_path: Path) -> None:
    assert f"run/{run.id}" in [info.id for info in offered("summarization")]
    row = {"text": "Where is the bird, near?"}
    assert predict("summarization", row, model=f"run/{run.id}")["summary_text"] in PLACES.values()
    (tmp_path / "more.csv").write_text('article,highlights\n"Where is the dog, it?",under.\n', "utf-8")
    found = evaluate(f"run/{run.id}", tmp_path / "more.csv")
    assert found["task"] == "summarization" and found["rows"] == 1 and 0 <= found["metrics"]["rouge_l"] <= 1
