"""What holds for every task, read off the tuple of tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.fields import Answer, Field, Generated, Label, Labels, Row, Spans
from playground.heads import get_head
from playground.heads.scratch import architecture
from playground.i18n import catalog
from playground.models.resolve import resolve
from playground.runs import SCRATCH
from playground.services import metrics
from playground.services.predict import offered, predict
from playground.tasks import LEARNED, TASKS, get_task
from playground.tasks.spec import Task
from playground.ui.columns import PICKED

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=TASKS, ids=lambda task: task.id)
def task(request: pytest.FixtureRequest) -> Task:
    return request.param


COMPARED: dict[type[Field], tuple[list[Any], list[Any]]] = {
    Label: (["a", "b"], ["a", "a"]),
    Labels: ([["a", "b"], []], [["a"], []]),
    Spans: ([[{"start": 0, "end": 3, "label": "PER"}], []], [[{"start": 0, "end": 3, "label": "PER"}], []]),
    Answer: ([[{"text": "in 1987", "start": 3}], []], ["1987", ""]),
    Generated: (["Good morning.", "你好。"], ["Good evening.", "你好。"]),
}
"""Output field -> gold and predicted values of two rows."""


def examples(task: Task) -> list[Row]:
    lines = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    names = [field.name for field in task.inputs]
    return [{name: row[name] for name in names if name in row} for row in map(json.loads, lines)]


@pytest.mark.parametrize("task", LEARNED, ids=lambda task: task.id)
def test_heads_metrics_models_and_bases_exist(task: Task) -> None:
    assert [get_head(name).name for name in task.heads] == list(task.heads)
    gold, predicted = COMPARED[type(task.output)]
    if metrics.by_likelihood(task.metrics):
        predicted = [{"nats": 3.0, "tokens": 4, "characters": 12}, {"nats": 5.0, "tokens": 3, "characters": 3}]
    scores, intervals = metrics.score(task.metrics, gold, predicted), metrics.intervals(task.metrics, gold, predicted)
    assert set(scores) == set(intervals) == set(task.metrics)
    assert all(intervals[name][0] <= scores[name] <= intervals[name][1] for name in scores)
    for base in task.bases:
        if base.startswith(SCRATCH):
            assert set(architecture(base).heads) & set(task.heads)
    for model in (*task.models, *(base for base in task.bases if not base.startswith(SCRATCH))):
        assert resolve(model).folder.is_dir()
    assert [info.id for info in offered(task.id)][: len(task.models)] == list(task.models)
    assert get_task(task.tab) in TASKS and set(task.heads) <= set(get_task(task.tab).heads)


@pytest.mark.parametrize("task", LEARNED, ids=lambda task: task.id)
def test_its_words_exist(task: Task) -> None:
    picked = PICKED[type(task.output)]
    keys = [f"task.{task.id}.data", f"card.scoring.{task.id}", f"card.limits.{task.id}"]
    keys += [f"ui.columns.{picked}", f"ui.check.ok.{picked}"]
    keys += [f"rival.{name}" for name in task.baselines]
    if isinstance(task.output, (Label, Labels, Spans)):
        keys.append(f"ui.chart.counts.{picked}")
    keys += [f"task.{task.id}", *(f"field.{field.name}" for field in task.fields)]
    keys += [f"metric.{name}" for name in task.metrics] + [f"scored.{name}" for name in task.baselines]
    keys += [f"param.{name}" for name in task.params.model_fields]
    keys += [f"ui.{base.replace('/', '.')}" for base in task.bases if base.startswith(SCRATCH)]
    assert [key for key in keys if key not in catalog()] == []


def test_every_example_is_answered(task: Task) -> None:
    for row in examples(task):
        output = predict(task.id, row)
        if isinstance(task.output, Generated):
            assert list(output) == [task.output.key] and output[task.output.key].strip()
            continue
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
    # Chance gives the same with the same seed.
    fixed = {"seed": 1, "max_new_tokens": 12} if "seed" in task.params.model_fields else {}
    words += [word for name, value in fixed.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "playground", "predict", task.id, *words, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert rounded(json.loads(done.stdout.splitlines()[-1])) == rounded(predict(task.id, row, params=fixed))


def rounded(value: Any) -> Any:
    """Plain JSON with its numbers to four places: another number of threads adds in another order."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
