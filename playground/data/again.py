"""Rows that were read once as a table again, so that they can be looked at, checked and split like a file's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from playground.data.records import Writer, clean
from playground.data.table import Table
from playground.fields import HELD_OUT, SPLIT, TRAIN, Field, Row


def table_again(
    train: Sequence[Row], held_out: Sequence[Row], fields: Sequence[Field], *, name: str, directory: Path
) -> Table:
    """A column for each field that the rows have, called like it; SPLIT says on which side each row was.

    `name` is shown as the file's. Written to `directory`/rows.arrow. Raises PlaygroundError where there are no rows.
    """
    there = dict.fromkeys(key for row in (*train[:1], *held_out[:1]) for key in row)
    columns = [field.name for field in fields if field.name in there or field is SPLIT]
    path = directory / "rows.arrow"
    with Writer(path, columns, len(train) + len(held_out)) as writer:
        for side, rows in ((TRAIN, train), (HELD_OUT, held_out)):
            for row in _cells(rows, columns, side):
                writer.add(row)
    return Table(
        name=name,
        columns=columns,
        rows=writer.rows,
        arrow=path,
        encoding="",
        delimiter=None,
        nested=_nested((*train, *held_out), columns),
    )


def _cells(rows: Iterable[Row], columns: Sequence[str], side: str) -> Iterable[list[str]]:
    for row in rows:
        yield [_cell({**row, SPLIT.name: side}.get(name)) for name in columns]


def _cell(value: Any) -> str:
    """A text as it is, lists as JSON; nothing for none of them."""
    if isinstance(value, str):
        return clean(value)
    return json.dumps(value, ensure_ascii=False) if value else ""


def _nested(rows: Iterable[Row], columns: Sequence[str]) -> list[str]:
    return [name for name in columns if any(isinstance(row.get(name), list) for row in rows)]
