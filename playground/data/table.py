"""A dataset file, read by a child process that may die without harm, and what it left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.data.child import run_child
from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from datasets import Dataset

    from playground.settings import Settings

BATCH_ROWS = 2_000
PREVIEW_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text cells in a Parquet file.

    name       the user's file name, only ever displayed
    columns    column names, unique, in the order of the file
    rows       number of rows, the header not counted
    parquet    where the rows are
    encoding   how the file was decoded, e.g. utf-8, gb18030
    delimiter  of a csv, tsv or CoNLL file; None for JSON and blanks
    nested     columns with lists or objects, as JSON
    header     False where the first line holds data, so that the columns got numbers for names
    """

    name: str
    columns: list[str]
    rows: int
    parquet: Path
    encoding: str
    delimiter: str | None
    header: bool = True
    nested: list[str] = field(default_factory=list)

    def dataset(self) -> Dataset:
        """All rows as a Dataset of string columns, in memory; nothing goes to a shared cache folder."""
        from datasets import Dataset
        from pyarrow import parquet

        return Dataset(parquet.read_table(self.parquet, columns=self.columns))

    def preview(self, n: int = 10) -> list[dict[str, str]]:
        """The first n rows, {column: cell}, for a look: long cells end in an ellipsis."""
        rows: list[dict[str, str]] = []
        for batch in self.batches(self.columns, size=n):
            rows.extend({name: shorten(cell) for name, cell in row.items()} for row in batch.to_pylist())
            if len(rows) >= n:
                break
        return rows[:n]

    def batches(self, columns: Sequence[str], size: int = BATCH_ROWS) -> Iterator[Any]:
        """pyarrow RecordBatches of those columns; one is in memory at a time."""
        from pyarrow import parquet

        # The reader bounded each row group by characters, so one of them fits into memory however long its cells are.
        with parquet.ParquetFile(self.parquet) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=list(columns), use_threads=False)
                yield from rows.to_batches(max_chunksize=max(1, size))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "parquet": str(self.parquet)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Table:
        return Table(**{**data, "parquet": Path(data["parquet"])})


def read(path: Path, *, directory: Path) -> Table:
    """The rows of a csv, tsv, json, jsonl or CoNLL file, written to `directory`/rows.parquet.

    The file is never opened in this process: a child with a memory and a time limit reads it.
    Raises PlaygroundError, and leaves nothing behind, when it cannot be read.
    """
    # settings cost 0.3 s to import, and the child, which imports this package too, needs none.
    from playground.settings import settings

    limits = settings()
    name = shown_name(path)
    if not path.is_file():
        raise PlaygroundError("data_not_found", file=name)
    size = path.stat().st_size
    if size > limits.max_upload_mb * 1_000_000:
        raise PlaygroundError("data_too_large", file=name, mb=size / 1e6, max_mb=limits.max_upload_mb)
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    rows = directory / "rows.parquet"
    part = directory / "rows.parquet.part"
    try:
        found = _in_child(path, part, limits)
        part.replace(rows)
    except BaseException:
        part.unlink(missing_ok=True)
        if is_new:
            directory.rmdir()
        raise
    return Table(name=name, parquet=rows, **found)


def shorten(cell: str) -> str:
    return cell if len(cell) <= PREVIEW_CHARS else cell[:PREVIEW_CHARS] + "…"


def shown_name(path: Path) -> str:
    """The file's name with nothing in it that could upset a terminal or a JSON file."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def _in_child(path: Path, part: Path, limits: Settings) -> dict[str, Any]:
    """What the child reports of the table, or its refusal as a PlaygroundError."""
    return dict(run_child("playground.data.reader", (path, part), limits, {"max_rows": limits.max_rows})["table"])
