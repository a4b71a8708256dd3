"""A split as two lists."""

from __future__ import annotations

from typing import Any

from playground.data import split
from playground.fields import Row


def parts(rows: list[Row], **asked: Any) -> tuple[list[Row], list[Row]]:
    """(training rows, held-out rows)."""
    sides = split(iter(rows), **asked)
    return list(sides.train(rows)), list(sides.kept(rows))
