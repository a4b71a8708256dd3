"""What happens between training steps: charts, threads, checkpoints by time, stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from playground.errors import PlaygroundError
from playground.runs import Run
from playground.training import memory
from playground.training.progress import Progress
from playground.training.stopping import Stop
from playground.training.threads import Threads
from playground.training.trainer import Order

FIRST_CHECKPOINT_SECONDS = 2.0
CHECKPOINT_SECONDS = 30.0
"""Checkpoints go by time, not by steps: on any machine a kill costs half of the work so far, or half a minute."""
EVALUATIONS = 10
"""Points of the held-out curve in a run. They are for the eye, and tell which checkpoint is the best; the model that a
run leaves is chosen by them only where that was asked for."""


class RunCallback(TrainerCallback):
    """Keeps the run's directory up to date while transformers.Trainer trains.

    held_out_score  what is charted of a bounded sample of the held-out rows, between steps, and how good that is
    merits          where the latter is noted by step: see RunTrainer
    best            the highest of earlier processes of this run
    seconds_before  training seconds of earlier processes of this run, for a resumed chart
    """

    def __init__(
        self,
        run: Run,
        progress: Progress,
        stop: Stop,
        threads: Threads,
        order: Order,
        held_out_score: Callable[[], tuple[dict[str, float], float]],
        merits: dict[int, float],
        best: float,
        seconds_before: float,
    ) -> None:
        self.run, self.progress, self.stop, self.threads, self.order = run, progress, stop, threads, order
        self.held_out_score, self.merits, self.best = held_out_score, merits, best
        self._started = self._saved = time.monotonic()
        self._began = self._started - seconds_before

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.progress.plan(state.global_step, state.max_steps)

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.order.epoch = state.global_step // self.order.steps

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        last = state.global_step >= state.max_steps
        self.progress.step(state.global_step, state.max_steps)
        self.threads.adjust()
        if last or state.global_step % math.ceil(state.max_steps / EVALUATIONS) == 0:
            self._score(state, control)
        if self.stop.reason():
            control.should_training_stop = True
        if control.should_training_stop or self._checkpoint_due():
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._saved = time.monotonic()
        control.should_save = False  # the Trainer asks again at the end of an epoch

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise PlaygroundError("training_diverged", step=state.global_step)
        self._chart(state, loss=logs["loss"], learning_rate=logs["learning_rate"])
        memory.give_back()

    def _score(self, state: TrainerState, control: TrainerControl) -> None:
        """Look at the held-out sample; what is better than ever is kept."""
        charted, merit = self.held_out_score()
        self._chart(state, **charted)
        self.merits[state.global_step] = merit
        if merit > self.best:
            self.best = merit
            control.should_save = True

    def _checkpoint_due(self) -> bool:
        wait = min(CHECKPOINT_SECONDS, max(FIRST_CHECKPOINT_SECONDS, self._saved - self._started))
        return time.monotonic() - self._saved >= wait

    def _chart(self, state: TrainerState, **values: float) -> None:
        """A row of metrics.jsonl; `time` is seconds of training, so no change of the clock bends a chart."""
        seconds = round(time.monotonic() - self._began, 3)
        self.run.append_metrics({"step": state.global_step, "epoch": state.epoch, "time": seconds, **values})
