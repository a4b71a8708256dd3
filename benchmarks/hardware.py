"""The machine, in one line, to stand beside every figure."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil


def hardware() -> str:
    """Processor, usable cores, memory and Python of this machine."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    memory = psutil.virtual_memory().total / 2**30
    return f"{name}, {psutil.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"
