"""A batch's results as a table: the file's own columns, then the prediction's, for every row that has a result."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from playground.data import Table
from playground.data.values import Unreadable, nested
from playground.fields import Answer, Field, Generated, Label, Labels, Spans
from playground.i18n import Message, render
from playground.services.batch.job import Batch, Result
from playground.tasks import get_task

BATCH_ROWS = 1_000
PREDICTED = "predicted_"
ERROR = "prediction_error"
OURS = "input_"
"""Before a column of the file that is called like one of the prediction's."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes a cell for a formula by (OWASP, CSV Injection); the last four are the first four in full
width, as East Asian keyboards write them."""
NOT_SHOWN = frozenset({f"{PREDICTED}scores", f"{PREDICTED}start", f"{PREDICTED}end"})
"""Columns that a first look does without."""
Cells = dict[str, Any]

LABEL_SCORES = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))
ENTITIES = pa.list_(
    pa.struct(
        [
            ("entity_group", pa.string()), ("score", pa.float64()), ("word", pa.string()), ("start", pa.int64()),
            ("end", pa.int64()),
        ]
    )
)  # fmt: skip


def _label(field: Field, output: Any) -> Cells:
    return {"label": output[0]["label"], "score": output[0]["score"], "scores": output}


def _generated(field: Field) -> dict[str, pa.DataType]:
    assert isinstance(field, Generated)
    return {field.key: pa.string()}


COLUMNS: dict[type[Field], tuple[Callable[[Field], dict[str, pa.DataType]], Callable[[Field, Any], Cells]]] = {
    Label: (lambda field: {"label": pa.string(), "score": pa.float64(), "scores": LABEL_SCORES}, _label),
    Labels: (
        lambda field: {"labels": pa.list_(pa.string()), "scores": LABEL_SCORES},
        lambda field, output: {"labels": field.compared(output), "scores": output},
    ),
    Spans: (lambda field: {"entities": ENTITIES}, lambda field, output: {"entities": output}),
    Answer: (
        lambda field: {"answer": pa.string(), "score": pa.float64(), "start": pa.int64(), "end": pa.int64()},
        lambda field, output: output,
    ),
    Generated: (_generated, lambda field, output: output),
}
"""Class of the output -> (names and types of its columns, their values for an output)."""


def schema(batch: Batch) -> pa.Schema:
    """The table's columns: those of the file as text, then the prediction's, whose names every file has alike."""
    field = get_task(batch.spec().task).output
    named = {PREDICTED + name: kind for name, kind in COLUMNS[type(field)][0](field).items()} | {ERROR: pa.string()}
    return pa.schema([*((name, pa.string()) for name in _own(batch.table(), set(named)).values()), *named.items()])


def _own(table: Table, taken: set[str]) -> dict[str, str]:
    """{column of the file: what it is called here}"""
    own: dict[str, str] = {}
    for name in table.columns:
        other = name
        while other in taken or other in own.values() or (other != name and other in table.columns):
            other = OURS + other
        own[name] = other
    return own


def rows(batch: Batch, lang: str) -> Iterator[Cells]:
    """{column: value} of every row that has a result, in the order of the file; one part of it in memory at a time."""
    spec, table = batch.spec(), batch.table()
    field = get_task(spec.task).output
    names = COLUMNS[type(field)][0](field)
    own = _own(table, {ERROR, *(PREDICTED + name for name in names)})
    lines = batch.results()
    waiting: dict[int, Result] = {}
    number = 0
    for part in table.batches(table.columns, size=BATCH_ROWS):
        # Rows were worked on a piece at a time: what is not among these lines yet is not far behind.
        wanted = range(number + 1, number + part.num_rows + 1)
        while any(row not in waiting for row in wanted) and (more := list(islice(lines, BATCH_ROWS))):
            waiting |= {result["row"]: result for result in more}
        for cells in part.to_pylist():
            number += 1
            result = waiting.pop(number, None)
            if result is not None:
                found = COLUMNS[type(field)][1](field, result["output"]) if "output" in result else {}
                predicted = {PREDICTED + name: found.get(name) for name in names}
                error = render(Message.from_json(result["reason"]), lang) if "reason" in result else ""
                yield {own[name]: cell for name, cell in cells.items()} | predicted | {ERROR: error}


def first_rows(batch: Batch, count: int, lang: str) -> tuple[list[str], list[list[str]]]:
    """(columns, cells) of the first rows that have a result, for a look: what was asked, and what was found."""
    spec, names = batch.spec(), schema(batch).names
    own = dict(zip(batch.table().columns, names, strict=False))
    asked = [own[name] for columns in spec.columns.values() for name in columns if name in own]
    shown = [*asked, *(name for name in names[len(own) :] if name not in NOT_SHOWN)]
    found = [[_brief(row[name]) for name in shown] for row in islice(rows(batch, lang), count)]
    return shown, found


def _brief(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else text_of(value)


def safe(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def text_of(value: Any) -> str:
    """A value as one cell: lists as JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def _csv(path: Path, batch: Batch, lang: str) -> None:
    # With a mark of its encoding, without which Excel takes UTF-8 for something else.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(safe, schema(batch).names))
        writer.writerows([safe(text_of(value)) for value in row.values()] for row in rows(batch, lang))


def _jsonl(path: Path, batch: Batch, lang: str) -> None:
    """Lists and objects of the file are such again."""
    lists = set(batch.table().nested)
    with path.open("w", encoding="utf-8") as file:
        for row in rows(batch, lang):
            values = {name: _value(value) if name in lists else value for name, value in row.items()}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def _value(cell: Any) -> Any:
    try:
        return cell if (found := nested(str(cell))) is None else found
    except Unreadable:
        return cell


def _parquet(path: Path, batch: Batch, lang: str) -> None:
    with parquet.ParquetWriter(path, schema(batch)) as writer:
        lines = rows(batch, lang)
        while part := list(islice(lines, BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(part, schema(batch)))


WRITERS: dict[str, Callable[[Path, Batch, str], None]] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}


def write(batch: Batch, path: Path, ending: str, lang: str) -> None:
    """The table as a file; it is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        WRITERS[ending](part, batch, lang)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
