"""Who may end a run early: whoever touches control/stop, and SIGTERM."""

from __future__ import annotations

import signal
from types import FrameType

from playground.i18n import Message, msg
from playground.runs import Run


class Stopped(Exception):
    """The run was asked to stop before it had anything worth keeping."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.key)
        self.reason = reason


class Stop:
    """Looked at between steps: a signal handler alone could interrupt a write."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._signalled = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def reason(self) -> Message | None:
        """Why the run should stop, or None."""
        if self._signalled:
            return msg("run.stopped_by_signal")
        return msg("run.stopped_on_request") if self.run.stop_requested() else None

    def check(self) -> None:
        """Raise Stopped when it is wanted: for the phases that leave nothing to keep."""
        reason = self.reason()
        if reason:
            raise Stopped(reason)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
