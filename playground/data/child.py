"""A child process that reads a file for us: it has a memory and a time limit, and may die without harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from playground.settings import Settings

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
OUT_OF_MEMORY = frozenset({-int(getattr(signal, name, 0)) for name in ("SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS")})
OUT_OF_MEMORY_MARKS = (b"MemoryError", b"bad_alloc", b"failed to map segment", b"Cannot allocate memory")
OUT_OF_TIME = frozenset({-int(getattr(signal, "SIGXCPU", 0))})
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")


def run_child(module: str, paths: Sequence[Path], limits: Settings, bounds: Mapping[str, Any]) -> dict[str, Any]:
    """What `python -m module PATH ... LIMITS` answers, or its refusal as a PlaygroundError.

    LIMITS is JSON: {"memory_mb", "seconds"} and `bounds`. The child prints one JSON object:
    {"refused": code, "values": ...}, or its answer.
    """
    request = {"memory_mb": limits.read_memory_mb, "seconds": limits.read_seconds, **bounds}
    command = [sys.executable, "-m", module, *(os.path.abspath(path) for path in paths), json.dumps(request)]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment()
        )
        try:
            output, _ = child.communicate(timeout=limits.read_seconds + 5)
        except BaseException as error:
            child.kill()
            child.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise PlaygroundError("data_too_slow", seconds=limits.read_seconds) from None
            raise
        errors.seek(0)
        return _answer(child.returncode, output, errors.read(), limits)


def _answer(code: int, output: bytes, errors: bytes, limits: Settings) -> dict[str, Any]:
    """The child's answer; a child that died names its reason by the way it died."""
    if code in OUT_OF_TIME:
        raise PlaygroundError("data_too_slow", seconds=limits.read_seconds)
    if code in OUT_OF_MEMORY or any(mark in errors for mark in OUT_OF_MEMORY_MARKS):
        raise PlaygroundError("data_memory", mb=limits.read_memory_mb)
    if code != 0:
        reason = errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        raise PlaygroundError("data_reader_died", reason=reason or str(code))
    answer = json.loads(output)
    if "refused" in answer:
        raise PlaygroundError(answer["refused"], **answer["values"])
    return dict(answer)


def environment() -> dict[str, str]:
    """An allow-list, with one memory arena: each further one would count against the child's address space."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    ours = {"PYTHONPATH": str(PACKAGE_PARENT), "PYTHONUTF8": "1"}
    return kept | ours | {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
