"""What a run tells its directory: phase, step, time left, and how it ended."""

from __future__ import annotations

import time

import psutil

from playground.i18n import Message
from playground.runs import Run, State, process_started

WRITE_SECONDS = 1.0
SMOOTHING = 0.1
"""Weight of the newest step in the seconds per step: about the last ten steps count."""


class Progress:
    """Keeps status.json: at most one write a second, but at once where something new begins."""

    def __init__(self, run: Run) -> None:
        me = psutil.Process()
        self.run = run
        self.status = run.status().model_copy(
            update={"state": "queued", "pid": me.pid, "pid_started": process_started(me), "reason": None, "hint": None}
        )
        self._seconds: dict[str, float] = {}
        self._phase_began = self._written = self._step_ended = time.monotonic()
        self._step_seconds: float | None = None
        self.phase("queued")

    def phase(self, name: str) -> None:
        """A new phase begins (`phase.<name>` in the catalogs); the seconds of the last one are kept."""
        self._close_phase()
        self.status.phase = name
        self.status.state = "queued" if name == "queued" else "running"
        self.status.seconds_left = None
        self._write()

    def device(self, message: Message) -> None:
        self.status.device = message.to_json()

    def plan(self, step: int, max_steps: int) -> None:
        """Training goes on from `step`."""
        self.status.step, self.status.max_steps = step, max_steps
        self._step_ended = time.monotonic()
        self._write()

    def step(self, step: int, max_steps: int) -> None:
        """A training step ended; the time left is that of the remaining steps, smoothed."""
        now = time.monotonic()
        took, self._step_ended = now - self._step_ended, now
        before = self._step_seconds
        self._step_seconds = took if before is None else before + SMOOTHING * (took - before)
        self.status.seconds_left = self._step_seconds * (max_steps - step)
        self.status.step, self.status.max_steps = step, max_steps
        self.beat()

    def beat(self) -> None:
        """Show that the process is alive."""
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self._write()

    def end(self, state: State, reason: Message | None = None, hint: Message | None = None) -> None:
        """The last word of this process."""
        self._close_phase()
        self.status.state, self.status.phase, self.status.seconds_left = state, "", None
        self.status.reason = reason.to_json() if reason else None
        self.status.hint = hint.to_json() if hint else None
        self._write()

    def phase_seconds(self) -> dict[str, float]:
        """Seconds of each phase so far."""
        self._close_phase()
        return dict(self._seconds)

    def _close_phase(self) -> None:
        now = time.monotonic()
        if self.status.phase:
            self._seconds[self.status.phase] = self._seconds.get(self.status.phase, 0.0) + now - self._phase_began
        self._phase_began = now

    def _write(self) -> None:
        self.run.write_status(self.status)
        self._written = time.monotonic()
