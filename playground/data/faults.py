"""What a fault of a dataset is, and where it was found."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.data.fixes import fixes_of
from playground.fields import Field
from playground.i18n import Message, msg

SHOWN_ROWS = 5
KEPT_ROWS = 100


@dataclass(frozen=True)
class Fault:
    """What is wrong and what to do. `rows` are the first rows it is in, counted from 1 below the header.

    fixes  names of what can be done about it with one click
    """

    message: Message
    remedy: Message
    fatal: bool = False
    rows: list[int] = field(default_factory=list)
    fixes: tuple[str, ...] = ()


class Found:
    """Rows in which something was found, by number: eight bytes each."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.numbers = array("q", numbers)

    @property
    def count(self) -> int:
        return len(self.numbers)

    def add(self, row: int) -> None:
        self.numbers.append(row)

    def without(self, left_out: Collection[int]) -> Found:
        return Found(number for number in self.numbers if number not in left_out) if left_out else self

    def where(self) -> Message:
        """ "row 3", "rows 3, 8", "rows 3, 8, 12, 15, 40 and 102 more" """
        shown = list(self.numbers[:SHOWN_ROWS])
        if self.count == 1:
            return msg("data.where.one", row=shown[0])
        if self.count == len(shown):
            return msg("data.where.few", rows=shown)
        return msg("data.where.many", rows=shown, more=self.count - len(shown))

    def fault(self, code: str, total: int, *, fixes: Sequence[str] | None = None, **values: Any) -> Fault:
        rows = list(self.numbers[:KEPT_ROWS])
        return fault(code, rows=rows, fixes=fixes, count=self.count, total=total, where=self.where(), **values)


def fault(
    code: str, *, fatal: bool = False, rows: list[int] | None = None, fixes: Sequence[str] | None = None, **values: Any
) -> Fault:
    """The fault `data.fault.<code>` with its remedy, and the fixes there are for it unless others are given."""
    key = f"data.fault.{code}"
    offered = fixes_of(code) if fixes is None else tuple(fixes)
    return Fault(Message(key, values), Message(f"{key}.remedy", values), fatal, rows or [], offered)


def name_of(wanted: Field) -> Message:
    return msg(f"field.{wanted.name}")
