"""Runs that were thrown away: moved to a folder beside the others, from which they come back or go for good."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress

from playground.errors import PlaygroundError
from playground.runs import Run, find_run, list_runs
from playground.services.finetune import RunView, brief, starting_lock
from playground.settings import settings

KEEP_SECONDS = 30 * 24 * 3600.0
GOING = ".gone-"
"""How folders are called that are being deleted: what a killed process leaves of one is no run."""


def throw_away(run_id: str, owner: str) -> None:
    """Move a run to the trash. What has its model in memory goes on with it; nothing can load it anew.

    Raises PlaygroundError for a run that is going on.
    """
    with starting_lock():
        run = find_run(settings().runs_dir, run_id, owner)
        if run.status().state in ("queued", "running"):
            raise PlaygroundError("run_not_over", run=run.id)
        settings().trash_dir.mkdir(parents=True, exist_ok=True)
        # When it was thrown away is the time of its folder: that can be set on a full disk, too.
        os.utime(run.dir)
        os.replace(run.dir, settings().trash_dir / run.id)
    sweep()


def restore(run_id: str, owner: str) -> None:
    """Take a run out of the trash. Raises PlaygroundError where it is not there."""
    with starting_lock():
        os.replace(_thrown(run_id, owner).dir, settings().runs_dir / run_id)


def thrown_away(owner: str) -> list[RunView]:
    """What is in the owner's trash, newest run first."""
    return [brief(run) for run in list_runs(settings().trash_dir, owner)]


def days_left(run_id: str, owner: str) -> int:
    """Whole days until the sweep takes a run of the trash."""
    age = time.time() - _thrown(run_id, owner).dir.stat().st_mtime
    return max(0, int((KEEP_SECONDS - age) / 86400))


def empty(owner: str) -> int:
    """Delete for good what is in the owner's trash: how many runs."""
    found = list_runs(settings().trash_dir, owner)
    for run in found:
        _delete(run)
    return len(found)


def sweep() -> None:
    """Delete what has lain in the trash for KEEP_SECONDS, of all owners, and what was deleted by half."""
    for path in settings().trash_dir.glob("*"):
        with suppress(OSError):  # another server swept it
            if path.name.startswith(GOING):
                shutil.rmtree(path)
            elif time.time() - path.stat().st_mtime > KEEP_SECONDS:
                _delete(Run(path))


def _thrown(run_id: str, owner: str) -> Run:
    try:
        return find_run(settings().trash_dir, run_id, owner)
    except PlaygroundError:
        raise PlaygroundError("run_not_in_trash", run=run_id[:64]) from None


def _delete(run: Run) -> None:
    aside = run.dir.with_name(f"{GOING}{secrets.token_hex(8)}")
    with suppress(FileNotFoundError):  # restored or deleted by another server
        os.replace(run.dir, aside)
        shutil.rmtree(aside)
