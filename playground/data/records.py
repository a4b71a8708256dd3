"""What every reader of rows uses: lines with bounds, names for columns, rows to an Arrow file. In the child only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from playground.errors import PlaygroundError

MAX_COLUMNS = 500
MAX_RECORD_CHARS = 1_000_000
MAX_CHARS = 300_000_000
"""Of all cells: what is packed in a small file may be far more than a disk should hold."""
MAX_NAME_CHARS = 100
BATCH_CELLS = 400_000
BATCH_ROWS = 5_000
BATCH_CHARS = 4_000_000
NAMED_ROWS = 5
PAIR = "translation"


class Lines:
    """The lines of a text file as a csv reader wants them, refusing what no table holds.

    number   of the line given last, from 1
    started  the line on which the current record began: `next_record` moves it on
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.number = 0
        self.started = 1
        self.chars = 0

    def next_record(self) -> None:
        self.started = self.number + 1
        self.chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.file.readline(MAX_RECORD_CHARS + 1)
        if not line:
            if self.chars:  # the csv reader asks for more only inside a quoted cell
                raise PlaygroundError("data_quote_open", line=self.started)
            raise StopIteration
        self.number += 1
        self.chars += len(line)
        if "\0" in line:
            raise PlaygroundError("data_nul", line=self.number)
        if self.chars > MAX_RECORD_CHARS:
            code = "data_quote_open" if self.number > self.started else "data_line_too_long"
            raise PlaygroundError(code, line=self.started, max_chars=MAX_RECORD_CHARS)
        return line.removeprefix("\ufeff")  # a mark left where files were joined


class Writer:
    """Rows of text cells to an Arrow stream, the form in which `datasets` maps files into memory, a batch at a time."""

    def __init__(self, path: Path, columns: list[str], max_rows: int) -> None:
        import pyarrow

        self.arrow = pyarrow
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
        self.file = pyarrow.RecordBatchStreamWriter(str(path), self.schema)
        self.filled = [False] * len(columns)
        self.max_rows = max_rows
        self.batch_rows = min(BATCH_ROWS, BATCH_CELLS // len(columns))
        self.rows = 0
        self.batch: list[list[str]] = []
        self.chars = 0
        self.written = 0

    def add(self, row: list[str]) -> None:
        self.rows += 1
        if self.rows > self.max_rows:
            raise PlaygroundError("data_too_many_rows", max_rows=self.max_rows)
        if max(map(len, row)) > MAX_RECORD_CHARS:
            raise PlaygroundError("data_cell_too_long", row=self.rows, max_chars=MAX_RECORD_CHARS)
        self.batch.append(row)
        self.chars += sum(map(len, row))
        if len(self.batch) >= self.batch_rows or self.chars > BATCH_CHARS:
            self.flush()

    def flush(self) -> None:
        if self.batch:
            cells = list(zip(*self.batch, strict=True))
            self.filled = [was or any(map(str.strip, column)) for was, column in zip(self.filled, cells, strict=True)]
            arrays = [self.arrow.array(column, self.arrow.string()) for column in cells]
            self.file.write_batch(self.arrow.record_batch(arrays, schema=self.schema))
            self.written += self.chars
            if self.written > MAX_CHARS:
                raise PlaygroundError("data_too_much_text", max_chars=MAX_CHARS)
        self.batch, self.chars = [], 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *failure: object) -> None:
        """Closes the file also after a refusal: the next way to read would otherwise share it with this one."""
        if failure[0] is None:
            self.flush()
        self.file.close()
        if failure[0] is None and not self.rows:
            raise PlaygroundError("data_no_rows")


def column_names(cells: list[str]) -> tuple[list[str], list[bool]]:
    """(unique names to show, which of them the file gave): blanks get a number, repeats a count."""
    if len(cells) > MAX_COLUMNS:
        raise PlaygroundError("data_too_many_columns", found=len(cells), max_columns=MAX_COLUMNS)
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(cells, 1):
        tidy = " ".join(cell.split())[:MAX_NAME_CHARS] or f"column {number}"
        name, count = tidy, 1
        while name in taken:
            count += 1
            name = f"{tidy} ({count})"
        names.append(name)
        taken.add(name)
    return names, [bool(cell.strip()) for cell in cells]


def kept_columns(names: list[str], given: list[bool], filled: list[bool]) -> list[str]:
    """Those that the file names or that hold anything."""
    return [name for name, named, holds in zip(names, given, filled, strict=True) if named or holds]


def shown_name(path: Path) -> str:
    """The file's name with nothing in it that could upset a terminal or a JSON file."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def cell(value: Any) -> str:
    """A value of a JSON file as a cell; lists and objects stay JSON."""
    if value is None:
        return ""
    return clean(value) if isinstance(value, str) else clean(json.dumps(value, ensure_ascii=False))


def clean(text: str) -> str:
    """Half a surrogate pair and NUL, which JSON can spell, replaced: neither is a character."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def write_objects(entries: Callable[[], Iterable[Mapping[str, Any]]], part: Path, max_rows: int) -> dict[str, Any]:
    """Objects as rows, their keys the columns. Raises PlaygroundError.

    They are gone through twice: keys may come late, and an Arrow file has its columns from the start.
    """
    keys: dict[str, bool] = {}
    for entry in map(spread, entries()):
        for key, value in entry.items():
            keys[key] = keys.get(key, False) or isinstance(value, (dict, list))
        if len(keys) > MAX_COLUMNS:
            raise PlaygroundError("data_too_many_columns", found=len(keys), max_columns=MAX_COLUMNS)
    if not keys:
        raise PlaygroundError("data_no_rows")
    names, _ = column_names([clean(key) for key in keys])
    with Writer(part, names, max_rows) as writer:
        for entry in map(spread, entries()):
            writer.add([cell(entry.get(key)) for key in keys])
    nested = [name for name, is_nested in zip(names, keys.values(), strict=True) if is_nested]
    return {"columns": names, "rows": writer.rows, "delimiter": None, "header": True, "nested": nested}


def spread(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Hub's form of a pair, {"translation": {"en": …, "zh": …}}, with a key a language; others as they are."""
    pair = entry.get(PAIR)
    if not isinstance(pair, dict) or not all(isinstance(text, str) for text in pair.values()):
        return entry
    return {**{key: value for key, value in entry.items() if key != PAIR}, **pair}
