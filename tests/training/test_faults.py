"""Faults that happen to runs, injected for real: a full disk, a clock that is set, memory that ends, two servers."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
import torch
from safetensors.torch import save_file

from playground.errors import PlaygroundError
from playground.runs import Run, RunStatus, process_started
from playground.services import batch, finetune, trash
from playground.services.launch import ROOT, launch
from playground.settings import settings
from playground.training import checkpoints
from playground.training.job import Job
from playground.training.trainer import WEIGHTS, trained
from playground.training.tune import _kept, smaller_until_it_fits

from .conftest import event_keys, make_run, playground_home, training_process, wait_for, wait_for_end

DISK_MB = 24
POINTS = 20
HOUR = 3600.0


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of its own of DISK_MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        with playground_home(folder, monkeypatch) as home:
            yield home
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            while os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize >= size:
                file.write(b"0" * size)
    return filler


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs")
def test_a_full_disk_is_said_and_nothing_is_taken_for_whole(small_disk: Path) -> None:
    run = make_run(small_disk, epochs=100, batch_size=1)
    launch(run)
    wait_for(run, lambda status: status.step > 0)
    filler = fill(small_disk)
    status = wait_for_end(run)
    assert status.state == "failed", run.log_tail()
    assert status.reason and status.reason["key"] == "error.disk_full", (status.reason, run.log_tail())
    assert not run.usable and not run.aside_dir.exists() and not run.examples_dir.exists()
    assert all(checkpoints.is_good(one) for one in run.checkpoints_dir.glob("step-*"))
    assert not list(run.checkpoints_dir.glob(".aside-*"))

    # The page goes on: it shows the run, says that nothing can be written, and makes room.
    fill(small_disk)
    assert finetune.view(run.id, "local").status.reason == status.reason
    with pytest.raises(OSError, match="No space left"):
        finetune.describe(run.id, "local", note="x" * 2000)
    assert not list(run.dir.glob(".about.json.*")), "half of a file takes room"
    trash.throw_away(run.id, "local")
    trash.restore(run.id, "local")
    filler.unlink()
    finetune.resume(run.id, "local")
    wait_for(run, lambda now: now.step > status.step)
    finetune.stop(run.id, "local")
    assert wait_for_end(run).state == "stopped", run.log_tail()
    assert run.usable


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs")
def test_a_file_on_a_full_disk_is_said_to_be_stopped_by_it_and_goes_on(small_disk: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\n" + "".join(f"a fine day, number {row}\n" for row in range(400)), encoding="utf-8")
    begun = batch.open_files(rows, "classification", model="starter/sentiment-en")
    full = PlaygroundError("no_room").message.to_json()
    filler = fill(small_disk)
    status = batch.work_on(begun, "local", lambda _: None)
    assert (status.state, status.reason) == ("failed", full)
    assert batch.view(begun, "local").status.state in ("queued", "stopped", "failed"), "it is not at work any more"
    filler.unlink()
    assert batch.work_on(begun, "local", lambda _: None).state == "done"
    assert batch.view(begun, "local").status.done == 400


def free(disk: Path) -> int:
    """Bytes that are left."""
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def end_with(disk: Path, room: int) -> str:
    """How a small run ends that finds only so many bytes; "refused" where it could not even begin."""
    with (disk / "filler").open("wb", buffering=0) as file:
        while free(disk) > room + 4096:
            file.write(b"0" * min(2**20, free(disk) - room))
    try:
        run = make_run(disk, rows=20, epochs=2, distillation=0.5)
        launch(run)
    except OSError as error:
        return "refused" if error.errno == errno.ENOSPC else str(error)
    status = wait_for_end(run)
    assert run.usable == (status.state == "done")
    assert not run.aside_dir.exists() and not run.examples_dir.exists()
    reason = status.reason["key"] if status.reason else ""
    assert reason == ("" if status.state == "done" else "error.disk_full"), (room, reason, run.log_tail())
    return status.state


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs")
def test_the_disk_may_be_full_at_any_point(small_disk: Path) -> None:
    """Twenty runs, each with room for a twentieth more of what a whole one takes."""
    before = least = free(small_disk)
    run = make_run(small_disk, rows=20, epochs=2, distillation=0.5)
    launch(run)
    while run.status().state in ("queued", "running"):
        least = min(least, free(small_disk))
        time.sleep(0.02)
    assert run.status().state == "done", run.log_tail()
    ends = []
    for part in range(POINTS):
        shutil.rmtree(small_disk / "runs")
        ends.append(end_with(small_disk, (before - least) * part // POINTS))
        (small_disk / "filler").unlink()
    assert set(ends[:3]) <= {"refused", "failed"} and "failed" in ends, ends


@pytest.mark.skipif(not psutil.LINUX, reason="only there is the time of a process told by the clock of the boot")
@pytest.mark.parametrize("jump", [-HOUR, 30.0, 400 * 24 * HOUR])
def test_a_run_lives_on_when_the_clock_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    """The kernel tells the time of the boot by the clock, so it moves with it: and with it when a process began."""
    run = Run(tmp_path / "20260101-000000-0123456789abcdef")
    run.dir.mkdir()
    run.write_status(RunStatus(state="running", pid=os.getpid(), pid_started=process_started(psutil.Process())))
    before, began = psutil._pslinux.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: before + jump)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump)
    assert abs(psutil.Process().create_time() - began - jump) < 1, "the fault is there"
    assert run.status().state == "running"
    # Another process with its number is not it.
    run.write_status(RunStatus(state="running", pid=os.getpid(), pid_started=1.0))
    assert run.status().state == "failed"


def test_a_run_that_was_never_launched_fails_also_where_the_clock_went_back(tmp_path: Path) -> None:
    run = Run(tmp_path / "20260101-000000-0123456789abcdef")
    run.dir.mkdir()
    run.write_status(RunStatus())
    assert run.status().state == "queued"
    written = RunStatus(heartbeat=time.time() + HOUR)
    (run.dir / "status.json").write_text(written.model_dump_json())
    assert run.status().state == "failed"


def job_of(run: Run, **numbers: Any) -> Job:
    return cast(Job, SimpleNamespace(run=run, base=None, numbers=SimpleNamespace(**numbers)))


def test_memory_that_ends_with_one_row_at_a_time_is_a_clear_failure(tmp_path: Path) -> None:
    run, tried = Run(tmp_path), []

    def work(rows: int) -> None:
        tried.append(rows)
        torch.empty(2**60, dtype=torch.uint8)

    with pytest.raises(PlaygroundError) as refused:
        smaller_until_it_fits(job_of(run, batch_size=12, max_length=8), cast(Any, None), work)
    assert refused.value.code == "out_of_memory"
    assert tried == [12, 6, 3, 1]
    assert event_keys(run) == ["event.out_of_memory"] * 3


def test_the_best_weights_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    run, model = Run(tmp_path), torch.nn.Linear(2, 1)

    def checkpoint(step: int, merit: float | None) -> None:
        with torch.no_grad():
            model.weight.fill_(step)
        checkpoints.write(run.checkpoints_dir, step, lambda at: save_file(trained(model), at / WEIGHTS), merit)

    for step, merit in ((10, 0.4), (20, 0.8), (30, 0.5)):
        checkpoint(step, merit)
    assert _kept(job_of(run, keep="last"), model, 30) == 30
    assert model.weight[0, 0].item() == 30
    assert _kept(job_of(run, keep="best"), model, 30) == 20
    assert model.weight[0, 0].item() == 20
    assert event_keys(run) == ["event.best_was_earlier", "event.best_kept"]
    checkpoint(40, 0.8)
    assert _kept(job_of(run, keep="best"), model, 40) == 40, "the last where it is as good"
    # Stopped at a step that was not looked at.
    checkpoint(50, None)
    assert _kept(job_of(run, keep="last"), model, 50) == 50
    assert _kept(job_of(run, keep="best"), model, 50) == 20


@pytest.mark.slow
def test_of_two_servers_at_once_one_resumes_a_run(home: Path) -> None:
    run = make_run(home, epochs=100)
    launch(run)
    process = training_process(run)
    process.kill()
    assert wait_for_end(run).state == "failed"
    environment = {**os.environ, "PLAYGROUND_HOME": str(settings().home), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "playground", "resume", run.id, "--lang", "en"]
    both = [
        subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[1] for one in both]
    assert sorted(one.returncode for one in both) == [0, 1], said
    assert "still going on" in said[[one.returncode for one in both].index(1)]
    assert event_keys(run).count("event.resume_requested") == 1
    finetune.stop(run.id, "local")
    wait_for_end(run)
