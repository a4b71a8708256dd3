"""The child that reads an upload: `python -m playground.data.reader FILE... ARROW LIMITS`.

LIMITS is JSON: {"memory_mb", "seconds", "max_rows", "several"}: what several files are to one another.
The rows go to ARROW in bounded batches, every
cell as text; the last line of standard output is {"table": …} or {"refused": code, "values": …}.
It imports little, so that most of its second is spent reading.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from playground.data import archive, conll, parallel, prose, sniff, tmx
from playground.data.classes import read_texts
from playground.data.json_file import read_json
from playground.data.parquet_file import read_parquet
from playground.data.records import (
    MAX_RECORD_CHARS,
    NAMED_ROWS,
    Lines,
    Writer,
    column_names,
    kept_columns,
    shown_name,
    write_objects,
)
from playground.data.workbook import read_workbook
from playground.errors import PlaygroundError


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


def read_delimited(path: Path, part: Path, encoding: str, ending: str, max_rows: int) -> dict[str, Any]:
    """A csv or tsv file. Quotes are first taken by the standard; where that fails, more leniently."""
    with path.open(encoding=encoding, newline="") as file:
        text = file.read(sniff.SAMPLE_BYTES)
        is_cut = bool(file.read(1))
    form = sniff.form_of(text, ending, is_cut)
    header = sniff.has_header(sniff.sample_rows(text, form, is_cut))
    ways: list[dict[str, Any]] = [{"strict": True}, {"strict": False}]
    if '\\"' in text:  # as MySQL, Spark and many exports write a quotation mark inside quotes
        ways.insert(1, {"strict": True, "escapechar": "\\", "doublequote": False})
    if form.delimiter == "\t":  # tab-separated text is often written with bare quotation marks
        ways.insert(1, {"quoting": csv.QUOTE_NONE})
    refusal: PlaygroundError | None = None
    for way in ways:
        try:
            with path.open(encoding=encoding, newline="") as file:
                columns, rows = _copy(Lines(file), part, header, max_rows, form.above, {**form.way, **way})
            shown = None if form.delimiter == sniff.ONE_COLUMN else form.delimiter
            return {"columns": columns, "rows": rows, "delimiter": shown, "header": header}
        except PlaygroundError as error:
            refusal = error
            if error.code not in ("data_quote", "data_quote_open", "data_ragged"):
                raise
    assert refusal is not None
    if parallel.is_one_side(shown_name(path)):
        raise PlaygroundError("data_one_side", file=shown_name(path))
    raise refusal


def _copy(
    lines: Lines, part: Path, header: bool, max_rows: int, above: int, way: dict[str, Any]
) -> tuple[list[str], int]:
    """Every record from `above` on to the Arrow file; (names of the columns that hold anything, number of rows)."""
    records = islice(_records(lines, way), above, None)
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
    return kept_columns(names, given, writer.filled), writer.rows


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
    """One JSON object a line."""

    def entries() -> Iterator[Mapping[str, Any]]:
        with path.open(encoding=encoding, newline="") as file:
            yield from _objects(Lines(file))

    return write_objects(entries, part, max_rows)


def _objects(lines: Lines) -> Iterator[Mapping[str, Any]]:
    """Numbers stay the text they are written as, so that 1.10 keeps its zero."""
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
        yield entry


def read_file(path: Path, part: Path, max_rows: int) -> dict[str, Any]:
    """The table's columns, rows, encoding, delimiter and header. Raises PlaygroundError."""
    with path.open("rb") as file:
        head = file.read(sniff.SAMPLE_BYTES)
    ending = path.suffix.lower()
    csv.field_size_limit(MAX_RECORD_CHARS)
    if head.startswith(sniff.PARQUET):
        return read_parquet([path], part, max_rows)
    is_called = ending in (*sniff.WORKBOOK_ENDINGS, *sniff.OTHER_WORKBOOKS)
    if head.startswith(sniff.OLE) or (head.startswith(sniff.ZIP) and (is_called or archive.is_workbook(path))):
        return {**read_workbook(path, part, max_rows), "encoding": ""}
    sniff.refuse_other_formats(head, ending)
    encoding = sniff.detect_encoding(path, head)
    text = head.decode(encoding, "ignore")
    kind = sniff.kind(text, ending)
    if kind == "jsonl":
        found = read_jsonl(path, part, encoding, max_rows)
    elif kind == "json":
        found = read_json(path, part, encoding, max_rows)
    elif tmx.is_tmx(text):
        found = tmx.read_tmx(path, part, encoding, max_rows)
    elif shape := conll.shape_of(text, ending):
        found = conll.read_conll(path, part, encoding, max_rows, shape)
    elif prose.is_prose(text, ending, len(head) == sniff.SAMPLE_BYTES):
        found = prose.read_prose(path, part, encoding, max_rows)
    else:
        found = read_delimited(path, part, encoding, ending, max_rows)
    return {**found, "encoding": encoding.removesuffix("-sig")}


def read_files(paths: Sequence[Path], part: Path, max_rows: int, several: str) -> dict[str, Any]:
    """One file; several are "classes", "parallel" or "texts", or pieces of a table in parquet.

    Raises PlaygroundError.
    """
    if len(paths) == 1:
        return read_file(paths[0], part, max_rows)
    if all(sniff.is_parquet(path) for path in paths):
        return read_parquet(paths, part, max_rows)
    if several == "parallel":
        return parallel.read_parallel(paths, part, max_rows)
    return read_texts(paths, part, max_rows, classes=several == "classes")


def main(arguments: list[str]) -> None:
    paths, part, limits = list(map(Path, arguments[:-2])), Path(arguments[-2]), json.loads(arguments[-1])
    sys.modules["numpy"] = None  # type: ignore[assignment]  # pyarrow works without it: 0.2 s and 90 MB saved
    limit_this_process(limits["memory_mb"], limits["seconds"])
    try:
        answer: dict[str, Any] = {"table": read_files(paths, part, limits["max_rows"], limits["several"])}
    except PlaygroundError as error:
        answer = {"refused": error.code, "values": error.message.to_json()["values"]}
    except MemoryError:
        answer = {"refused": "data_memory", "values": {"mb": limits["memory_mb"]}}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
