"""What a run does, read top to bottom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from playground.heads.base import Head, Window
from playground.heads.linear_probe import HEAD as PROBE
from playground.i18n import Message, msg
from playground.models.device import choose_device
from playground.models.resolve import resolve_base
from playground.runs import Run, write_atomic
from playground.services import cards, report
from playground.settings import settings
from playground.tasks import get_task
from playground.training import baselines, verifying
from playground.training.baselines import Answers
from playground.training.job import Job
from playground.training.progress import Progress
from playground.training.scoring import logits_of
from playground.training.stopping import Stop
from playground.training.threads import Threads
from playground.training.tune import tunable_head, tune


@dataclass(frozen=True)
class Outcome:
    """What the recipe's method made: how to save it, and what it says of the held-out rows.

    windows, logits  the held-out rows as the model reads them, and its raw outputs for each
    """

    save: Callable[[Path], None]
    head: Head
    windows: list[Window]
    logits: list[np.ndarray]
    outputs: tuple[str, ...]
    step: int
    max_steps: int


def follow(run: Run, progress: Progress, stop: Stop) -> Message | None:
    """Train, score, save and verify a run. Returns why it stopped before its end, None if it did not.

    A run that is stopped while it trains leaves a usable model as well; before that, Stopped is raised.
    """
    job = _job(run, progress, stop)
    _announce(job)

    progress.phase("baselines")
    stop.check()
    if job.spec.method == "linear_probe":
        outcome, answers = _probe(job)
    else:
        answers = baselines.measure(job)
        stop.check()
        outcome = _lora(job)
    stopped = stop.reason() if outcome.step < outcome.max_steps else None

    progress.phase("evaluating")
    predictions = outcome.head.decode(job.held_out, outcome.windows, outcome.logits, outcome.outputs, job.task.params())
    tuned = [job.task.output.compared(prediction.output) for prediction in predictions]
    found = report.build(job.task, job.spec.labels, job.gold, {**answers, "tuned": tuned}, rows=job.held_out)
    found["rows"] = {"train": len(job.train), "held_out": len(job.held_out)}
    found["steps"] = {"done": outcome.step, "planned": outcome.max_steps}

    progress.phase("saving")
    aside = verifying.new_aside(run)
    outcome.save(aside.model)

    progress.phase("verifying")
    found["verification"] = verifying.verify(job, aside, outcome.head, outcome.windows, outcome.logits)
    found["verified"] = True
    cards.write_cards(aside.model, job.spec, found)
    verifying.publish(run, aside)

    found["seconds"] = _seconds(job)
    write_atomic(run.dir / "report.json", json.dumps(found, ensure_ascii=False, indent=1))
    if stopped is None:
        shutil.rmtree(run.checkpoints_dir, ignore_errors=True)
    return stopped


def _job(run: Run, progress: Progress, stop: Stop) -> Job:
    spec = run.spec()
    return Job(
        run=run,
        spec=spec,
        task=get_task(spec.task),
        base=resolve_base(spec.base, spec.base_revision),
        train=pq.read_table(run.data_dir / "train.parquet").to_pylist(),
        held_out=pq.read_table(run.data_dir / "held_out.parquet").to_pylist(),
        progress=progress,
        stop=stop,
        threads=Threads(settings().home / "in_use"),
    )


def _announce(job: Job) -> None:
    """Say on what it runs and why each number is what it is; once, not again when it is resumed."""
    device = choose_device()
    job.progress.device(device.training_reason if job.spec.method == "lora" else device.reason)
    if any(event["message"]["key"] == "event.started" for event in job.run.events()):
        return
    job.run.add_event(msg("event.started", train=len(job.train), held_out=len(job.held_out), base=job.base.id))
    job.run.add_event(msg("event.device", device=Message.from_json(job.progress.status.device or {})))
    for reason in job.spec.reasons.values():
        job.run.add_event(Message.from_json(reason))


def _probe(job: Job) -> tuple[Outcome, dict[str, Answers]]:
    fitted = baselines.fit_probe(job)

    def save(folder: Path) -> None:
        PROBE.save(
            fitted.probe,
            folder,
            task=job.task.id,
            labels=job.spec.labels,
            base=job.base,
            max_length=job.numbers.max_length,
        )

    windows = [Window({}, index) for index in range(len(job.held_out))]
    outcome = Outcome(save, PROBE, windows, list(fitted.logits), tuple(job.spec.labels), step=1, max_steps=1)
    return outcome, baselines.measure(job, fitted)


def _lora(job: Job) -> Outcome:
    job.progress.phase("training")
    head = tunable_head(job.task)
    tuned = tune(job, head, choose_device())

    def save(folder: Path) -> None:
        head.save(
            tuned.model,
            folder,
            task=job.task.id,
            labels=job.spec.labels,
            base=job.base,
            max_length=job.numbers.max_length,
        )

    job.progress.phase("evaluating")
    windows = head.windows(tuned.tokenizer, job.held_out, job.numbers.max_length)
    logits = logits_of(head, tuned.model, tuned.tokenizer, windows, job.progress.beat)
    return Outcome(save, head, windows, logits, head.outputs(job.spec.labels), tuned.step, tuned.max_steps)


def _seconds(job: Job) -> dict[str, float]:
    """Seconds by phase of this process, and of training over all processes of the run."""
    seconds = job.progress.phase_seconds()
    trained = [float(row["time"]) for row in job.run.metrics()]
    if trained:
        seconds["training"] = trained[-1]
    seconds["total"] = sum(seconds.values())
    return {name: round(value, 1) for name, value in seconds.items()}
