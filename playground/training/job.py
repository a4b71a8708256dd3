"""What every part of the recipe needs to know about the run it works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel

from playground.fields import Row
from playground.models.resolve import Resolved, resolve_base
from playground.runs import Run, RunSpec
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task
from playground.training.progress import Progress
from playground.training.stopping import Stop
from playground.training.threads import Threads


class Numbers(BaseModel):
    """TrainingParams after completion: every number is there. Validating raises ValueError otherwise."""

    epochs: float
    batch_size: int
    learning_rate: float
    warmup_ratio: float
    weight_decay: float
    distillation: float | None
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    max_length: int
    hidden_size: int | None
    layers: int | None
    vocab_size: int | None
    tokens: str | None
    dropout: float | None
    held_out: float
    keep: str
    seed: int


@dataclass(frozen=True)
class Job:
    """A run whose turn has come: its directory, its rows, its base (none from nothing), and who watches over it.

    The rows to learn from stay on the disk, and are read as they are asked for.
    """

    run: Run
    spec: RunSpec
    task: Task
    base: Resolved | None
    train: Sequence[Row]
    held_out: list[Row]
    progress: Progress
    stop: Stop
    threads: Threads

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers.model_validate(self.spec.training.model_dump())


def job_of(run: Run, progress: Progress, stop: Stop) -> Job:
    """A run's job, as its directory tells it."""
    spec = run.spec()
    return Job(
        run=run,
        spec=spec,
        task=get_task(spec.task),
        base=None if spec.method == "scratch" else resolve_base(spec.base, spec.base_revision, spec.owner),
        train=run.rows("train"),
        held_out=list(run.rows("held_out")),
        progress=progress,
        stop=stop,
        threads=Threads(settings().home / "in_use"),
    )
