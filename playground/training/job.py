"""What every part of the recipe needs to know about the run it works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from playground.fields import Row
from playground.models.resolve import Resolved
from playground.runs import Run, RunSpec
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
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    max_length: int
    held_out: float
    seed: int


@dataclass(frozen=True)
class Job:
    """A run whose turn has come: its directory, its rows, its base, and who watches over it."""

    run: Run
    spec: RunSpec
    task: Task
    base: Resolved
    train: list[Row]
    held_out: list[Row]
    progress: Progress
    stop: Stop
    threads: Threads

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers.model_validate(self.spec.training.model_dump())

    @property
    def gold(self) -> list[Any]:
        """The held-out rows' right answers."""
        return [row[self.task.output.name] for row in self.held_out]
