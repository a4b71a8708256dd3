"""Memory while a model is trained: what was freed is given back, and when it runs out, batches get smaller."""

from __future__ import annotations

import ctypes
import sys

import torch

MOST_NUMBERS = 128 * 2**20
"""Of what a language model says of each token of its vocabulary, at each place: half a GB, and as much again for
the gradient. Where a processor's memory ends the kernel kills without a word, so that is not left to chance."""


def give_back() -> None:
    """Return to the machine what was freed, where the C library has a call for it (glibc).

    It keeps the holes between what is still in use: batches of many lengths took a small network (scratch/gpt, 64 rows)
    from 3 to 7 GB within half an hour.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def ran_out(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on the processor or on an accelerator.

    accelerate's find_executable_batch_size does not know MemoryError. The kernel's own killer is a
    SIGKILL and shows as a killed run.
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def affordable(batch_size: int, numbers: int) -> int:
    """The largest divisor of the batch of which MOST_NUMBERS holds so many `numbers` a row; 1 at least."""
    return next(
        (rows for rows in range(batch_size, 1, -1) if batch_size % rows == 0 and rows * numbers <= MOST_NUMBERS), 1
    )


def smaller(batch_size: int, rows_at_once: int) -> int:
    """The largest divisor of the batch of at most half of what went through at once; 0 if there is none."""
    return next((rows for rows in range(rows_at_once // 2, 0, -1) if batch_size % rows == 0), 0)
