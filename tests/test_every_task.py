"""What holds for every task, read off the tuple of tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.fields import Answer, Field, Label, Row, Spans
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


COMPARED: dict[type[Field], tuple[list[Any], list[Any]]] = {
    Label: (["a", "b"], ["a", "a"]),
    Spans: ([[{"start": 0, "end": 3, "label": "PER"}], []], [[{"start": 0, "end": 3, "label": "PER"}], []]),
    Answer: ([[{"text": "in 1987", "start": 3}], []], ["1987", ""]),
}
"""Output field -> gold and predicted values of two rows."""


def examples(task: Task) -> list[Row]:
    lines = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    return [{field.name: json.loads(line)[field.name] for field in task.inputs} for line in lines]


def test_heads_metrics_models_and_bases_exist(task: Task) -> None:
    assert [get_head(name).name for name in task.heads] == list(task.heads)
    gold, predicted = COMPARED[type(task.output)]
    scores, intervals = metrics.score(task.metrics, gold, predicted), metrics.intervals(task.metrics, gold, predicted)
    assert set(scores) == set(intervals) == set(task.metrics)
    assert all(intervals[name][0] <= scores[name] <= intervals[name][1] for name in scores)
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
        for entry in output if isinstance(output, list) else [output]:
            assert 0 <= entry["score"] <= 1
            if "start" in entry:
                text = row[getattr(task.output, "of", "text")]
                assert text[entry["start"] : entry["end"]] == entry.get("word", entry.get("answer"))
        if isinstance(task.output, Label):
            assert output[0]["score"] >= output[-1]["score"]


def test_the_command_line_answers_as_the_service_does(task: Task) -> None:
    row = examples(task)[0]
    words = [word for name, value in row.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "playground", "predict", task.id, *words, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert rounded(json.loads(done.stdout.splitlines()[-1])) == rounded(predict(task.id, row))


def rounded(value: Any) -> Any:
    """Plain JSON with its numbers to four places: another number of threads adds in another order."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
