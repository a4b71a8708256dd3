"""A process with a trunk ends as a process should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENDS_WHILE_THE_WORKER_IS_BUSY = """
import torch
from playground.models.device import choose_device
from playground.models.trunk import Trunk

trunk = Trunk(torch.nn.Linear(2, 2), None, choose_device())
matrix = torch.zeros(1500, 1500)
# Native code that lets go of the interpreter's lock, as a forward and the freeing of its tensors do.
trunk._queue.put(lambda: [matrix @ matrix for _ in range(20)])
"""


def test_a_process_may_end_while_its_worker_is_in_native_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WHILE_THE_WORKER_IS_BUSY], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
