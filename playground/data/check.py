"""Every fault of a mapped table at once: which rows, what was expected, what was found, what to do."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.data.mapping import MAX_LABELS, MIN_ROWS_PER_LABEL
from playground.data.rows import CUT, EMPTY, TOO_LONG, Columns, is_usable, same_text, scan
from playground.data.table import Table
from playground.fields import Field, Label, Row
from playground.i18n import Message, msg

MIN_ROWS = 10
SHOWN_ROWS = 5
SHOWN_COLUMNS = 20
KEPT_ROWS = 100


@dataclass(frozen=True)
class Fault:
    """What is wrong and what to do. `rows` are the first rows it is in, counted from 1 below the header."""

    message: Message
    remedy: Message
    fatal: bool = False
    rows: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """rows: how many are usable; labels: the classes among them, sorted."""

    faults: list[Fault]
    rows: int
    labels: list[str]

    @property
    def ok(self) -> bool:
        """Whether the table can be trained on; faults that are not fatal may remain."""
        return not any(fault.fatal for fault in self.faults)


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
        return _fault(code, rows=self.rows, count=self.count, total=total, where=self.where(), **values)


def check(table: Table, columns: Columns, fields: Sequence[Field]) -> Checked:
    """All faults of the mapping, or else of the rows. Never raises on what the data holds."""
    faults = _mapping_faults(table, columns, fields)
    if faults:
        return Checked(faults, 0, [])
    survey = Survey(fields)
    for number, row, problems in scan(table, columns, fields):
        survey.add(number, row, problems)
    faults = [*survey.fatal(), *survey.notes()]
    if not table.header:
        faults.append(_fault("no_header", columns=table.columns[:SHOWN_ROWS]))
    return Checked(faults, survey.usable, sorted(survey.labels))


def _fault(code: str, *, fatal: bool = False, rows: list[int] | None = None, **values: Any) -> Fault:
    key = f"data.fault.{code}"
    return Fault(Message(key, values), Message(f"{key}.remedy", values), fatal, rows or [])


def _mapping_faults(table: Table, columns: Columns, fields: Sequence[Field]) -> list[Fault]:
    """What makes the mapping itself impossible; all of it is fatal."""
    faults = []
    there = [*table.columns[:SHOWN_COLUMNS], *(["…"] if len(table.columns) > SHOWN_COLUMNS else [])]
    uses = Counter(name for wanted in fields for name in columns.get(wanted.name, ()))
    for wanted in fields:
        names = list(columns.get(wanted.name, ()))
        if not names:
            faults.append(_fault("no_column", fatal=True, field=_name(wanted), columns=there))
        elif isinstance(wanted, Label) and len(names) > 1:
            faults.append(_fault("two_labels", fatal=True, field=_name(wanted), columns=names))
        for name in names:
            if name not in table.columns:
                faults.append(_fault("unknown_column", fatal=True, field=_name(wanted), column=name, columns=there))
    faults.extend(_fault("column_twice", fatal=True, column=name) for name, count in uses.items() if count > 1)
    known = {wanted.name for wanted in fields}
    for name in sorted(set(columns) - known):
        faults.append(_fault("unknown_field", fatal=True, field=name, fields=sorted(known)))
    return faults


def _name(wanted: Field) -> Message:
    return msg(f"field.{wanted.name}")


class Survey:
    """What one pass over the rows finds."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {wanted.name: wanted for wanted in fields}
        self.label = next((wanted for wanted in fields if isinstance(wanted, Label)), None)
        self.inputs = [wanted.name for wanted in fields if wanted is not self.label]
        self.total = 0
        self.usable = 0
        self.problems: dict[tuple[str, str], Found] = {}
        self.labels: Counter[str] = Counter()
        self.first_row_of: dict[str, int] = {}
        self.seen: dict[bytes, str] = {}
        self.repeated, self.contradicted = Found(), Found()

    def add(self, number: int, row: Row, problems: list[tuple[str, str]]) -> None:
        self.total += 1
        for problem in problems:
            self.problems.setdefault(problem, Found()).add(number)
        if is_usable(problems):
            self.usable += 1
            self._add_label(number, row)

    def _add_label(self, number: int, row: Row) -> None:
        """Counts the class and compares the row with earlier ones by a digest of its text: 16 bytes a row."""
        label = str(row[self.label.name]) if self.label else ""
        if self.label:
            self.labels[label] += 1
            self.first_row_of.setdefault(label, number)
        digest = hashlib.blake2b(same_text(row, self.inputs).encode(), digest_size=16).digest()
        if digest in self.seen:
            (self.repeated if self.seen[digest] == label else self.contradicted).add(number)
        else:
            self.seen[digest] = label

    def fatal(self) -> list[Fault]:
        faults = []
        if self.usable < MIN_ROWS:
            faults.append(_fault("few_rows", fatal=True, found=self.usable, total=self.total, needed=MIN_ROWS))
        if self.label is None or not self.usable:
            return faults
        label, classes = _name(self.label), len(self.labels)
        if classes < 2:
            faults.append(_fault("one_class", fatal=True, field=label, found=next(iter(self.labels))))
        elif classes > MAX_LABELS:
            faults.append(_fault("many_classes", fatal=True, field=label, found=classes, most=MAX_LABELS))
        elif classes * MIN_ROWS_PER_LABEL > self.usable:
            faults.append(_fault("rare_classes", fatal=True, field=label, found=classes, total=self.usable))
        return faults

    def notes(self) -> list[Fault]:
        """Faults one can train with: rows that are skipped or cut, and rows worth a second look."""
        faults = []
        for name, wanted in self.fields.items():
            for kind in (EMPTY, TOO_LONG, CUT):
                if found := self.problems.get((name, kind)):
                    cap = getattr(wanted, "max_chars", 0)
                    faults.append(found.fault(kind, self.total, field=_name(wanted), max_chars=cap))
        if self.repeated.count:
            faults.append(self.repeated.fault("repeated", self.total))
        if self.contradicted.count:
            faults.append(self.contradicted.fault("contradicted", self.total))
        return [*faults, *self._class_notes()]

    def _class_notes(self) -> list[Fault]:
        faults = []
        single = [name for name, count in self.labels.items() if count == 1]
        if single:
            found = Found()
            for name in single:
                found.add(self.first_row_of[name])
            faults.append(found.fault("single", self.total, labels=single[:SHOWN_ROWS]))
        spellings: dict[str, list[str]] = {}
        for name in self.labels:
            spellings.setdefault(" ".join(name.casefold().split()), []).append(name)
        for names in list(spellings.values()):
            if len(names) > 1:
                found = Found()
                found.add(self.first_row_of[names[1]])
                faults.append(found.fault("spelling", self.total, labels=names))
        return faults
