"""Whether anything about the runs has changed, told without reading more than one file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from playground.runs import find_run
from playground.settings import settings

LOOK_SECONDS = 10
"""What leaves no trace in a file, such as the death of another run's process, is found at this pace."""


def stamp(run_id: str, owner: str) -> str:
    """Differs from an earlier one when what is shown of the runs, above all of that one, may have changed."""
    facts = [str(time.time() // LOOK_SECONDS)]
    for files in ("runs/*/status.json", "runs/*/about.json", "trash/*"):
        facts += (f"{path} {changed}" for path, changed in _changed(settings().home.glob(files)))
    if run_id:
        run = find_run(settings().runs_dir, run_id, owner)
        facts.append(run.status().state)  # failed, where its process is gone
        facts += (f"{path} {changed}" for path, changed in _changed(run.dir.iterdir()))
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()[:16]


def _changed(paths: Iterator[Path]) -> Iterator[tuple[Path, int]]:
    """The paths with the times of their last change; those that vanish meanwhile are passed over."""
    for path in paths:
        try:
            yield path, path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
