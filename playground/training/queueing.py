"""One run at a time on a machine: a lock that the training process takes, so no server is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from playground.i18n import msg
from playground.runs import RUN_ID, Run
from playground.training.progress import Progress
from playground.training.stopping import Stop

POLL_SECONDS = 0.5


@contextmanager
def turn(run: Run, progress: Progress, stop: Stop) -> Iterator[None]:
    """Wait for the machine, oldest run first; the lock falls with the process, however it ends.

    Raises Stopped when the run is asked to stop while it waits.
    """
    lock = FileLock(run.dir.parent / ".queue.lock")
    said = False
    while not (_is_first(run) and _acquire(lock)):
        if not said:
            run.add_event(msg("event.queued"))
            said = True
        stop.check()
        progress.beat()
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _is_first(run: Run) -> bool:
    """Whether no older run is waiting: ids begin with the time of their creation."""
    for folder in run.dir.parent.iterdir():
        if RUN_ID.fullmatch(folder.name) and folder.name < run.id and (folder / "status.json").is_file():
            try:
                status = Run(folder).status()
            except ValueError:  # a folder from elsewhere must not hold up the queue
                continue
            # status() calls a run whose process is gone failed, so a queued one with a pid is waiting.
            if status.state == "queued" and status.pid:
                return False
    return True
