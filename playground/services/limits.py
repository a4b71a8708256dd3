"""How much one owner may have at once, where there are several: nobody stands in everybody's way."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.errors import PlaygroundError
from playground.runs import GUEST, list_runs
from playground.settings import settings

KEEP_SECONDS = 24 * 3600.0
"""A run has a copy of its rows, so an upload is needed only until Start."""

_lock = threading.Lock()
_starting = threading.Lock()
_calls: Counter[str] = Counter()
_uploaded: dict[str, list[tuple[float, int]]] = {}
"""Owner -> (when, how many bytes) of each upload of the last day."""


@contextmanager
def turn(owner: str) -> Iterator[None]:
    """One prediction of an owner's. Raises PlaygroundError where as many are at work as one may have."""
    if not settings().public:
        yield
        return
    with _lock:
        if _calls[owner] >= settings().owner_calls:
            raise PlaygroundError("busy_with_yours", most=settings().owner_calls)
        _calls[owner] += 1
    try:
        yield
    finally:
        with _lock:
            _calls[owner] -= 1
            if not _calls[owner]:
                del _calls[owner]


def take_upload(owner: str, size: int) -> None:
    """Count what an owner is about to upload, in bytes. Raises PlaygroundError where it is more than one may in a day.

    Guests, who are nobody in particular, share what one owner may: what they upload is read once, and kept a day.
    """
    if not settings().public:
        return
    now, most = time.monotonic(), settings().owner_mb * 2**20
    with _lock:
        for other in list(_uploaded):
            _uploaded[other] = [(when, count) for when, count in _uploaded[other] if now - when < KEEP_SECONDS]
            if not _uploaded[other]:
                del _uploaded[other]
        taken = sum(count for _, count in _uploaded.get(owner, []))
        if taken + size > most:
            raise PlaygroundError("uploads_full", mb=(taken + size) // 2**20, most=settings().owner_mb)
        if shutil.disk_usage(settings().uploads_dir).free < size + settings().left_free:
            raise PlaygroundError("no_room")
        _uploaded.setdefault(owner, []).append((now, size))


def check_keeps(owner: str) -> None:
    """Refuse to keep something of an owner who cannot be known again, or keeps as much as one may."""
    from playground.services.batch.job import list_batches  # its package asks models, which asks here

    if owner == GUEST:
        raise PlaygroundError("token_needed")
    if settings().public:
        kept = _bytes(settings().uploads_dir / owner)
        for folder in (settings().runs_dir, settings().trash_dir):
            kept += sum(_bytes(run.dir) for run in list_runs(folder, owner))
        kept += sum(_bytes(batch.dir) for batch in list_batches(settings().batches_dir, owner))
        if kept > settings().owner_mb * 2**20:
            raise PlaygroundError("owner_full", mb=kept // 2**20, most=settings().owner_mb)


@contextmanager
def starting(owner: str, more: int = 1) -> Iterator[None]:
    """So many more fine-tunes, or dry runs of them, of an owner's are begun in the block.

    Raises PlaygroundError where that would be more unfinished ones than one may have. One block at a time, so that of
    two requests the second sees what the first began.
    """
    if not settings().public:
        yield
        return
    with _starting:
        check_keeps(owner)
        runs = [run for folder in (settings().runs_dir, settings().dry_dir) for run in list_runs(folder, owner)]
        unfinished = sum(run.status().state in ("queued", "running") for run in runs)
        if unfinished + more > settings().owner_runs:
            raise PlaygroundError("runs_unfinished", most=settings().owner_runs)
        yield


def _bytes(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # it was there a moment ago
    return found
