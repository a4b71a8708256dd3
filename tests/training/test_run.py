"""Whole runs through `accelerate launch`: to the end, killed, stopped, queued, failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import torch as tensors
from safetensors.numpy import load_file

from playground.models.resolve import resolve
from playground.runs import Run
from playground.services import finetune
from playground.services import launch as launching
from playground.services.launch import launch
from playground.training import checkpoints, verify
from playground.training.soft_targets import SoftTargets
from playground.training.verifying import aside_of, new_aside

from .conftest import SECRET, event_keys, make_run, training_process, wait_for, wait_for_end


def assert_same_weights(run: Run, other: Run) -> None:
    mine, others = (load_file(r.model_dir / "adapter_model.safetensors") for r in (run, other))
    assert mine.keys() == others.keys()
    assert all(mine[name].tobytes() == others[name].tobytes() for name in mine)


def wait_for_checkpoint(run: Run) -> int:
    """The step of the first checkpoint."""
    wait_for(run, lambda _: any(run.checkpoints_dir.glob("step-*")))
    return max(checkpoints.step_of(path) for path in run.checkpoints_dir.glob("step-*"))


def test_run_reaches_its_end_verified(reference: Run) -> None:
    status, report = reference.status(), reference.report()
    assert report is not None
    assert status.step == status.max_steps == 96  # 32 rows, 4 a step, 12 times
    assert report["verified"]
    assert report["verification"]["ways"] == ["peft", "pool"]
    assert report["rows"] == {"train": 32, "held_out": 8}
    assert set(report["metrics"]) == {"majority", "linear_probe", "tuned"}
    assert sum(count for _, _, count in report["cells"]) == 8
    right = sum(count for gold, answer, count in report["cells"] if gold == answer)
    assert report["metrics"]["tuned"]["accuracy"] == right / 8
    assert {one["rival"] for one in report["comparisons"]} < {"majority", "linear_probe"}
    assert report["comparisons"][0]["outcome"] != "same", "eight rows do not tell"
    assert report["calibration"]["count"] == len(report["samples"]) == 8
    assert {"README.md", "README.zh.md", "adapter_config.json", "playground.json"} <= set(
        os.listdir(reference.model_dir)
    )


def test_charts_have_loss_and_held_out_accuracy(reference: Run) -> None:
    rows = reference.metrics()
    losses = [row for row in rows if "loss" in row]
    curve = [row for row in rows if "held_out" in row]
    assert len(losses) >= 20
    assert losses[-1]["step"] == 96
    assert losses[-1]["loss"] < losses[0]["loss"]
    assert 8 <= len(curve) <= 12
    assert curve[-1]["step"] == 96
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


@pytest.mark.slow
def test_what_the_probe_says_is_learned_beside_the_labels(home: Path, reference: Run) -> None:
    """Also by a run that is resumed, and has lost it: the loss cannot fall below the targets' own entropy."""
    run = make_run(home, distillation=0.9)
    launch(run)
    wait_for_checkpoint(run)
    path = run.checkpoints_dir / "probe_scores.npy"
    scores = np.load(path).astype(np.float64)
    training_process(run).kill()
    assert wait_for_end(run).state == "failed"
    path.write_bytes(path.read_bytes()[:150])
    finetune.resume(run.id, "local")
    assert wait_for_end(run).state == "done", run.log_tail()
    labels, rows = run.spec().labels, run.rows("train")
    targets = SoftTargets(scores, 0.9).of(torch.arange(32), torch.tensor([labels.index(row["label"]) for row in rows]))
    floor = -(targets * targets.log()).sum(1).mean()
    losses = [row["loss"] for row in run.metrics() if "loss" in row]
    assert 0.95 * floor < np.mean(losses[-8:]) < 1.5 * floor
    assert np.mean([row["loss"] for row in reference.metrics() if "loss" in row][-8:]) < 0.5 * floor
    report = run.report()
    assert report is not None and report["distillation"] == 0.9
    assert "90% are the linear probe's" in (run.model_dir / "README.md").read_text(encoding="utf-8")


def test_no_secret_reaches_the_training_process(reference: Run) -> None:
    environment = (reference.dir.parent.parent / "environment.txt").read_text(encoding="utf-8")
    assert "HF_HUB_OFFLINE=1" in environment
    assert "OMP_WAIT_POLICY=passive" in environment
    assert SECRET not in environment
    assert SECRET not in reference.log_path.read_text(encoding="utf-8")


def test_killed_run_resumes_to_equal_weights(home: Path, one_core: None, reference: Run) -> None:
    run = make_run(home)
    launch(run)
    process = training_process(run)
    launcher = process.parent()
    assert launcher is not None
    assert "accelerate.commands.launch" in launcher.cmdline()
    launcher.kill()
    step = wait_for_checkpoint(run)
    assert process.is_running(), "a run outlives its launcher"

    process.kill()
    status = wait_for_end(run)
    assert status.state == "failed"
    assert status.reason
    assert status.reason["key"] == "run.killed"
    assert not run.usable
    assert run.report() is None

    finetune.resume(run.id, "local")
    assert wait_for_end(run).state == "done", run.log_tail()
    resumed = [event for event in run.events() if event["message"]["key"] == "event.resumed"]
    assert resumed
    assert resumed[0]["message"]["values"]["step"] >= step > 0
    assert_same_weights(run, reference)
    steps = [row["step"] for row in run.metrics() if "loss" in row]
    assert steps == sorted(set(steps)), "steps trained twice are charted once"


@pytest.mark.slow
def test_stop_keeps_a_usable_model_and_resume_passes_over_a_damaged_checkpoint(
    home: Path, one_core: None, reference: Run
) -> None:
    run = make_run(home)
    launch(run)
    with pytest.raises(finetune.PlaygroundError, match="still going on"):
        finetune.resume(run.id, "local")
    first = wait_for_checkpoint(run)
    finetune.stop(run.id, "local")
    status = wait_for_end(run)
    assert status.state == "stopped"
    assert status.reason
    assert status.reason["key"] == "run.stopped_on_request"
    report = run.report()
    assert run.usable
    assert report
    assert report["verified"]
    assert 0 < report["steps"]["done"] < report["steps"]["planned"]
    with pytest.raises(finetune.PlaygroundError, match="nothing to stop"):
        finetune.stop(run.id, "local")

    newest = run.checkpoints_dir / f"step-{report['steps']['done']}"
    (newest / "optimizer.pt").write_bytes((newest / "optimizer.pt").read_bytes()[:-100])
    finetune.resume(run.id, "local")
    assert wait_for_end(run).state == "done", run.log_tail()
    said = {event["message"]["key"]: event["message"]["values"] for event in run.events()}
    assert said["event.checkpoint_damaged"]["step"] == report["steps"]["done"]
    assert first <= said["event.resumed"]["step"] < report["steps"]["done"]
    assert_same_weights(run, reference)
    with pytest.raises(finetune.PlaygroundError, match="is done"):
        finetune.resume(run.id, "local")


@pytest.mark.slow
def test_runs_queue_and_sigterm_keeps_what_was_learned(home: Path) -> None:
    running, waiting, given_up = (make_run(home, epochs=100) for _ in range(3))
    # Ids begin with the second of their creation; runs of one second wait in any order.
    first, *others = sorted((running, waiting, given_up), key=lambda run: run.id)
    launch(first)
    process = training_process(first)
    for run in others:
        launch(run)
    for run in others:
        wait_for(run, lambda _, run=run: "event.queued" in event_keys(run))
    finetune.stop(others[1].id, "local")
    assert wait_for_end(others[1]).state == "stopped"
    assert not others[1].usable
    assert others[0].status().state == "queued"
    assert first.status().state == "running"

    wait_for(first, lambda status: status.step > 0)
    process.send_signal(signal.SIGTERM)
    status = wait_for_end(first)
    assert status.state == "stopped"
    assert status.reason
    assert status.reason["key"] == "run.stopped_by_signal"
    assert first.usable
    training_process(others[0])
    finetune.stop(others[0].id, "local")
    assert wait_for_end(others[0]).state == "stopped"
    assert_no_children_left()


def assert_no_children_left() -> None:
    """Ended children are waited for: none stays as a zombie."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [child for child in psutil.Process().children() if "accelerate.commands.launch" in _cmdline(child)]
        zombies = [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
        if not left and not zombies:
            return
        time.sleep(0.2)
    pytest.fail(f"{left} {zombies}")


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_failed_run_says_why_and_keeps_the_traceback_in_its_log(home: Path) -> None:
    run = make_run(home)
    (run.data_dir / "train.parquet").write_bytes(b"damaged")
    launch(run)
    status = wait_for_end(run)
    assert status.state == "failed"
    assert status.reason
    assert status.hint
    assert status.reason["key"] == "run.crashed"
    assert status.hint["key"] == "run.crashed.hint"
    assert "Traceback" in run.log_tail()
    assert not run.usable
    assert "event.failed" in event_keys(run)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's address space")
@pytest.mark.slow
def test_batch_is_halved_when_memory_runs_out(home: Path, one_core: None) -> None:
    run = make_run(home, rows=160, epochs=1, batch_size=128, max_length=128)
    lengthen(run)
    # Freed memory goes back at once, so that the limit measures what is in use.
    environment = launching.environment() | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    with run.log_path.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "playground.training", str(run.dir)], env=environment, stdout=log, stderr=log
        )
    wait_for(run, lambda status: status.phase == "training")
    process = psutil.Process(child.pid)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 800 * 2**20,) * 2)
    wait_for(run, lambda _: any("loss" in row for row in run.metrics()))
    halved = [event["message"]["values"] for event in run.events() if event["message"]["key"] == "event.out_of_memory"]
    assert halved[0] == {"rows": 128, "smaller": 64}
    assert run.status().step == 1
    child.kill()
    child.wait()


def lengthen(run: Run) -> None:
    path = run.data_dir / "train.parquet"
    rows = [{**row, "text": row["text"] + " and so on" * 12} for row in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("tensor", ["lora_B", "classifier"])
def test_verification_notices_a_weight_that_did_not_survive(reference: Run, tmp_path: Path, tensor: str) -> None:
    run = Run(tmp_path / reference.id)
    shutil.copytree(reference.dir, run.dir)
    aside = new_aside(run)
    expected = expected_of(run, aside.dir)
    shutil.copytree(run.model_dir, aside.model, dirs_exist_ok=True)
    assert verify.main(str(run.dir)) == 0
    verdict = json.loads(aside.verdict.read_text())
    assert verdict["equal"]
    assert verdict["rows"] == expected

    weights = tensors.load_file(aside.model / "adapter_model.safetensors")
    name = next(name for name in reversed(list(weights)) if tensor in name)
    weights[name] = torch.zeros_like(weights[name])
    tensors.save_file(weights, aside.model / "adapter_model.safetensors")
    assert verify.main(str(run.dir)) == 0
    assert not json.loads(aside_of(run).verdict.read_text())["equal"]


def expected_of(run: Run, folder: Path) -> int:
    """Write the answers that the model in model/ gives, as the trained one's; the number of rows."""
    rows = pq.read_table(run.data_dir / "held_out.parquet").to_pylist()
    np.save(folder / "expected.npy", verify._by_peft(resolve(str(run.model_dir)), rows))
    return len(rows)
