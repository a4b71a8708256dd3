"""Parquet files, as the Hub has them: class numbers become their names, lists and objects stay JSON.

Runs in the child only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.data.records import MAX_COLUMNS, PAIR, Writer, cell, clean, column_names
from playground.errors import PlaygroundError

BATCH_ROWS = 1_000
SAMPLE_ROWS = 100
MAX_META_BYTES = 10_000_000
MAX_META_ITEMS = 100_000
"""Of what a file says of itself, which is read before anything else."""
HUB = b"huggingface"
"""Where the `datasets` library keeps the features of a dataset in a file's metadata."""


def read_parquet(paths: Sequence[Path], part: Path, max_rows: int) -> dict[str, Any]:
    """Every row, a batch at a time; of several files, which are pieces of one table, one after another.

    Columns of bytes that are no text are left out. Raises PlaygroundError.
    """
    import pyarrow
    import pyarrow.parquet

    bounds = {"thrift_string_size_limit": MAX_META_BYTES, "thrift_container_size_limit": MAX_META_ITEMS}
    try:
        with ExitStack() as opened:
            return _read(
                [opened.enter_context(pyarrow.parquet.ParquetFile(path, **bounds)) for path in paths], part, max_rows
            )
    except (PlaygroundError, MemoryError):
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, RecursionError):
        raise PlaygroundError("data_parquet_damaged") from None


def _read(files: Sequence[Any], part: Path, max_rows: int) -> dict[str, Any]:
    first = files[0]
    schema = first.schema_arrow
    if sum(file.metadata.num_rows for file in files) > max_rows:
        raise PlaygroundError("data_too_many_rows", max_rows=max_rows)
    if len(schema) > MAX_COLUMNS:
        raise PlaygroundError("data_too_many_columns", found=len(schema), max_columns=MAX_COLUMNS)
    if any(file.schema_arrow.names != schema.names for file in files):
        raise PlaygroundError("data_other_columns")
    features = _features(schema.metadata or {})
    left_out = [one.name for one in schema if _holds_bytes(one.type) and not _is_text(first, one)]
    columns = [column for one in schema if one.name not in left_out for column in _columns(one, features)]
    if not columns:
        raise PlaygroundError("data_no_text")
    names, _ = column_names([clean(column.path[-1]) for column in columns])
    taken = [column.path[0] for column in columns]
    with Writer(part, names, max_rows) as writer:
        for file in files:
            for batch in file.iter_batches(BATCH_ROWS, columns=taken, use_threads=False):
                for row in zip(*(column.cells(batch) for column in columns), strict=True):
                    writer.add(list(row))
    notes = [("bytes_left_out", {"columns": [clean(name) for name in left_out]})] if left_out else []
    nested = [name for name, column in zip(names, columns, strict=True) if column.is_nested]
    return {
        "columns": names, "rows": writer.rows, "encoding": "", "delimiter": None, "header": True, "nested": nested,
        "notes": notes,
    }  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of the table to be.

    path       its name in the file, or the names of a struct and of the field in it
    kind       its Arrow type
    names      of the classes, where the file has their numbers; [] otherwise
    """

    path: tuple[str, ...]
    kind: Any
    names: list[str] = field(default_factory=list)

    @property
    def is_nested(self) -> bool:
        import pyarrow.types as types

        return types.is_nested(self.kind)

    def cells(self, batch: Any) -> Iterator[str]:
        """A cell for each row of a RecordBatch."""
        import pyarrow.compute as compute

        values = batch.column(self.path[0])
        for name in self.path[1:]:
            values = compute.struct_field(values, name)
        for value in values.to_pylist():
            yield self._cell(value)

    def _cell(self, value: Any) -> str:
        if self.names:
            value = [self._name(one) for one in value] if isinstance(value, list) else self._name(value)
        if isinstance(value, bytes):
            return clean(value.decode("utf-8", "replace"))
        if isinstance(value, (list, dict)):
            return clean(json.dumps(value, ensure_ascii=False, default=str))
        if value is None or value != value:  # NaN is how pandas says that there is none
            return ""
        return cell(value) if isinstance(value, (str, bool)) else str(value)

    def _name(self, value: Any) -> Any:
        """-1 is what the Hub's test sets have where the class is kept secret."""
        if not isinstance(value, int) or value >= len(self.names):
            return value
        return self.names[value] if value >= 0 else None


def _columns(one: Any, features: dict[str, Any]) -> Iterator[Column]:
    """The Hub's form of a pair, a struct with a text a language, becomes a column a language."""
    import pyarrow.types as types

    if one.name == PAIR and types.is_struct(one.type) and all(types.is_string(part.type) for part in one.type):
        yield from (Column((one.name, part.name), part.type) for part in one.type)
    else:
        yield Column((one.name,), one.type, _class_names(features.get(one.name)))


def _features(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """What the `datasets` library wrote of the columns; {} where another program wrote the file."""
    try:
        found = json.loads(metadata.get(HUB, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _class_names(feature: Any) -> list[str]:
    """Of a ClassLabel, or of a list of them (tags of tokens)."""
    if not isinstance(feature, dict):
        return []
    names = feature.get("names") if feature.get("_type") == "ClassLabel" else _class_names(feature.get("feature"))
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if is_list else []  # type: ignore[return-value]


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_nested(kind):
        return any(_holds_bytes(kind.field(number).type) for number in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _is_text(file: Any, one: Any) -> bool:
    """Whether a column of bytes begins with UTF-8, as older programs write text."""
    import pyarrow.types as types

    if types.is_nested(one.type):
        return False
    try:
        for batch in file.iter_batches(SAMPLE_ROWS, columns=[one.name], use_threads=False):
            return "\0" not in "".join(value.decode("utf-8") for value in batch.column(0).to_pylist() if value)
    except UnicodeDecodeError:
        return False
    return False
