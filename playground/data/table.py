"""A dataset file, read by a child process that may die without harm, and what it left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playground.data.child import run_child
from playground.data.records import shown_name
from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from datasets import Dataset

    from playground.settings import Settings

BATCH_ROWS = 2_000
PREVIEW_CHARS = 500

TOGETHER = " + "
"""Between the names of files that make one dataset."""


Several = Literal["classes", "parallel", "texts"]
"""What several files are to one another: classes, each called as its class is; parallel ones, line n of each says the
same in another language; texts, one after the other."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text cells in an Arrow file, which is mapped into memory and never loaded as a whole.

    name       the user's file name, only ever displayed; of several "a.en + a.zh"
    columns    column names, unique, in the order of the file
    rows       number of rows, the header not counted
    arrow      where the rows are: a stream of record batches
    encoding   how the file was decoded, e.g. utf-8, gb18030; "" where its format says that itself
    delimiter  of a csv, tsv or CoNLL file; None for JSON and blanks
    nested     columns with lists or objects, as JSON
    header     False where the first line holds data, so that the columns got numbers for names
    notes      what is worth knowing of how it was read: [code of a fault, its values]
    """

    name: str
    columns: list[str]
    rows: int
    arrow: Path
    encoding: str
    delimiter: str | None
    header: bool = True
    nested: list[str] = field(default_factory=list)
    notes: list[list[Any]] = field(default_factory=list)

    def dataset(self) -> Dataset:
        """All rows as a Dataset of string columns, memory-mapped; nothing goes to a shared cache folder."""
        from datasets import Dataset

        return Dataset.from_file(str(self.arrow)).select_columns(self.columns)

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
        import pyarrow

        # The reader bounded each batch by characters, so one of them fits into memory however long its cells are.
        with pyarrow.memory_map(str(self.arrow)) as file, pyarrow.ipc.open_stream(file) as stream:
            for batch in stream:
                chosen = batch.select(list(columns))
                for start in range(0, chosen.num_rows, max(1, size)):
                    yield chosen.slice(start, max(1, size))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "arrow": str(self.arrow)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Table:
        return Table(**{**data, "arrow": Path(data["arrow"])})


def read(path: Path | Sequence[Path], *, directory: Path, several: Several = "parallel", called: str = "") -> Table:
    """The rows of a file of any kind that README.md lists, written to `directory`/rows.arrow.

    Several files are pieces of a table in parquet, or as `several` says. No file is opened in this
    process: a child with a memory and a time limit reads it. `called`: the table's name in place of the files'.
    Raises PlaygroundError, and leaves nothing behind, when it cannot be read.
    """
    # settings cost 0.3 s to import, and the child, which imports this package too, needs none.
    from playground.settings import settings

    limits = settings()
    paths = [path] if isinstance(path, Path) else list(path)
    for one in paths:
        if not one.is_file():
            raise PlaygroundError("data_not_found", file=shown_name(one))
    name = called or TOGETHER.join(map(shown_name, paths))
    size = sum(one.stat().st_size for one in paths)
    if size > limits.max_upload_mb * 1_000_000:
        raise PlaygroundError("data_too_large", file=name, mb=size / 1e6, max_mb=limits.max_upload_mb)
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    rows = directory / "rows.arrow"
    part = directory / "rows.arrow.part"
    try:
        found = _in_child(paths, part, limits, several)
        part.replace(rows)
    except BaseException:
        part.unlink(missing_ok=True)
        if is_new:
            directory.rmdir()
        raise
    return Table(name=name, arrow=rows, **found)


def shorten(cell: str) -> str:
    return cell if len(cell) <= PREVIEW_CHARS else cell[:PREVIEW_CHARS] + "…"


def _in_child(paths: Sequence[Path], part: Path, limits: Settings, several: Several = "parallel") -> dict[str, Any]:
    """What the child reports of the table, or its refusal as a PlaygroundError."""
    bounds = {"max_rows": limits.max_rows, "several": several}
    return dict(run_child("playground.data.reader", (*paths, part), limits, bounds)["table"])
