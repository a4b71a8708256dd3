"""From a trained model to a usable one: saved aside, checked in a fresh process, then moved into place."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from playground.errors import PlaygroundError
from playground.runs import Run
from playground.training.job import Job

ROWS = 200
"""Held-out rows that are compared: enough to notice any weight that is missing, and quick."""
LIMIT_SECONDS = 900.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Aside:
    """A folder beside model/ for what is not yet known to be good."""

    dir: Path

    @property
    def model(self) -> Path:
        return self.dir / "model"

    @property
    def expected(self) -> Path:
        """The trained model's marks on the compared rows, one row after the other: see TunableHead.marks."""
        return self.dir / "expected.npy"

    @property
    def verdict(self) -> Path:
        return self.dir / "verdict.json"

    @property
    def replaced(self) -> Path:
        """Where the model of an earlier, stopped training goes while the new one takes its place."""
        return self.dir / "replaced"


def compared(held_out: int) -> slice:
    """Which held-out rows are compared: at most ROWS, from all over a file that may be sorted by label."""
    return slice(None, None, max(1, math.ceil(held_out / ROWS)))


def aside_of(run: Run) -> Aside:
    return Aside(run.aside_dir)


def new_aside(run: Run) -> Aside:
    """An empty one; what a killed process left is thrown away."""
    aside = aside_of(run)
    shutil.rmtree(aside.dir, ignore_errors=True)
    aside.model.mkdir(parents=True)
    return aside


def verify(job: Job, aside: Aside, marks: Sequence[np.ndarray]) -> dict[str, Any]:
    """Have a fresh process load the saved model and compare what it gives for the compared rows with `marks`.

    Returns its verdict: rows compared, ways of loading, largest difference. Raises PlaygroundError
    when an answer differs or the process fails.
    """
    np.save(aside.expected, np.concatenate(marks))
    # What `accelerate launch` told this process is not for that one. A session of its own, so that
    # a signal to the run's process group does not turn a good model into a failed one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCELERATE_")}
    environment["PLAYGROUND_LOAD_SECONDS"] = str(round(LIMIT_SECONDS))
    process = subprocess.Popen(
        [sys.executable, "-m", "playground.training.verify", str(job.run.dir)],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(POLL_SECONDS)
        job.progress.beat()
    if process.returncode != 0 or not aside.verdict.exists():
        raise PlaygroundError("verification_crashed", code=process.returncode)
    verdict: dict[str, Any] = json.loads(aside.verdict.read_text(encoding="utf-8"))
    if not verdict["equal"]:
        raise PlaygroundError("verification_differs", difference=verdict["largest_difference"], rows=verdict["rows"])
    return verdict


def publish(run: Run, aside: Aside) -> None:
    """Move the verified model to model/: from here on the run is usable."""
    if run.model_dir.exists():
        os.replace(run.model_dir, aside.replaced)
    try:
        os.replace(aside.model, run.model_dir)
    except OSError:
        if aside.replaced.exists():
            os.replace(aside.replaced, run.model_dir)
        raise
    shutil.rmtree(aside.dir, ignore_errors=True)
