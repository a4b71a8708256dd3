"""Checkpoints that can be trusted: whole or absent, and rotated by step.

A checkpoint is a folder step-<n> whose manifest (size and sha256 of every file, and how good it was on held-out rows
where that was looked at) is written last. The last ones are kept, and the best one.
transformers' own rotation goes by modification time, which a clock jump reverses, and its search
for the last checkpoint takes a truncated one; a lost optimizer.pt would even resume in silence,
with other weights. So both are done here, from the manifest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

MANIFEST = "manifest.json"
KEEP = 2


def write(parent: Path, step: int, fill: Callable[[Path], None], merit: float | None = None) -> Path:
    """Make the checkpoint of a step: `fill` writes its files aside, then it appears in one move.

    merit  how good it was on held-out rows, more is better; None where that was not looked at
    """
    parent.mkdir(exist_ok=True)
    aside = parent / f".aside-{step}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        fill(aside)
        files = {path.name: _fingerprint(path) for path in sorted(aside.iterdir())}
        with (aside / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump({"step": step, "merit": merit, "files": files}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        final = parent / f"step-{step}"
        shutil.rmtree(final, ignore_errors=True)  # only a damaged one can be there: a good one is resumed from
        os.replace(aside, final)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return final


def is_good(checkpoint: Path) -> bool:
    """Whether every file is there with the size and sha256 that the manifest says, and no other file."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
        names = {path.name for path in checkpoint.iterdir()} - {MANIFEST}
        return (
            manifest["step"] == step_of(checkpoint)
            and names == set(files)
            and all(_fingerprint(checkpoint / name) == found for name, found in files.items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def step_of(checkpoint: Path) -> int:
    """n of step-<n>; -1 for any other name."""
    match = re.fullmatch(r"step-(\d+)", checkpoint.name)
    return int(match.group(1)) if match else -1


def merit_of(checkpoint: Path) -> float | None:
    """How good it was on held-out rows, as its manifest says; None where that was not looked at."""
    try:
        merit = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8")).get("merit")
        return None if merit is None or not math.isfinite(merit) else float(merit)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def best(parent: Path) -> Path | None:
    """The good checkpoint of the highest merit, of equal ones the earliest; None where none was looked at."""
    found = [(merit, -step_of(path), path) for path in _by_step(parent) if (merit := merit_of(path)) is not None]
    return next((path for _, _, path in sorted(found, reverse=True) if is_good(path)), None)


def newest_good(parent: Path) -> tuple[Path | None, list[Path]]:
    """The good checkpoint of the highest step, and the damaged ones that were passed over for it."""
    damaged: list[Path] = []
    for checkpoint in _by_step(parent):
        if is_good(checkpoint):
            return checkpoint, damaged
        damaged.append(checkpoint)
    return None, damaged


def rotate(parent: Path) -> None:
    """Keep the KEEP good checkpoints of the highest steps, and the best one; everything else goes."""
    kept, best_one = 0, best(parent)
    for checkpoint in _by_step(parent):
        if kept < KEEP and is_good(checkpoint):
            kept += 1
        elif checkpoint != best_one:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _by_step(parent: Path) -> list[Path]:
    """step-<n> folders, highest n first."""
    if not parent.is_dir():
        return []
    return sorted((path for path in parent.iterdir() if step_of(path) >= 0), key=step_of, reverse=True)


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
