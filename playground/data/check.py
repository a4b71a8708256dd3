"""Every fault of a mapped table at once: which rows, what was expected, what was found, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playground.data.faults import Fault, fault, name_of
from playground.data.rows import Columns, scan
from playground.data.survey import MAX_CHARS, MIN_ROWS, Survey
from playground.data.table import Table
from playground.fields import Answer, Field, Spans, Text

SHOWN_COLUMNS = 20
MAX_TEXT_COLUMNS = 20
ANSWER_COLUMNS = 2
"""An answer, and where it starts."""


@dataclass(frozen=True)
class Checked:
    """rows: how many are usable; labels: the classes or entity types among them, sorted."""

    faults: list[Fault]
    rows: int
    labels: list[str]

    @property
    def ok(self) -> bool:
        """Whether the table can be trained on; faults that are not fatal may remain."""
        return not any(fault.fatal for fault in self.faults)


def check(table: Table, columns: Columns, fields: Sequence[Field], *, least: int = MIN_ROWS) -> Checked:
    """All faults of the mapping, or else of the rows. Never raises on what the data holds.

    least: usable rows that are needed; with fewer than MIN_ROWS nothing is to be trained, so one class is enough.
    """
    faults = _mapping_faults(table, columns, fields)
    if faults:
        return Checked(faults, 0, [])
    survey = Survey(fields)
    for number, row, problems in scan(table, columns, fields):
        survey.add(number, row, problems)
        if survey.chars > MAX_CHARS:  # the rest could only add to it, at length
            break
    faults = [*survey.fatal(least), *survey.notes()]
    if not table.header:
        faults.append(fault("no_header", columns=table.columns[:SHOWN_COLUMNS]))
    return Checked(faults, survey.usable, sorted(survey.labels))


def _mapping_faults(table: Table, columns: Columns, fields: Sequence[Field]) -> list[Fault]:
    """What makes the mapping itself impossible; all of it is fatal."""
    faults = []
    there = [*table.columns[:SHOWN_COLUMNS], *(["…"] if len(table.columns) > SHOWN_COLUMNS else [])]
    uses = Counter(name for wanted in fields for name in columns.get(wanted.name, ()))
    has_spans = any(isinstance(wanted, Spans) for wanted in fields)
    for wanted in fields:
        names, word = list(columns.get(wanted.name, ())), name_of(wanted)
        most = _most_columns(wanted, has_spans)
        if not names and not wanted.optional:
            faults.append(fault("no_column", fatal=True, field=word, columns=there))
        elif len(names) > most:
            faults.append(fault("many_columns", fatal=True, field=word, columns=names, most=most))
        for name in names:
            if name not in table.columns:
                faults.append(fault("unknown_column", fatal=True, field=word, column=name, columns=there))
            elif name in table.nested and not _may_nest(wanted, has_spans):
                faults.append(fault("nested", fatal=True, field=word, column=name))
    faults.extend(fault("column_twice", fatal=True, column=name) for name, count in uses.items() if count > 1)
    known = {wanted.name for wanted in fields}
    for name in sorted(set(columns) - known):
        faults.append(fault("unknown_field", fatal=True, field=name, fields=sorted(known)))
    return faults


def _most_columns(wanted: Field, has_spans: bool) -> int:
    """How many columns a field may be read from; places of entities are those of one text."""
    if isinstance(wanted, Answer):
        return ANSWER_COLUMNS
    return MAX_TEXT_COLUMNS if isinstance(wanted, Text) and not has_spans else 1


def _may_nest(wanted: Field, has_spans: bool) -> bool:
    """Whether a field can be read from lists or objects."""
    return isinstance(wanted, (Spans, Answer)) or (has_spans and isinstance(wanted, Text))
