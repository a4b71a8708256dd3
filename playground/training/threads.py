"""How many processor cores training takes: all of an idle machine, else those nobody else uses.

Two threads beside one busy core take five to eight times as long a step as one thread does: each
step waits for the thread that has no core of its own. So never more threads than free cores.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import torch

from playground.models.device import cores

IN_USE_SECONDS = 20.0
"""The page counts as in use this long after its last prediction."""
LOOK_SECONDS = 3.0
BUSY_SHARE = 0.2
"""Others are taken to need a core of their own from a fifth of a core on. A browser that shows the run
takes two fifths: beside it a step took 0.33 s on one thread and 0.64 s on two."""


class Threads:
    """Sets torch's thread count as the machine's other work comes and goes."""

    def __init__(self, in_use: Path) -> None:
        self.in_use = in_use
        self._process = psutil.Process()
        self._looked = time.monotonic()
        self._others, self._own = self._busy_seconds()
        self._others_cores = 0.0
        torch.set_num_threads(self.wanted())

    def adjust(self) -> None:
        """Called at each step; looks at the machine every LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            total, own = self._busy_seconds()
            elapsed = now - self._looked
            self._others_cores = max(0.0, (total - self._others) - (own - self._own)) / elapsed
            self._looked, self._others, self._own = now, total, own
        wanted = self.wanted()
        if wanted != torch.get_num_threads():
            torch.set_num_threads(wanted)

    def wanted(self) -> int:
        """Free cores, at least one. The page in use counts as one busy core."""
        busy = int(self._others_cores + 1 - BUSY_SHARE)
        return max(1, cores() - max(busy, 1 if self.page_in_use() else 0))

    def page_in_use(self) -> bool:
        try:
            age = time.time() - self.in_use.stat().st_mtime
        except OSError:
            return False
        return abs(age) < IN_USE_SECONDS

    def _busy_seconds(self) -> tuple[float, float]:
        """Seconds of work so far: of everybody on the cores we may use, and our own."""
        times = psutil.cpu_times(percpu=True)
        allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(len(times)))
        mine = self._process.cpu_times()
        used = [t for index, t in enumerate(times) if index in allowed]
        idle = sum(t.idle + getattr(t, "iowait", 0.0) for t in used)
        return sum(sum(t) - getattr(t, "guest", 0.0) for t in used) - idle, mine.user + mine.system
