"""From table rows to task rows: columns joined and stripped, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from playground.data.table import Table
from playground.fields import Field, Label, Row

EMPTY, TOO_LONG, CUT = "empty", "too_long", "cut"
Problem = tuple[str, str]
"""(field name, EMPTY | TOO_LONG | CUT). With one of the first two a row is of no use."""

Columns = Mapping[str, Sequence[str]]
"""Field name -> the columns that hold it; several text columns are joined with a line break."""


def rows_of(table: Table, columns: Columns, fields: Sequence[Field]) -> Iterator[Row]:
    """{field: text} of every usable row, in the order of the file; what `check` reported as skipped is skipped."""
    for _, row, problems in scan(table, columns, fields):
        if is_usable(problems):
            yield row


def is_usable(problems: list[Problem]) -> bool:
    return all(kind == CUT for _, kind in problems)


def scan(table: Table, columns: Columns, fields: Sequence[Field]) -> Iterator[tuple[int, Row, list[Problem]]]:
    """(row number from 1, {field: text}, problems) of every row; streamed."""
    used = list(dict.fromkeys(name for field in fields for name in columns[field.name]))
    number = 0
    for batch in table.batches(used):
        cells = {name: batch.column(name).to_pylist() for name in used}
        for index in range(batch.num_rows):
            number += 1
            row: Row = {}
            problems: list[Problem] = []
            for field in fields:
                row[field.name] = _value(field, [cells[name][index] for name in columns[field.name]], problems)
            yield number, row, problems


def _value(field: Field, parts: list[str], problems: list[Problem]) -> str:
    """The field's text. A text past its cap is cut (a model reads far less of it), a label is not."""
    text = "\n".join(part.strip() for part in parts if part.strip())
    max_chars = getattr(field, "max_chars", len(text))
    if not text:
        problems.append((field.name, EMPTY))
    elif len(text) > max_chars:
        is_label = isinstance(field, Label)
        problems.append((field.name, TOO_LONG if is_label else CUT))
        text = text if is_label else text[:max_chars]
    return text


def same_text(row: Row, inputs: Sequence[str]) -> str:
    """What two rows have in common when their inputs differ in case and white space only."""
    return "\0".join(" ".join(str(row[name]).casefold().split()) for name in inputs)
