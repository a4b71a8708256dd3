"""What holds for every task, read off the tuple of tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from playground.fields import Row
from playground.heads import get_head
from playground.i18n import catalog
from playground.models.resolve import resolve
from playground.services import metrics
from playground.services.predict import offered, predict
from playground.tasks import TASKS
from playground.tasks.spec import Task

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=TASKS, ids=lambda task: task.id)
def task(request: pytest.FixtureRequest) -> Task:
    return request.param


def examples(task: Task) -> list[Row]:
    lines = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    return [{field.name: json.loads(line)[field.name] for field in task.inputs} for line in lines]


def test_heads_metrics_models_and_bases_exist(task: Task) -> None:
    assert [get_head(name).name for name in task.heads] == list(task.heads)
    assert set(metrics.score(task.metrics, ["a", "b"], ["a", "a"])) == set(task.metrics)
    for model in (*task.models, *task.bases):
        assert resolve(model).folder.is_dir()
    assert [info.id for info in offered(task.id)][: len(task.models)] == list(task.models)


def test_its_words_exist(task: Task) -> None:
    keys = [f"task.{task.id}", *(f"field.{field.name}" for field in task.fields)]
    keys += [f"metric.{name}" for name in task.metrics] + [f"scored.{name}" for name in task.baselines]
    keys += [f"param.{name}" for name in task.params.model_fields]
    assert [key for key in keys if key not in catalog()] == []


def test_every_example_is_answered(task: Task) -> None:
    for row in examples(task):
        output = predict(task.id, row)
        assert output
        assert output[0]["score"] >= output[-1]["score"]


def test_the_command_line_answers_as_the_service_does(task: Task) -> None:
    row = examples(task)[0]
    words = [word for name, value in row.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "playground", "predict", task.id, *words, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    expected = predict(task.id, row)
    assert [entry["label"] for entry in found] == [entry["label"] for entry in expected]
    assert found[0]["score"] == pytest.approx(expected[0]["score"], abs=1e-5)
