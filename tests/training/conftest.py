"""Runs of a few rows through the real launcher."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.fields import Row
from playground.runs import Run, RunSpec, RunStatus, TrainingParams, create_run
from playground.services.launch import environment, launch
from playground.settings import settings

PATIENCE = 240.0
SECRET = "not-for-a-training-process"
WORDS = {"pos": ("great", "lovely", "superb", "wonderful"), "neg": ("awful", "dreadful", "terrible", "boring")}


def make_rows(count: int) -> list[Row]:
    labels = sorted(WORDS)
    return [
        {
            "text": f"Day {i}: the film was {WORDS[labels[i % 2]][i // 2 % 4]}" + " indeed" * (i % 7),
            "label": labels[i % 2],
        }
        for i in range(count)
    ]


def make_run(home: Path, *, rows: int = 40, epochs: float = 12, batch_size: int = 4, **numbers: int | float) -> Run:
    """A run that was created and not started; a fifth of its rows is held out."""
    spec = RunSpec(
        task="classification", data="films.csv", columns={"text": ["text"], "label": ["label"]},
        base="sentence-transformers/all-MiniLM-L6-v2", labels=sorted(WORDS),
        training=TrainingParams.model_validate(
            {
                "epochs": epochs, "batch_size": batch_size, "learning_rate": 1e-3, "warmup_ratio": 0.1,
                "weight_decay": 0.01, "lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "max_length": 64,
                "held_out": 0.2, "seed": 7, **numbers,
            }
        ),
    )  # fmt: skip
    run = create_run(home / "runs", spec)
    made = make_rows(rows)
    pq.write_table(pa.Table.from_pylist(made[: rows // 5]), run.data_dir / "held_out.parquet")
    pq.write_table(pa.Table.from_pylist(made[rows // 5 :]), run.data_dir / "train.parquet")
    return run


def wait_for(run: Run, condition: Callable[[RunStatus], object]) -> RunStatus:
    """The status in which the condition held; a run that ends without it, or takes too long, fails the test."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = run.status()
        if condition(status):
            return status
        if status.state not in ("queued", "running"):
            break
        time.sleep(0.05)
    pytest.fail(f"{run.status()}\n{run.log_tail()}")


def wait_for_end(run: Run) -> RunStatus:
    return wait_for(run, lambda status: status.state not in ("queued", "running"))


@cache
def trainer() -> Executor:
    """One process in which runs are trained one after another, with what the launcher gives them: most of a small
    run's time is the start of its own. Whole runs with the launcher are in test_run.py."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _as_launched, (environment(),))


def _as_launched(variables: dict[str, str]) -> None:
    os.environ.update(variables, ACCELERATE_USE_CPU="true", ACCELERATE_MIXED_PRECISION="no")
    del os.nice  # it adds up


def _train(run_dir: str, home: str) -> int:
    from playground.training.__main__ import main

    os.environ["PLAYGROUND_HOME"] = home
    settings.cache_clear()
    with (Path(run_dir) / "log.txt").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        return main(run_dir)


def finished(home: Path, spec: RunSpec, rows: Sequence[Row], held_out: int) -> Run:
    """A run of these rows, the first so many of them held out, that was trained to its end."""
    run = create_run(home / "runs", spec)
    for name, part in (("held_out", rows[:held_out]), ("train", rows[held_out:])):
        pq.write_table(pa.Table.from_pylist(list(part)), run.data_dir / f"{name}.parquet")
    trainer().submit(_train, str(run.dir), str(home)).result(timeout=PATIENCE)
    assert run.status().state == "done", run.log_tail()
    return run


def training_process(run: Run) -> psutil.Process:
    """The training process itself, once it has said so: before that the status names the launcher."""
    status = wait_for(run, lambda status: status.state == "running")
    assert status.pid is not None
    return psutil.Process(status.pid)


def event_keys(run: Run) -> list[str]:
    return [event["message"]["key"] for event in run.events()]


@contextmanager
def on_one_core() -> Iterator[None]:
    """Children have one core, so one thread: with several, sums are formed in another order."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture
def one_core() -> Iterator[None]:
    with on_one_core():
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with playground_home(tmp_path, monkeypatch) as path:
        yield path


class playground_home:
    """A home of its own for the block, and secrets in the environment of the parent."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.monkeypatch = path, monkeypatch

    def __enter__(self) -> Path:
        self.monkeypatch.setenv("PLAYGROUND_HOME", str(self.path))
        self.monkeypatch.setenv("HF_TOKEN", SECRET)
        self.monkeypatch.setenv("PLAYGROUND_SOMETHING_ELSE", SECRET)
        endpoint = {"url": "http://127.0.0.1:8000/v1", "model": "m", "key": SECRET}
        self.monkeypatch.setenv("PLAYGROUND_ENDPOINTS", json.dumps({"x": endpoint}))
        settings.cache_clear()
        return self.path

    def __exit__(self, *_: object) -> None:
        for folder in (self.path / "runs").glob("*-*"):
            status = Run(folder).status()
            if status.state in ("queued", "running") and status.pid:  # a test that failed half-way leaves its run
                psutil.Process(status.pid).kill()
        settings.cache_clear()


@pytest.fixture(scope="package")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run nobody disturbed, trained to its end."""
    monkeypatch = pytest.MonkeyPatch()
    with on_one_core(), playground_home(tmp_path_factory.mktemp("reference"), monkeypatch) as home:
        run = make_run(home)
        launch(run)
        process = training_process(run)
        environment = process.environ()
        (home / "environment.txt").write_text("\n".join(f"{k}={v}" for k, v in environment.items()), encoding="utf-8")
        assert wait_for_end(run).state == "done", run.log_tail()
    monkeypatch.undo()
    return run
