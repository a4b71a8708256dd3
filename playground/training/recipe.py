"""What a run does, read top to bottom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from playground.fields import Row
from playground.heads.base import Prediction, Window
from playground.heads.generating import GenerativeHead
from playground.heads.scoring import by_row
from playground.heads.tunable import Trained
from playground.i18n import Message, msg
from playground.models.device import choose_device
from playground.runs import Run, write_atomic
from playground.services import cards, metrics, report, samples
from playground.training import baselines, likelihood, soft_targets, verifying
from playground.training.baselines import Answers
from playground.training.job import Job, job_of
from playground.training.progress import Progress
from playground.training.stopping import Stop
from playground.training.tune import Tuned, head_of, tune
from playground.training.verifying import compared

Scored = tuple[Answers, list[list[float]]]
"""A value for each row, and how sure the model is of its parts: see Field.compared and Field.scores."""


@dataclass(frozen=True)
class Outcome:
    """What the recipe's method made: how to save it, and what it says of the held-out rows.

    answers  {"tuned": a value for each held-out row, as the metrics read them}, and of others that are known now
    scores   how sure it is of each part of its answers, where it says so
    written  rows to be read as they were written, and by whom, where the answers are no texts
    itself   the baseline that it is itself
    kept     the step whose weights it has, where that was chosen by the held-out rows; else 0
    marks    what the saved model must give again for each of the compared rows: see TunableHead.marks
    """

    save: Callable[[Path], None]
    answers: dict[str, Answers]
    marks: list[np.ndarray]
    step: int
    max_steps: int
    kept: int = 0
    scores: list[list[float]] | None = None
    written: tuple[list[Row], dict[str, Answers]] | None = None
    itself: str = ""


def follow(run: Run, progress: Progress, stop: Stop) -> Message | None:
    """Train, score, save and verify a run. Returns why it stopped before its end, None if it did not.

    A run that is stopped while it trains leaves a usable model as well; before that, Stopped is raised.
    """
    job = job_of(run, progress, stop)
    _announce(job)

    progress.phase("baselines")
    stop.check()
    if job.spec.method == "linear_probe":
        outcome, answers = _probe(job)
    else:
        answers = baselines.measure(job)
        stop.check()
        outcome = _tuned(job)
    stopped = stop.reason() if outcome.step < outcome.max_steps else None

    answers |= outcome.answers
    found = report.build(
        job.task, job.spec.labels, answers, rows=job.held_out, scores=outcome.scores, itself=outcome.itself
    )
    found["fixes"] = [job.spec.reasons[name] for name in job.spec.fixes if name in job.spec.reasons]
    if outcome.written:
        found["samples"] += samples.written(job.task, *outcome.written)
    found["rows"] = {"train": len(job.train), "held_out": len(job.held_out)}
    found["steps"] = {"done": outcome.step, "planned": outcome.max_steps}
    if soft_targets.share(job):
        found["distillation"] = soft_targets.share(job)
    if outcome.kept:
        found["kept"] = {"step": outcome.kept}

    progress.phase("saving")
    aside = verifying.new_aside(run)
    outcome.save(aside.model)

    progress.phase("verifying")
    found["verification"] = verifying.verify(job, aside, outcome.marks)
    found["verified"] = True
    cards.write_cards(aside.model, job.spec, found)
    verifying.publish(run, aside)

    found["seconds"] = _seconds(job)
    write_atomic(run.dir / "report.json", json.dumps(found, ensure_ascii=False))
    if stopped is None:
        shutil.rmtree(run.checkpoints_dir, ignore_errors=True)
    return stopped


def _announce(job: Job) -> None:
    """Say on what it runs and why each number is what it is; once, not again when it is resumed."""
    device = choose_device()
    job.progress.device(device.reason if job.spec.method == "linear_probe" else device.training_reason)
    if any(event["message"]["key"] == "event.started" for event in job.run.events()):
        return
    job.run.add_event(msg("event.started", train=len(job.train), held_out=len(job.held_out), base=job.spec.base))
    job.run.add_event(msg("event.device", device=Message.from_json(job.progress.status.device or {})))
    for reason in job.spec.reasons.values():
        job.run.add_event(Message.from_json(reason))


def _probe(job: Job) -> tuple[Outcome, dict[str, Answers]]:
    fitted, head = baselines.fit_probe(job), baselines.probe_of(job)
    base = job.base
    assert base

    def save(folder: Path) -> None:
        head.save(
            fitted.probe,
            folder,
            task=job.task.id,
            labels=job.spec.labels,
            base=base,
            max_length=job.numbers.max_length,
            learned=_inputs(job),
        )

    job.progress.phase("evaluating")
    windows = [Window({}, index) for index in range(len(job.held_out))]
    logits = list(fitted.logits)
    predictions = head.decode(job.held_out, windows, logits, job.spec.labels, job.task.params())
    rows, (tuned, scores) = compared(len(logits)), _values(job, predictions)
    marks = by_row(head, windows[rows], logits[rows])
    outcome = Outcome(save, {"tuned": tuned}, marks, step=1, max_steps=1, scores=scores, itself="linear_probe")
    return outcome, baselines.measure(job, fitted)


def _inputs(job: Job) -> dict[str, list[str]]:
    """Of the task's inputs those that the rows have."""
    return {"inputs": [field.name for field in job.task.inputs if field.name in job.train[0]]}


def _tuned(job: Job) -> Outcome:
    job.progress.phase("training")
    head = head_of(job)
    tuned = tune(job, head, choose_device())
    trained = tuned.trained

    def save(folder: Path) -> None:
        head.save(
            trained.model,
            folder,
            tokenizer=trained.tokenizer,
            task=job.task.id,
            labels=job.spec.labels,
            base=job.base,
            max_length=job.numbers.max_length,
            learned=_inputs(job) | head.learned(job.train),
        )

    job.progress.phase("evaluating")
    rows = compared(len(job.held_out))
    if metrics.by_likelihood(job.task.metrics):
        assert isinstance(head, GenerativeHead)
        answers, marks = likelihood.measured(job, head, trained)
        written = likelihood.written(job, head, trained)
        return Outcome(save, answers, marks[rows], tuned.step, tuned.max_steps, _chosen(tuned), written=written)

    def answer(model: Trained) -> Scored:
        return _values(job, head.answers(model, job.held_out, job.task.params(), job.progress.beat))

    # A base that writes text answers as it is, too; one with a fresh head knows nothing yet.
    before = likelihood.before(job, head, trained, answer) if isinstance(head, GenerativeHead) else None
    values, scores = answer(trained)
    answers = {"tuned": values} if before is None else {"before": before[0], "tuned": values}
    marks = head.marks(trained, job.held_out[rows], job.progress.beat)
    return Outcome(save, answers, marks, tuned.step, tuned.max_steps, _chosen(tuned), scores=scores)


def _chosen(tuned: Tuned) -> int:
    return tuned.kept if tuned.kept != tuned.step else 0


def _values(job: Job, predictions: list[Prediction]) -> Scored:
    output = job.task.output
    return (
        [output.compared(found.output) for found in predictions],
        [output.scores(found.output) if found.sure else [] for found in predictions],
    )


def _seconds(job: Job) -> dict[str, float]:
    """Seconds by phase of this process, and of training over all processes of the run."""
    seconds = job.progress.phase_seconds()
    trained = [float(row["time"]) for row in job.run.metrics()]
    if trained:
        seconds["training"] = trained[-1]
    seconds["total"] = sum(seconds.values())
    return {name: round(value, 1) for name, value in seconds.items()}
