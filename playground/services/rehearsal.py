"""What a fine-tune would take, told before it is started: its numbers with their reasons, its time and memory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

from playground.errors import PlaygroundError
from playground.i18n import Message, duration, msg
from playground.runs import Run, RunSpec, RunStatus
from playground.services import finetune
from playground.settings import settings

POLL_SECONDS = 0.5
KEEP_SECONDS = 3600.0
"""A dry run whose page was closed in the middle is removed by the next one, an hour later."""


@dataclass(frozen=True)
class Rehearsal:
    """What was measured, of the whole run.

    spec          with every number filled in, and the reasons of those that were chosen
    seconds       of training and scoring
    memory_mb     most that it held, of what it may have: free_mb
    rows_at_once  rows of a step that fit into memory together
    """

    spec: RunSpec
    seconds: float
    step_seconds: float
    steps: int
    rows_at_once: int
    memory_mb: int
    free_mb: int

    def told(self) -> list[Message]:
        """In sentences."""
        found = [msg("dry.time", time=duration(self.seconds), steps=f"{self.steps:,}", step=f"{self.step_seconds:.2g}")]
        free = self.free_mb > self.memory_mb
        found.append(
            msg("dry.memory" if free else "dry.memory_short", mb=f"{self.memory_mb:,}", free=f"{self.free_mb:,}")
        )
        batch = self.spec.training.batch_size
        if self.steps > 1 and batch and self.rows_at_once < batch:
            found.append(msg("dry.smaller", rows=self.rows_at_once, batch=batch))
        return found


def rehearse(spec: RunSpec, upload_id: str, owner: str) -> Iterator[RunStatus | Rehearsal]:
    """How the dry run stands, again and again, and last what it found. Closing it ends the process.

    Raises PlaygroundError where the fine-tune could not be started, or failed within its first steps.
    """
    sweep()
    run = finetune.create_dry(spec, upload_id, owner)
    try:
        while (status := run.status()).state in ("queued", "running"):
            yield status
            time.sleep(POLL_SECONDS)
        found = run.dry()
        if found is None:
            reason = Message.from_json(status.reason) if status.reason else msg("run.killed")
            remedy = Message.from_json(status.hint) if status.hint else msg("run.killed.hint")
            raise PlaygroundError("dry_failed", reason=reason, remedy=remedy)
        yield Rehearsal(run.spec(), **found)
    finally:
        _end(run)


def sweep() -> None:
    """Remove dry runs that nobody waited for."""
    for folder in settings().dry_dir.glob("*-*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > KEEP_SECONDS:
                _end(Run(folder))


def _end(run: Run) -> None:
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        status = run.status()
        if status.state in ("queued", "running") and status.pid:
            process = psutil.Process(status.pid)
            for one in (*process.children(recursive=True), process):
                with suppress(psutil.NoSuchProcess):
                    one.terminate()
    shutil.rmtree(run.dir, ignore_errors=True)
