"""The rows of a run in Parquet: written and read a piece at a time, so that they need not be in memory."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from playground.fields import Answer, Field, Generated, Label, Labels, Language, Messages, Row, Spans, Split, Text

if TYPE_CHECKING:
    import pyarrow

GROUP_ROWS = 1_000
GROUPS_KEPT = 4
"""Pieces that stay in memory as Python's objects: rows that are asked for by number often lie near each other."""


def write_rows(path: Path, rows: Iterable[Row], fields: Sequence[Field]) -> None:
    """Write {field: value} rows, all of the same of these fields; those of the first row. No row, no column."""
    import pyarrow
    import pyarrow.parquet

    left = iter(rows)
    piece = list(itertools.islice(left, GROUP_ROWS))
    schema = _schema(piece[0] if piece else {}, fields)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while piece:
            writer.write_table(pyarrow.Table.from_pylist(piece, schema=schema))
            piece = list(itertools.islice(left, GROUP_ROWS))


class StoredRows(Sequence[Row]):
    """Rows of a Parquet file; a group of them at a time becomes Python's.

    Raises OSError or ValueError (pyarrow's errors are these) where the file is gone or damaged.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        self._file = pyarrow.parquet.ParquetFile(path, memory_map=True)
        counts = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        self._ends = list(itertools.accumulate(counts))
        self._group = lru_cache(maxsize=GROUPS_KEPT)(self._read)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Row]:
        for number in range(len(self._ends)):
            yield from self._group(number)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        number = bisect_right(self._ends, place)
        return self._group(number)[place - (self._ends[number - 1] if number else 0)]

    def _read(self, number: int) -> list[Row]:
        rows: list[Row] = self._file.read_row_group(number).to_pylist()
        return rows


def _schema(row: Row, fields: Sequence[Field]) -> pyarrow.Schema:
    """Of the fields that a row has; told, and not guessed from the first rows, in which a list may be empty."""
    import pyarrow

    text, place = pyarrow.string(), pyarrow.int64()

    def listed(**parts: Any) -> pyarrow.DataType:
        return pyarrow.list_(pyarrow.struct(parts))

    kinds: dict[type[Field], pyarrow.DataType] = {
        **dict.fromkeys((Text, Generated, Label, Language, Split), text),
        Labels: pyarrow.list_(text),
        Spans: listed(start=place, end=place, label=text),
        Answer: listed(text=text, start=place),
        Messages: listed(role=text, content=text),
    }
    return pyarrow.schema([(field.name, kinds[type(field)]) for field in fields if field.name in row])
