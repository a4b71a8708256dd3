"""The run directory: what its files promise to whoever reads them at any moment."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.runs import LAUNCH_SECONDS, RUN_ID, Run, RunSpec, RunStatus, create_run, find_run, list_runs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path, RunSpec(task="classification", data="a.csv", owner="v-1"))


def test_ids_cannot_be_guessed_and_are_those_of_a_folder(tmp_path: Path) -> None:
    ids = {create_run(tmp_path, RunSpec(task="qa", data="a.csv")).id for _ in range(20)}
    assert len(ids) == 20 and all(RUN_ID.fullmatch(one) for one in ids)
    assert all(len(one.rpartition("-")[2]) == 16 for one in ids), "64 bits that nobody knows"


@pytest.mark.parametrize("wrong", ["nobody", "../v-1", "", "20260101-000000-0123456789abcdef"])
def test_another_s_run_is_refused_as_one_that_there_is_not(run: Run, wrong: str) -> None:
    assert find_run(run.dir.parent, run.id, "v-1") == run
    said = []
    for run_id, owner in ((run.id, "v-2"), (wrong, "v-1")):
        with pytest.raises(PlaygroundError) as caught:
            find_run(run.dir.parent, run_id, owner)
        said.append(caught.value.code)
    assert said == ["unknown_run"] * 2
    assert list_runs(run.dir.parent, "v-2") == []


def test_a_status_is_read_whole_while_it_is_replaced(run: Run) -> None:
    """A reader sees the old text or the new one, never half of it."""
    done = threading.Event()

    def write() -> None:
        for step in range(300):
            run.write_status(RunStatus(state="running", step=step, phase="x" * 5_000, pid=os.getpid()))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = [run.status().step]
    while not done.is_set():
        seen.append(run.status().step)
    writer.join()
    assert seen == sorted(seen) and run.status().step == 299
    assert [path.name for path in run.dir.glob(".status*")] == []


def test_a_run_whose_process_is_gone_says_so(run: Run) -> None:
    run.write_status(RunStatus(state="running", pid=2**22 + 1, pid_started=1.0))
    assert run.status().state == "failed"
    status = RunStatus(state="queued")
    run.write_status(status)
    assert run.status().state == "queued"
    late = status.model_copy(update={"heartbeat": status.heartbeat - LAUNCH_SECONDS - 1})
    (run.dir / "status.json").write_text(late.model_dump_json())
    assert run.status().state == "failed", "created, but never launched"


def test_a_last_line_that_was_cut_off_is_left_out(run: Run) -> None:
    run.append_metrics({"step": 1})
    with (run.dir / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 2})[:-3])
    assert run.metrics() == [{"step": 1}]


def test_damaged_words_about_a_run_do_not_hide_it(run: Run) -> None:
    (run.dir / "about.json").write_text("{")
    assert run.about().note == "" and run.spec().data == "a.csv"
