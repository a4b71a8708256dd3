"""The child that reads an upload: `python -m playground.data.reader FILE PARQUET LIMITS`.

LIMITS is JSON: {"memory_mb", "seconds", "max_rows"}. The rows go to PARQUET in bounded batches, every
cell as text; the last line of standard output is {"table": …} or {"refused": code, "values": …}.
It imports little, so that most of its second is spent reading.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from playground.data import sniff
from playground.errors import PlaygroundError

MAX_COLUMNS = 500
MAX_RECORD_CHARS = 1_000_000
MAX_NAME_CHARS = 100
BATCH_CELLS = 400_000
BATCH_ROWS = 5_000
BATCH_CHARS = 4_000_000
NAMED_ROWS = 5


def limit_this_process(memory_mb: int, seconds: int) -> None:
    """Address space and processor time, set from inside: nothing may run between fork and exec in a threaded parent."""
    try:
        import resource
    except ImportError:  # Windows has no such limits: there the parent's time limit and the bounds below hold alone
        return
    size = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):  # macOS accepts this limit only where it is larger than what is mapped
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


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
        return line.replace("\ufeff", "")  # marks left in the middle where files were joined


class Writer:
    """Rows of text cells to Parquet, a batch at a time."""

    def __init__(self, path: Path, columns: list[str], max_rows: int) -> None:
        import pyarrow
        import pyarrow.parquet

        self.arrow = pyarrow
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
        self.file = pyarrow.parquet.ParquetWriter(path, self.schema)
        self.filled = [False] * len(columns)
        self.max_rows = max_rows
        self.batch_rows = min(BATCH_ROWS, BATCH_CELLS // len(columns))
        self.rows = 0
        self.batch: list[list[str]] = []
        self.chars = 0

    def add(self, row: list[str]) -> None:
        self.rows += 1
        if self.rows > self.max_rows:
            raise PlaygroundError("data_too_many_rows", max_rows=self.max_rows)
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


def read_delimited(path: Path, part: Path, encoding: str, ending: str, max_rows: int) -> dict[str, Any]:
    """A csv or tsv file. Quotes are first taken by the standard; where that fails, more leniently."""
    with path.open(encoding=encoding, newline="") as file:
        text = file.read(sniff.SAMPLE_BYTES)
        is_cut = bool(file.read(1))
    csv.field_size_limit(MAX_RECORD_CHARS)
    delimiter = sniff.choose_delimiter(text, ending, is_cut)
    header = sniff.has_header(sniff.sample_rows(text, delimiter, is_cut))
    ways: list[dict[str, Any]] = [{"strict": True}, {"strict": False}]
    if delimiter == "\t":  # tab-separated text is often written with bare quotation marks
        ways.insert(1, {"quoting": csv.QUOTE_NONE})
    refusal: PlaygroundError | None = None
    for way in ways:
        try:
            with path.open(encoding=encoding, newline="") as file:
                columns, rows = _copy(Lines(file), part, header, max_rows, {"delimiter": delimiter, **way})
            return {"columns": columns, "rows": rows, "delimiter": delimiter, "header": header}
        except PlaygroundError as error:
            refusal = error
            if error.code not in ("data_quote", "data_quote_open", "data_ragged"):
                raise
    assert refusal is not None
    raise refusal


def _copy(lines: Lines, part: Path, header: bool, max_rows: int, way: dict[str, Any]) -> tuple[list[str], int]:
    """Every record to the Parquet file; (names of the columns that hold anything, number of rows)."""
    records = _records(lines, way)
    _, first = next(records)
    least = sniff.named_width(first)
    names, given = column_names(first if header else [""] * least)
    width = len(names)
    ragged: list[int] = []
    found = 0
    with Writer(part, names, max_rows) as writer:
        if not header:
            writer.add(first[:width])
        for line, record in records:
            if sniff.fits(record, least, width):
                writer.add((record + [""] * (width - len(record)))[:width])
            else:
                ragged.append(line)
                found = found or len(record)
        if ragged:
            shown = ragged[:NAMED_ROWS]
            raise PlaygroundError("data_ragged", lines=shown, count=len(ragged), expected=least, found=found)
    kept = [name for name, was_given, filled in zip(names, given, writer.filled, strict=True) if was_given or filled]
    return kept, writer.rows


def _records(lines: Lines, way: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """(line on which it starts, cells) of every record that is not a blank line."""
    reader = csv.reader(lines, **way)
    try:
        for record in reader:
            if record:
                if way["delimiter"] == "\t" and lines.number > lines.started and _swallowed(record):
                    raise PlaygroundError("data_quote_open", line=lines.started)
                yield lines.started, record
            lines.next_record()
    except csv.Error:
        raise PlaygroundError("data_quote", line=lines.started) from None


def _swallowed(record: list[str]) -> bool:
    """Whether a cell holds both a tab and a line break: a stray quotation mark ran over several rows."""
    return any("\t" in cell and "\n" in cell for cell in record)


def read_jsonl(path: Path, part: Path, encoding: str, max_rows: int) -> dict[str, Any]:
    """One JSON object a line. Two passes: keys may come late, and a Parquet file has its columns from the start."""
    keys: dict[str, None] = {}
    nested: list[int] = []
    with path.open(encoding=encoding, newline="") as file:
        for line, entry in _objects(Lines(file)):
            keys.update(dict.fromkeys(entry))
            if len(keys) > MAX_COLUMNS:
                raise PlaygroundError("data_too_many_columns", found=len(keys), max_columns=MAX_COLUMNS)
            if any(isinstance(value, (dict, list)) for value in entry.values()):
                nested.append(line)
    if nested:
        raise PlaygroundError("data_nested", lines=nested[:NAMED_ROWS], count=len(nested))
    if not keys:
        raise PlaygroundError("data_no_rows")
    names, _ = column_names([_clean(key) for key in keys])
    with path.open(encoding=encoding, newline="") as file, Writer(part, names, max_rows) as writer:
        for _, entry in _objects(Lines(file)):
            writer.add([_cell(entry.get(key)) for key in keys])
    return {"columns": names, "rows": writer.rows, "delimiter": None, "header": True}


def _objects(lines: Lines) -> Iterable[tuple[int, dict[str, Any]]]:
    """(line, object); numbers stay the text they are written as, so that 1.10 keeps its zero."""
    for text in lines:
        lines.next_record()
        if not text.strip():
            continue
        try:
            entry = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise PlaygroundError("data_json_line", line=lines.number)
        yield lines.number, entry


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _clean(value) if isinstance(value, str) else json.dumps(value)


def _clean(text: str) -> str:
    """Half a surrogate pair and NUL, which JSON can spell, replaced: neither is a character."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def read_file(path: Path, part: Path, max_rows: int) -> dict[str, Any]:
    """The table's columns, rows, encoding, delimiter and header. Raises PlaygroundError."""
    with path.open("rb") as file:
        head = file.read(sniff.SAMPLE_BYTES)
    ending = path.suffix.lower()
    sniff.refuse_other_formats(head, ending)
    encoding = sniff.detect_encoding(path, head)
    if sniff.is_jsonl(head.decode(encoding, "ignore"), ending):
        found = read_jsonl(path, part, encoding, max_rows)
    else:
        found = read_delimited(path, part, encoding, ending, max_rows)
    return {**found, "encoding": encoding.removesuffix("-sig")}


def main(arguments: list[str]) -> None:
    path, part, limits = Path(arguments[0]), Path(arguments[1]), json.loads(arguments[2])
    sys.modules["numpy"] = None  # type: ignore[assignment]  # pyarrow works without it: 0.2 s and 90 MB saved
    limit_this_process(limits["memory_mb"], limits["seconds"])
    try:
        answer: dict[str, Any] = {"table": read_file(path, part, limits["max_rows"])}
    except PlaygroundError as error:
        answer = {"refused": error.code, "values": error.message.to_json()["values"]}
    except MemoryError:
        answer = {"refused": "data_memory", "values": {"mb": limits["memory_mb"]}}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
