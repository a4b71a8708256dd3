"""Runs that were made: found again, renamed, thrown away and taken back, started again, put side by side."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from playground.cli.parser import build_parser
from playground.cli.recipe import changed as cli_changed
from playground.errors import PlaygroundError
from playground.fields import HELD_OUT, SPLIT, TRAIN
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, RunStatus, State, TrainingParams, create_run, process_started
from playground.services import finetune, history, limits, predict, trash
from playground.services.uploads import get_upload
from playground.settings import settings
from playground.tasks.classification import TASK
from tests.services.test_finetune import EXAMPLES, refused

DATASETS = [
    ("classification", "support-tickets.csv"), ("ner", "kitchen-notes.conll"), ("ner", "travel-notes-zh.jsonl"),
    ("qa", "museum-guide.json"), ("translation", "phrasebook-en-zh.tsv"), ("generation", "tiny-fables-en.jsonl"),
    ("generation", "shop-chat-zh.jsonl"),
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("home")


def made(
    *, state: State = "done", owner: str = "local", rows: int = 5, score: dict[str, float] | None = None, **asked: Any
) -> Run:
    """A run that is over, as its directory tells it; usable where it has a score."""
    asked = {"task": "classification", "data": "films.csv", "base": "scratch/mlp", "method": "scratch", **asked}
    run = create_run(settings().runs_dir, RunSpec(owner=owner, **asked))
    told = [{"text": f"Day {day}", "label": "ab"[day % 2]} for day in range(rows)]
    run.write_rows("train", told[1:], TASK.fields)
    run.write_rows("held_out", told[:1], TASK.fields)
    run.write_status(RunStatus(state=state, pid=os.getpid(), pid_started=process_started(psutil.Process())))
    if score:
        report = {"metrics": {"tuned": score}, "lower_is_better": ["perplexity"], "seconds": {"total": 9, "queued": 2}}
        (run.dir / "report.json").write_text(json.dumps(report))
        run.model_dir.mkdir()
        (run.model_dir / "model.safetensors").write_bytes(b"weights")
        described = {"head": "sequence_classification", "labels": ["a", "b"], "base": ""}
        (run.model_dir / "playground.json").write_text(json.dumps(described))
    return run


def ids(**asked: Any) -> list[str]:
    return [line.view.id for line in history.lines("local", **asked)]


def test_the_table_tells_score_rows_and_time() -> None:
    scored, bare = made(score={"accuracy": 0.9, "macro_f1": 0.8}), made(state="failed")
    found = {line.view.id: line for line in history.lines("local")}
    assert found[scored.id].score == history.Score("accuracy", 0.9, False)
    assert (found[scored.id].rows, found[scored.id].seconds) == (5, 7)
    assert (found[bare.id].score, found[bare.id].seconds) == (None, None)
    text = scored.dir / "report.json"
    text.write_text(text.read_text().replace("0.9", "0.95"))
    os.utime(text, (1, 1))
    again = {line.view.id: line for line in history.lines("local")}
    assert again[scored.id].score == history.Score("accuracy", 0.95, False), "read again where it has changed"


def test_the_table_is_filtered_by_words_task_and_state() -> None:
    films, notes = made(name="Films, first try"), made(task="ner", data="notes.conll", state="stopped")
    assert set(ids()) == {films.id, notes.id}
    assert ids(task="ner") == ids(state="stopped") == ids(words="NOTES conll") == [notes.id]
    assert ids(words="first") == [films.id] and ids(words="first conll") == []
    finetune.describe(notes.id, "local", note="as good as the First one")
    assert set(ids(words="first")) == {films.id, notes.id}
    assert set(ids(task="ner", kept=[films.id])) == {films.id, notes.id}, "what is chosen stays in sight"
    assert len(history.lines("local", most=1)) == 1


def test_a_run_is_renamed_everywhere_and_its_spec_stays_as_it_was() -> None:
    run = made(score={"accuracy": 1.0})
    finetune.describe(run.id, "local", name=" Better films ", note="<b>why</b>\nbecause")
    view = finetune.view(run.id, "local")
    assert (view.title, view.note) == ("Better films", "<b>why</b>\nbecause")
    assert "Better films" in [model.title for model in predict.offered("classification")]
    assert json.loads((run.dir / "spec.json").read_text())["name"] == ""
    finetune.describe(run.id, "local", name="")
    assert finetune.view(run.id, "local").title == "films.csv"
    assert finetune.view(run.id, "local").note
    for words in ({"name": "x" * 101}, {"note": "x" * 2001}):
        refused("field_too_long", lambda words=words: finetune.describe(run.id, "local", **words))


def test_words_that_were_damaged_do_not_hide_a_run() -> None:
    run = made()
    (run.dir / "about.json").write_text('{"name": "ha')
    assert finetune.view(run.id, "local").title == "films.csv"


def test_a_run_goes_to_the_trash_and_comes_back_as_it_was(home: Path) -> None:
    run = made(score={"accuracy": 1.0})
    trash.throw_away(run.id, "local")
    assert ids() == [] and [view.id for view in trash.thrown_away("local")] == [run.id]
    assert trash.days_left(run.id, "local") == 29
    refused("run_in_trash", finetune.view, run.id, "local")
    # Whoever asks its model is told where it is.
    refused("run_in_trash", resolve, f"run/{run.id}", "local")
    assert f"run/{run.id}" not in [model.id for model in predict.offered("classification")]
    trash.restore(run.id, "local")
    assert ids() == [run.id] and resolve(f"run/{run.id}", "local").labels == ("a", "b")
    refused("run_not_in_trash", trash.restore, run.id, "local")


def test_a_run_that_goes_on_is_not_thrown_away() -> None:
    run = made(state="running")
    refused("run_not_over", trash.throw_away, run.id, "local")
    assert ids() == [run.id]


def test_the_trash_is_emptied_on_demand_and_after_thirty_days(home: Path) -> None:
    old, new, theirs = made(), made(), made(owner="ann")
    for run in (old, new):
        trash.throw_away(run.id, "local")
    trash.throw_away(theirs.id, "ann")
    past = time.time() - trash.KEEP_SECONDS - 10
    os.utime(settings().trash_dir / old.id, (past, past))
    (settings().trash_dir / f"{trash.GOING}half").mkdir()
    trash.sweep()
    assert {path.name for path in settings().trash_dir.iterdir()} == {new.id, theirs.id}
    assert trash.empty("local") == 1
    assert [path.name for path in settings().trash_dir.iterdir()] == [theirs.id]
    # A run is kept for 30 days from when it was thrown away, not from when it was made.
    late = made()
    os.utime(late.dir, (past, past))
    trash.throw_away(late.id, "local")
    assert [view.id for view in trash.thrown_away("local")] == [late.id]


def test_what_is_anothers_is_not_there(home: Path) -> None:
    run, thrown = made(owner="ann"), made(owner="ann")
    trash.throw_away(thrown.id, "ann")
    for owner in ("local", "../ann", ""):
        assert history.lines(owner) == [] and trash.thrown_away(owner) == []
        assert trash.empty(owner) == 0
        for call in (finetune.again, finetune.describe, trash.throw_away, finetune.view):
            refused("unknown_run", call, run.id, owner)
            refused("unknown_run", call, thrown.id, owner)
        refused("run_not_in_trash", trash.restore, thrown.id, owner)
        refused("run_not_in_trash", trash.days_left, thrown.id, owner)
        refused("unknown_run", history.side_by_side, [run.id], owner)
    assert [view.id for view in trash.thrown_away("ann")] == [thrown.id]


def test_what_lies_in_the_trash_counts_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_OWNER_MB", "1")
    settings.cache_clear()
    run = made(owner="v-1")
    (run.dir / "big").write_bytes(b"0" * (2 * 2**20))
    trash.throw_away(run.id, "v-1")
    refused("owner_full", limits.check_keeps, "v-1")
    trash.empty("v-1")
    limits.check_keeps("v-1")


def test_a_run_is_either_resumed_or_thrown_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers on one folder: while one starts a run again, the other cannot move it."""
    run = made(state="stopped")
    inside, moved = threading.Event(), []

    def slow_launch(started: Run) -> None:
        inside.set()
        time.sleep(0.3)
        assert started.dir.is_dir() and not moved
        status = RunStatus(state="running", pid=os.getpid(), pid_started=process_started(psutil.Process()))
        started.write_status(status)

    def throw_away() -> None:
        inside.wait(10)
        with pytest.raises(PlaygroundError, match="still going on"):
            trash.throw_away(run.id, "local")
        moved.append(True)

    monkeypatch.setattr(finetune, "launch", slow_launch)
    thread = threading.Thread(target=throw_away)
    thread.start()
    finetune.resume(run.id, "local")
    thread.join()
    assert moved and run.dir.is_dir()


@pytest.mark.parametrize(("task", "file"), DATASETS)
def test_a_run_starts_again_with_its_own_rows_and_settings(
    task: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "launch", lambda *_: None)
    upload = finetune.inspect(EXAMPLES / task / file, task, "local")
    base = next(name for name in finetune.bases(finetune.get_task(task), "scratch"))
    asked = RunSpec(
        task=task, data="", base=base, preset="quick", name="mine", training=TrainingParams(epochs=2, seed=5)
    )
    first = Run(settings().runs_dir / finetune.start(asked, upload.id, "local"))
    again, spec = finetune.again(first.id, "local")
    assert get_upload(again.id, "local").rows_of == f"run/{first.id}"
    assert (spec.base, spec.method, spec.preset, spec.name) == (base, "scratch", "quick", "mine")
    assert spec.training == TrainingParams(epochs=2, seed=5), "only what was set by hand"
    assert finetune.examine(spec, again.id, "local")[0].ok
    changed = spec.model_copy(update={"training": TrainingParams(epochs=3, seed=6)})
    second = Run(settings().runs_dir / finetune.start(changed, again.id, "local"))
    for side, said in (("train", TRAIN), ("held_out", HELD_OUT)):
        assert list(second.rows(side)) == [{**row, SPLIT.name: said} for row in first.rows(side)], side
    assert second.spec().labels == first.spec().labels
    assert (second.spec().data, second.spec().rows_of) == (first.spec().data, f"run/{first.id}")
    # What the page prints does what its form does, also where that takes back what the first run was asked for.
    for form in (changed, spec.model_copy(update={"training": TrainingParams(), "name": ""})):
        words = shlex.split(finetune.command(form.model_copy(update={"rows_of": f"run/{first.id}"}), form.data))
        assert words[3:6] == ["finetune", f"run/{first.id}", "--rows-only"]
        printed = cli_changed(spec, build_parser("en").parse_args(words[3:]))
        for name in ("task", "base", "preset", "name", "training", "fixes", "columns"):
            assert getattr(printed, name) == getattr(form, name), name
    both = history.side_by_side([first.id, second.id], "local")
    assert both.same_rows
    assert set(both.settings) >= {"epochs", "seed"} and both.settings["seed"] == [5, 6]
    assert not {"task", "data", "base", "method", "preset", "lora_r"} & set(both.settings)


def test_rows_that_are_gone_are_said_to_be() -> None:
    run = made()
    (run.data_dir / "train.parquet").write_bytes(b"PAR1 no more")
    refused("run_rows_gone", finetune.again, run.id, "local")
    (run.data_dir / "train.parquet").unlink()
    refused("run_rows_gone", finetune.again, run.id, "local")
    assert [line.rows for line in history.lines("local")] == [1]
    assert not list(settings().uploads_dir.glob("local/*"))


def test_runs_side_by_side_tell_what_differs() -> None:
    first = made(score={"accuracy": 0.9}, training=TrainingParams(epochs=2))
    second = made(score={"accuracy": 0.8, "macro_f1": 0.7}, training=TrainingParams(epochs=4), rows=6)
    second.write_rows("held_out", [{"text": "other", "label": "b"}], TASK.fields)
    both = history.side_by_side([second.id, first.id, second.id], "local")
    assert [view.id for view in both.views] == [second.id, first.id]
    assert both.metrics == {"accuracy": False, "macro_f1": False}
    assert both.settings == {"epochs": [4, 2]}
    assert not both.same_rows
    many = [made().id for _ in range(history.MOST_SIDE_BY_SIDE + 1)]
    assert len(history.side_by_side(many, "local").views) == history.MOST_SIDE_BY_SIDE
