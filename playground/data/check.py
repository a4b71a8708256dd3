"""Every fault of a mapped table at once: which rows, what was expected, what was found, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from playground.data.faults import Fault, fault, name_of
from playground.data.fixes import Mended, check_names
from playground.data.rows import CONSTANT, Columns, constants_of, scan
from playground.data.survey import MAX_CHARS, MIN_ROWS, Survey
from playground.data.table import Table
from playground.errors import PlaygroundError
from playground.fields import Answer, Field, Labels, Messages, Spans, Text

SHOWN_COLUMNS = 20
MAX_TEXT_COLUMNS = 20
ANSWER_COLUMNS = 2
"""An answer, and where it starts."""


@dataclass(frozen=True)
class Checked:
    """What the check of a table found.

    rows    how many are usable, and not left out by a fix
    labels  the classes or entity types among them, sorted
    counts  label -> rows of the class, or entities of the type
    chars   of all their texts
    mended  what the fixes change
    """

    faults: list[Fault]
    rows: int
    labels: list[str]
    counts: Mapping[str, int] = field(default_factory=dict)
    chars: int = 0
    mended: Mended = field(default_factory=Mended)

    @property
    def ok(self) -> bool:
        """Whether the table can be trained on; faults that are not fatal may remain."""
        return not any(fault.fatal for fault in self.faults)


def check(
    table: Table, columns: Columns, fields: Sequence[Field], *, least: int = MIN_ROWS, fixes: Sequence[str] = ()
) -> Checked:
    """All faults of the mapping, or else of the rows that fixes leave. Never raises on what the data holds.

    least: usable rows that are needed; with fewer than MIN_ROWS nothing is to be trained, so one class is enough.
    fixes: names of FIXES; a PlaygroundError names one that there is not.
    """
    check_names(fixes)
    faults = _mapping_faults(table, columns, fields)
    if faults:
        return Checked(faults, 0, [])
    survey = Survey(fields)
    for number, row, problems in scan(table, columns, fields):
        survey.add(number, row, problems)
        if survey.chars > MAX_CHARS:  # the rest could only add to it, at length
            break
    survey.mend(fixes)
    faults = [*survey.fatal(least), *survey.notes(), *survey.translations.misnamed(columns)]
    faults += [fault(code, **values) for code, values in table.notes]
    if not table.header:
        faults.append(fault("no_header", columns=table.columns[:SHOWN_COLUMNS]))
    return Checked(faults, survey.usable, sorted(survey.labels), survey.labels, survey.chars, survey.mended)


def _mapping_faults(table: Table, columns: Columns, fields: Sequence[Field]) -> list[Fault]:
    """What makes the mapping itself impossible; all of it is fatal."""
    faults = []
    there = [*table.columns[:SHOWN_COLUMNS], *(["…"] if len(table.columns) > SHOWN_COLUMNS else [])]
    constants = [(wanted, name) for wanted in fields for name in constants_of(wanted, columns)]
    uses = Counter(
        name for wanted in fields for name in columns.get(wanted.name, ()) if (wanted, name) not in constants
    )
    has_spans = any(isinstance(wanted, Spans) for wanted in fields)
    # The last turn of a conversation is what is to be written.
    answered = [wanted.of for wanted in fields if isinstance(wanted, Messages) and columns.get(wanted.name)]
    for wanted in fields:
        names, word = list(columns.get(wanted.name, ())), name_of(wanted)
        most = _most_columns(wanted, has_spans)
        if not names and not wanted.optional and wanted.name not in answered:
            faults.append(fault("no_column", fatal=True, field=word, columns=there))
        elif len(names) > most:
            faults.append(fault("many_columns", fatal=True, field=word, columns=names, most=most))
        for name in names:
            if (wanted, name) in constants:
                faults.extend(_constant_faults(wanted, name))
            elif name not in table.columns:
                faults.append(fault("unknown_column", fatal=True, field=word, column=name, columns=there))
            elif name in table.nested and not _may_nest(wanted, has_spans):
                faults.append(fault("nested", fatal=True, field=word, column=name))
    faults.extend(fault("column_twice", fatal=True, column=name) for name, count in uses.items() if count > 1)
    known = {wanted.name for wanted in fields}
    for name in sorted(set(columns) - known):
        faults.append(fault("unknown_field", fatal=True, field=name, fields=sorted(known)))
    return faults


def _constant_faults(wanted: Field, name: str) -> Iterator[Fault]:
    try:
        wanted.parse(name.removeprefix(CONSTANT))
    except PlaygroundError:
        yield fault("constant_unknown", fatal=True, field=name_of(wanted), found=name.removeprefix(CONSTANT)[:40])


def _most_columns(wanted: Field, has_spans: bool) -> int:
    """How many columns a field may be read from; places of entities are those of one text."""
    if isinstance(wanted, Answer):
        return ANSWER_COLUMNS
    if isinstance(wanted, Labels):
        return wanted.most  # one for each label
    if isinstance(wanted, Messages):
        return 2  # the prompt's turns, and the answer's
    return MAX_TEXT_COLUMNS if isinstance(wanted, Text) and not has_spans else 1


def _may_nest(wanted: Field, has_spans: bool) -> bool:
    """Whether a field can be read from lists or objects."""
    return isinstance(wanted, (Labels, Spans, Answer, Messages)) or (has_spans and isinstance(wanted, Text))
