"""A page looks at the runs again only when something about them has changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from playground.errors import PlaygroundError
from playground.i18n import msg
from playground.runs import Run, RunSpec, RunStatus, create_run, process_started
from playground.services import watch
from playground.settings import settings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "LOOK_SECONDS", 1e9)
    settings.cache_clear()
    return create_run(settings().runs_dir, RunSpec(task="classification", data="films.csv"))


def test_whatever_changes_changes_the_stamp(run: Run) -> None:
    other = create_run(settings().runs_dir, RunSpec(task="classification", data="more.csv"))
    changes = (
        lambda: run.write_status(RunStatus(state="running", step=3)),
        lambda: run.append_metrics({"step": 1, "loss": 0.5}),
        lambda: run.append_metrics({"step": 2, "loss": 0.4}),
        lambda: run.add_event(msg("event.done")),
        lambda: run.log_path.write_text("a line", encoding="utf-8"),
        lambda: run.model_dir.mkdir(),
        lambda: other.write_status(RunStatus(state="done")),
        lambda: create_run(settings().runs_dir, RunSpec(task="classification", data="third.csv")),
    )
    before = watch.stamp(run.id, "local")
    for change in changes:
        assert watch.stamp(run.id, "local") == before
        change()
        now = watch.stamp(run.id, "local")
        assert now != before
        before = now


def test_a_process_that_died_without_a_word_is_noticed(run: Run) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started(psutil.Process(process.pid))
    run.write_status(RunStatus(state="running", pid=process.pid, pid_started=started))
    before = watch.stamp(run.id, "local")
    assert watch.stamp(run.id, "local") == before
    process.kill()
    process.wait()
    assert watch.stamp(run.id, "local") != before


def test_what_leaves_no_trace_is_looked_for_now_and_then(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = watch.stamp("", "local")
    monkeypatch.setattr(watch, "LOOK_SECONDS", 1e-6)
    assert watch.stamp("", "local") != before


def test_a_run_of_somebody_else_has_no_stamp(run: Run) -> None:
    with pytest.raises(PlaygroundError, match=run.id):
        watch.stamp(run.id, "other")
