"""What holds for every task, read off the tuple of tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playground.cli import main
from playground.errors import PlaygroundError
from playground.fields import Answer, Field, Generated, Label, Labels, Row, Spans
from playground.heads import get_head
from playground.heads.scratch import architecture
from playground.i18n import catalog
from playground.models.catalog import catalog as model_catalog
from playground.models.resolve import resolve
from playground.runs import SCRATCH, RunSpec, TrainingParams
from playground.services import batch, finetune, metrics
from playground.services.predict import extras, offered, predict, predict_rows
from playground.settings import settings
from playground.tasks import LEARNED, TASKS, get_task
from playground.tasks.spec import Task
from playground.ui.columns import PICKED
from tests.heads import language_models
from tests.training.test_chat_tasks import NAMES
from tests.training.test_chat_tasks import ROWS as CHAT_ROWS
from tests.ui.server import Server, answer, wait_for

ROOT = Path(__file__).resolve().parent.parent
OWNER = "local"
KINDS = ("specialist", "chat model")
TO_LEARN: dict[str, list[Row]] = {
    **CHAT_ROWS,
    "generation": [
        {"text": f"A fable about {name} {number}:", "completion": f"Once a {name} ran {number} times."}
        for name in NAMES
        for number in range(10)
    ],
}
"""Rows to fine-tune on, two steps."""
SHORT = {"max_new_tokens": 8, "seed": 1}


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


def tried(task: Task) -> list[tuple[str, Row]]:
    """(the model that it is for, "" for any; inputs) of each example."""
    lines = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    names = [field.name for field in task.inputs]
    rows = map(json.loads, lines)
    return [(row.get("model", ""), {name: row[name] for name in names if name in row}) for row in rows]


def examples(task: Task) -> list[Row]:
    return [row for _, row in tried(task)]


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


def test_every_example_is_answered_by_the_model_that_it_is_for(task: Task) -> None:
    for model, row in tried(task):
        if model in model_catalog():  # of the Hub: what is to be done is said
            with pytest.raises(PlaygroundError) as caught:
                predict(task.id, row, model=model)
            assert caught.value.code == "model_not_here" and model in str(caught.value)
            continue
        output = predict(task.id, row, model=model)
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
            assert {entry["label"] for entry in output} <= set(resolve(model).labels)


def test_the_command_line_answers_as_the_service_does(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    row = examples(task)[0]
    words = [word for name, value in row.items() for word in (f"--{name}", value)]
    # Chance gives the same with the same seed.
    fixed = {"seed": 1, "max_new_tokens": 12} if "seed" in task.params.model_fields else {}
    words += [word for name, value in fixed.items() for word in ("--set", f"{name}={value}")]
    assert main(["predict", task.id, *words, "--json"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert rounded(json.loads(said)) == rounded(predict(task.id, row, params=fixed))


def rounded(value: Any) -> Any:
    """Plain JSON with its numbers to four places: another number of threads adds in another order."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny chat model of random weights: what it says is nonsense, and how it is asked is not."""
    return str(language_models.save_base("qwen2", tmp_path_factory.mktemp("chat"), context=2048))


@pytest.fixture(params=[KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest, task: Task, chat: str) -> str:
    return task.models[0] if request.param == "specialist" else chat


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    running.start()
    yield running
    running.stop()


def row_for(task: Task, model: str) -> Row:
    """An example, with the labels that a model asks for."""
    named = {field.name: "positive, negative" for field in extras(task.id, model)}
    return {**examples(task)[0], **named}


def knobs(task: Task) -> dict[str, int]:
    return {name: value for name, value in SHORT.items() if name in task.params.model_fields}


def is_in_schema(task: Task, output: Any) -> bool:
    if isinstance(task.output, Generated):
        return list(output) == [task.output.key] and isinstance(output[task.output.key], str)
    if isinstance(task.output, Answer):
        return set(output) == {"answer", "score", "start", "end"}
    keys = {"label", "score"} if isinstance(task.output, Label) else {"entity_group", "score", "word", "start", "end"}
    return all(set(entry) == keys for entry in output)


def test_predict_gives_the_task_s_schema(task: Task, model: str) -> None:
    row = row_for(task, model)
    # Of two rows: what a random chat model says of one may be unusable, which would be told.
    found = predict_rows(task.id, [row, row], model=model, params=knobs(task))
    assert found[0] == found[1] and is_in_schema(task, found[0])


def test_a_batch_has_a_result_or_a_reason_for_every_row(task: Task, model: str, home: Path) -> None:
    row = row_for(task, model)
    path = home / "rows.jsonl"
    asked = {field.name: row[field.name] for field in task.inputs if row.get(field.name)}
    path.write_text("\n".join(json.dumps(asked) for _ in range(3)), encoding="utf-8")
    given = {field.name: row[field.name] for field in extras(task.id, model)}
    upload = batch.inspect(path, task.id, OWNER)
    columns = {name: [name] for name in asked}
    begun = batch.begin(upload.id, model=model, columns=columns, given=given, params=knobs(task), owner=OWNER)
    status = batch.work_on(begun, OWNER, lambda _: None)
    assert (status.state, status.done) == ("done", 3)
    # What a random chat model says may be of no use.
    assert status.failed in ((0,) if model in task.models else (0, 3))
    batch.save(begun, OWNER, home / "out.jsonl", "jsonl", "en")
    assert len((home / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_the_endpoint_answers_as_the_service_does(task: Task, model: str, server: Server) -> None:
    row, params = row_for(task, model), knobs(task)
    body = json.dumps({**row, "model": model, **params}).encode()
    sent = {"Content-Type": "application/json"}
    _, _, said = answer(f"{server.url}/gradio_api/call/v2/{task.id}", data=body, headers=sent, seconds=120)
    event = json.loads(said)["event_id"]
    _, _, said = answer(f"{server.url}/gradio_api/call/{task.id}/{event}", seconds=120)
    if task.id == "ner" and model not in task.models:
        with pytest.raises(PlaygroundError) as unusable:
            predict(task.id, row, model=model, params=params)
        assert unusable.value.code == "chat_unusable" and "event: error" in said and "cannot be used" in said
        return
    expected = predict(task.id, row, model=model, params=params)
    [data] = [line[6:] for line in said.split("event: complete")[1].splitlines() if line.startswith("data: ")]
    assert rounded(json.loads(data)[0]) == rounded(expected)


@pytest.mark.slow
def test_two_steps_of_training_make_a_model_that_a_fresh_process_loads(
    task: Task, model: str, chat: str, home: Path
) -> None:
    path = home / "learn.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in TO_LEARN[task.id]), encoding="utf-8")
    base = chat if model == chat else task.bases[0]
    method = "scratch" if base.startswith(SCRATCH) else "lora"
    upload = finetune.inspect(path, task.id, OWNER)
    spec = RunSpec(
        task=task.id, data=path.name, base=base, method=method, training=TrainingParams(epochs=0.8, batch_size=16)
    )
    run_id = finetune.start(spec, upload.id, OWNER)
    wait_for(lambda: finetune.view(run_id, OWNER).status.state not in ("queued", "running"), 300, "the run")
    view = finetune.view(run_id, OWNER)
    assert view.status.state == "done" and view.usable and view.report, view.log
    assert view.status.step <= 3 and view.report["verified"]
    row = {field.name: TO_LEARN[task.id][0].get(field.name, "") for field in task.inputs}
    here = predict_rows(task.id, [row, row], model=view.model, params=knobs(task))[0]
    assert is_in_schema(task, here)
    with running_python(task, row, view.model, home) as said:
        assert rounded(json.loads(said)) == rounded(here)


@contextmanager
def running_python(task: Task, row: Row, model: str, home: Path) -> Iterator[str]:
    """What a process of its own predicts, as JSON."""
    call = f"predict_rows({task.id!r}, [{row!r}] * 2, model={model!r}, params={knobs(task)!r})[0]"
    code = f"import json; from playground.services.predict import predict_rows; print(json.dumps({call}))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PLAYGROUND_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    yield done.stdout.splitlines()[-1]


def test_the_command_line_asks_a_chat_model(task: Task, chat: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = row_for(task, chat)
    words = [word for name, value in row.items() for word in (f"--{name}", value)]
    words += [word for name, value in knobs(task).items() for word in ("--set", f"{name}={value}")]
    code = main(["predict", task.id, *words, "--model", chat, "--json"])
    said = capsys.readouterr()
    if code:
        assert task.id == "ner" and "cannot be used" in said.err
        return
    assert rounded(json.loads(said.out.splitlines()[-1])) == rounded(
        predict(task.id, row, model=chat, params=knobs(task))
    )


def test_the_readme_has_a_row_for_it_and_says_that_chat_models_do_it(task: Task) -> None:
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert any(f"| `{model}` |" in text for model in task.models if model.startswith("starter/"))
        assert f"`/{task.id}`" in text
    assert "**Chat models in every tab**" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()
