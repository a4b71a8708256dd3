"""When memory runs out: smaller batches, the same mathematics."""

from __future__ import annotations

import torch


def ran_out(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on the processor or on an accelerator.

    accelerate's find_executable_batch_size does not know MemoryError. The kernel's own killer is a
    SIGKILL and shows as a killed run.
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def smaller(batch_size: int, rows_at_once: int) -> int:
    """The largest divisor of the batch of at most half of what went through at once; 0 if there is none."""
    return next((rows for rows in range(rows_at_once // 2, 0, -1) if batch_size % rows == 0), 0)
