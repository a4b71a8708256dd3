"""The dry run: a few real steps of a run, from which time and memory of the whole are told; it leaves no model."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from playground.heads.generating import GenerativeHead
from playground.heads.linear_probe import HEAD as PROBE
from playground.heads.loading import load_trunk
from playground.models.device import Device, choose_device
from playground.runs import Run, write_atomic
from playground.services import metrics
from playground.training.job import Job, job_of
from playground.training.progress import Progress
from playground.training.stopping import Stop
from playground.training.tune import Prepared, head_of, prepare, smaller_until_it_fits

LEAST_STEPS, MOST_STEPS, SECONDS = 4, 12, 15.0
"""The first step has the longest rows, which tells the memory; it warms up, so the time is that of the others."""
SCORED_ROWS = 8
PROBED_ROWS = 64


class _Watch(TrainerCallback):
    """Ends training after a few steps, and knows what each took."""

    def __init__(self, job: Job, steps: int) -> None:
        self.job, self.steps = job, steps
        self.seconds: list[float] = []
        self._began = self._ended = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = time.monotonic()
        self.seconds.append(now - self._ended)
        self._ended = now
        self.job.progress.step(state.global_step, self.steps)
        self.job.threads.adjust()
        enough = len(self.seconds) >= LEAST_STEPS and now - self._began >= SECONDS
        control.should_training_stop = enough or len(self.seconds) >= self.steps or bool(self.job.stop.reason())


def rehearse(run: Run, progress: Progress, stop: Stop) -> None:
    """Write `dry.json`: {seconds, step_seconds, steps, rows_at_once, memory_mb, free_mb}, of the whole run.

    seconds      of training and scoring, loading not counted
    memory_mb    most that the process, or on an accelerator its part of that, held
    free_mb      what there is of it for this run: free now, and held by it
    """
    job = job_of(run, progress, stop)
    device = choose_device()
    progress.device(device.training_reason)
    if job.spec.method == "linear_probe":
        found = _probed(job)
    else:
        head = head_of(job)
        found = smaller_until_it_fits(job, head, lambda rows: _stepped(job, prepare(job, head, device, rows)))
    stop.check()
    write_atomic(run.dir / "dry.json", json.dumps({**found, **_memory(device)}))


def _stepped(job: Job, prepared: Prepared) -> dict[str, Any]:
    steps = min(MOST_STEPS, prepared.max_steps)
    watch = _Watch(job, steps)
    job.progress.phase("training")
    prepared.trainer.add_callback(watch)
    prepared.trainer.train()
    job.stop.check()
    padded = prepared.order.padded()
    measured = range(1, len(watch.seconds)) if len(watch.seconds) > 1 else range(1)
    # Of short data the order begins anew: nothing advances the epoch here.
    a_token = sum(watch.seconds[step] for step in measured) / sum(padded[step % len(padded)] for step in measured)
    training = a_token * statistics.fmean(padded) * prepared.max_steps
    return {
        "seconds": training + _scoring(job, prepared),
        "step_seconds": a_token * statistics.fmean(padded),
        "steps": prepared.max_steps,
        "rows_at_once": prepared.rows_at_once,
    }


def _scoring(job: Job, prepared: Prepared) -> float:
    """Seconds of answering the held-out rows, once by the tuned model, and once by a base that can answer."""
    job.progress.phase("evaluating")
    rows, head = job.held_out[:SCORED_ROWS], prepared.head
    if metrics.by_likelihood(job.task.metrics):
        seconds = _timed(lambda: head.marks(prepared.trained, rows, job.progress.beat))
    else:
        seconds = _timed(lambda: head.answers(prepared.trained, rows, job.task.params(), job.progress.beat))
    times = 2 if job.base and isinstance(head, GenerativeHead) else 1
    return times * seconds * len(job.held_out) / max(1, len(rows))


def _probed(job: Job) -> dict[str, Any]:
    """A probe's time is that of embedding all rows once."""
    assert job.base
    rows = [*job.train, *job.held_out]
    some = rows[:: max(1, len(rows) // PROBED_ROWS)]
    trunk = load_trunk(job.base)
    job.progress.phase("training")
    try:
        PROBE.embed(trunk, some[:1], job.numbers.max_length)
        seconds = _timed(lambda: PROBE.embed(trunk, some, job.numbers.max_length)) * len(rows) / len(some)
    finally:
        trunk.close()
    return {"seconds": seconds, "step_seconds": seconds, "steps": 1, "rows_at_once": len(rows)}


def _timed(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _memory(device: Device) -> dict[str, int]:
    if device.torch_device.type == "cuda":
        held = torch.cuda.memory_reserved()
        return {
            "memory_mb": torch.cuda.max_memory_reserved() // 2**20,
            "free_mb": (torch.cuda.mem_get_info()[0] + held) // 2**20,
        }
    held = psutil.Process().memory_info().rss
    return {"memory_mb": _peak() // 2**20, "free_mb": (psutil.virtual_memory().available + held) // 2**20}


def _peak() -> int:
    """Most bytes that this process held."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 2**10
