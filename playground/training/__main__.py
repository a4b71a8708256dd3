"""`accelerate launch -m playground.training RUN_DIR`: wait for the machine, follow the recipe, say how it ended.

With `--dry-run` only a few steps are taken, and time and memory of the whole are told.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from pathlib import Path

from filelock import FileLock, Timeout

from playground.errors import PlaygroundError, full_disk
from playground.i18n import Message, msg
from playground.runs import DRY_RUN, Run, State
from playground.training.progress import Progress
from playground.training.queueing import turn
from playground.training.stopping import Stop, Stopped

NICENESS = 5
"""A page that answers matters more than a training that ends a little sooner."""


FULL = ("No space left on device", "PytorchStreamWriter failed writing")
"""What the libraries that write checkpoints say of a full disk."""
RESERVE = ".reserve"
RESERVED_BYTES = 2**16
"""Kept on the disk for a run's last word: on a full one nothing else could be said."""


def main(run_dir: str, *words: str) -> int:
    run = Run(Path(run_dir).resolve())
    try:
        with FileLock(run.dir / ".training.lock", timeout=0):
            return _run(run, dry=DRY_RUN in words)
    except Timeout:
        print("Another process is training this run.", file=sys.stderr)
        return 1


def _run(run: Run, dry: bool) -> int:
    stop = Stop(run)
    progress = Progress(run)
    try:
        (run.dir / RESERVE).write_bytes(b"0" * RESERVED_BYTES)
        if hasattr(os, "nice"):
            os.nice(NICENESS)
        with turn(run, progress, stop):
            progress.phase("loading")
            # torch comes in here: a run that waits in the queue needs little memory.
            if dry:
                from playground.training.rehearsal import rehearse

                rehearse(run, progress, stop)
                stopped: Message | None = None
            else:
                from playground.training.recipe import follow

                stopped = follow(run, progress, stop)
    except Stopped as early:
        _end(run, progress, "stopped", early.reason, msg("run.stopped_early.hint"))
        return 0
    except BaseException as error:  # also SystemExit and what native code raises: a run always says how it ended
        traceback.print_exc()
        reason, hint = _explain(run, error)
        _end(run, progress, "failed", reason, hint)
        return 1
    _end(run, progress, "stopped" if stopped else "done", stopped, msg("run.stopped.hint") if stopped else None)
    return 0


def _explain(run: Run, error: BaseException) -> tuple[Message, Message]:
    """What failed and what to do, for people; the traceback is in the log."""
    from playground.training import memory

    if _disk_full(run, error):
        error = PlaygroundError("disk_full")
    elif memory.ran_out(error):
        error = PlaygroundError("out_of_memory", rows=1)
    if isinstance(error, PlaygroundError):
        return error.message, error.hint
    return msg("run.crashed", kind=type(error).__name__), msg("run.crashed.hint")


def _disk_full(run: Run, error: BaseException) -> bool:
    """torch and safetensors report a full disk in words of their own, so these and the disk itself are looked at too.

    The disk alone does not tell: what was half written is gone by now, and its room is free again.
    """
    if full_disk(error) or any(words in str(error) for words in FULL):
        return True
    return isinstance(error, Exception) and shutil.disk_usage(run.dir).free < 2**20


def _end(run: Run, progress: Progress, state: State, reason: Message | None, hint: Message | None) -> None:
    # Half-made files first: on a full disk they are what the last word needs room for.
    for made in (run.aside_dir, run.examples_dir):
        shutil.rmtree(made, ignore_errors=True)
    (run.dir / RESERVE).unlink(missing_ok=True)
    progress.end(state, reason, hint)
    run.add_event(msg(f"event.{state}", reason=reason) if reason else msg(f"event.{state}"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
