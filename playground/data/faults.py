"""What a fault of a dataset is, and where it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playground.fields import Field
from playground.i18n import Message, msg

SHOWN_ROWS = 5
KEPT_ROWS = 100


@dataclass(frozen=True)
class Fault:
    """What is wrong and what to do. `rows` are the first rows it is in, counted from 1 below the header."""

    message: Message
    remedy: Message
    fatal: bool = False
    rows: list[int] = field(default_factory=list)


class Found:
    """Rows in which something was found: how many, and the numbers of the first."""

    def __init__(self) -> None:
        self.count = 0
        self.rows: list[int] = []

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.rows) < KEPT_ROWS:
            self.rows.append(row)

    def where(self) -> Message:
        """ "row 3", "rows 3, 8", "rows 3, 8, 12, 15, 40 and 102 more" """
        shown = self.rows[:SHOWN_ROWS]
        if self.count == 1:
            return msg("data.where.one", row=shown[0])
        if self.count == len(shown):
            return msg("data.where.few", rows=shown)
        return msg("data.where.many", rows=shown, more=self.count - len(shown))

    def fault(self, code: str, total: int, **values: Any) -> Fault:
        return fault(code, rows=self.rows, count=self.count, total=total, where=self.where(), **values)


def fault(code: str, *, fatal: bool = False, rows: list[int] | None = None, **values: Any) -> Fault:
    """The fault `data.fault.<code>` with its remedy."""
    key = f"data.fault.{code}"
    return Fault(Message(key, values), Message(f"{key}.remedy", values), fatal, rows or [])


def name_of(wanted: Field) -> Message:
    return msg(f"field.{wanted.name}")
