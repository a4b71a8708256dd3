"""What a file is: its kind, its encoding, its delimiter, whether its first line names the columns.

Runs in the child process only; `head` is the file's first SAMPLE_BYTES bytes.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from playground.errors import PlaygroundError

SAMPLE_BYTES = 262_144
CHUNK_BYTES = 1_048_576
DELIMITERS = (",", "\t", ";", "|")

WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
WORKBOOK_MARKS = (b"[Content_Types].xml", b"opendocument.spreadsheet", b"xl/workbook")
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
OTHER_FORMATS = {
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"SQLite format 3": "SQLite",
    b"\x93NUMPY": "NumPy",
    b"ARROW1": "Arrow",
}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
MAX_CONTROL_SHARE = 0.02


def refuse_other_formats(head: bytes, ending: str) -> None:
    """Raises PlaygroundError for what is not a text table: a workbook, an archive, an image, a web page.

    The content decides; the ending only tells apart what looks the same.
    """
    if not head.strip(b" \t\r\n\x0b\x0c" + codecs.BOM_UTF8):
        raise PlaygroundError("data_empty")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise PlaygroundError("data_workbook")
    if head.startswith(ARCHIVES):
        is_workbook = ending in WORKBOOK_ENDINGS or any(mark in head for mark in WORKBOOK_MARKS)
        raise PlaygroundError("data_workbook" if is_workbook else "data_archive")
    for magic, kind in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise PlaygroundError("data_other_format", kind=kind)
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html)", head, re.IGNORECASE):
        raise PlaygroundError("data_web_page")


def detect_encoding(path: Path, head: bytes) -> str:
    """The encoding in which the whole file decodes. Raises PlaygroundError naming the line where none does."""
    encoding = next((name for mark, name in BOMS.items() if head.startswith(mark)), None)
    if encoding is None and b"\0" in head:
        raise PlaygroundError("data_nul", line=head[: head.index(b"\0")].count(b"\n") + 1)
    encoding = encoding or "utf-8"
    bad = first_undecodable(path, encoding)
    if bad is not None and encoding == "utf-8":
        encoding = _guess(path, bad[0])
        bad = bad if encoding == "utf-8" else first_undecodable(path, encoding)
    if bad is not None:
        raise PlaygroundError("data_encoding", line=bad[1], encoding=encoding)
    text = head.decode(encoding, "ignore")
    if len(CONTROL.findall(text)) > MAX_CONTROL_SHARE * len(text):
        raise PlaygroundError("data_binary")
    return encoding


def first_undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    """(byte offset, line) of the first byte that does not decode; None where all do."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before, line = 0, 1
    for chunk, is_last in _chunks(path):
        try:
            line += decoder.decode(chunk, is_last).count("\n")
        except UnicodeDecodeError as error:
            good = error.object[: error.start]
            held_back = len(error.object) - len(chunk)
            return before - held_back + error.start, line + good.decode(encoding, "ignore").count("\n")
        before += len(chunk)
    return None


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        chunk = file.read(CHUNK_BYTES)
        while chunk:
            following = file.read(CHUNK_BYTES)
            yield chunk, not following
            chunk = following


def _guess(path: Path, offset: int) -> str:
    """The likeliest encoding of a file that is not UTF-8; "utf-8" where it is UTF-8 with a few damaged bytes.

    A statistical guess by a library was tried: it took short Chinese files for Korean and French ones for Polish.
    Two-byte Chinese is recognised by its share of everyday characters (GB2312 level 1, Big5 level 1).
    """
    with path.open("rb") as file:
        file.seek(max(0, offset - SAMPLE_BYTES))
        window = file.read(2 * SAMPLE_BYTES)
    as_utf8 = window.decode("utf-8", "replace")
    damaged = as_utf8.count("\ufffd")
    if sum(char > "\x7f" for char in as_utf8) - damaged > 4 * damaged:
        return "utf-8"
    pairs = re.findall(rb"[\x81-\xfe][\x30-\x39\x40-\x7e\x80-\xfe]", window)
    gb = sum((pair[0] in range(0xB0, 0xD8) and pair[1] >= 0xA1) or pair[0] in range(0xA1, 0xA4) for pair in pairs)
    big5 = sum(pair[0] in range(0xA4, 0xC7) and (pair[1] <= 0x7E or pair[1] >= 0xA1) for pair in pairs)
    if pairs and max(gb, big5) >= 0.7 * len(pairs):
        return "gb18030" if gb >= big5 else "big5"
    neighbours = sum(len(run) for run in re.findall(rb"[\xc0-\xff]{2,}", window))
    high = sum(byte > 0x7F for byte in window)
    return "cp1251" if neighbours > 0.7 * high else "cp1252"


def kind(text: str, ending: str) -> str:
    """ "jsonl", one object a line; "json", one value for the whole file; "" for no JSON at all."""
    start = text.lstrip()
    named = ending in (".json", ".jsonl", ".ndjson")
    if start.startswith("[") and (named or start[1:].lstrip()[:1] == "{"):
        return "json"
    if not start.startswith("{"):
        return ""
    if ending in (".jsonl", ".ndjson"):
        return "jsonl"
    line, _, rest = start.partition("\n")
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        # An object over several lines, or a line that is longer than the sample.
        return "json" if named and (not line.rstrip().endswith("}") or not rest.strip()) else "jsonl" * named
    return "json" if isinstance(entry.get("data"), list) and not rest.strip() else "jsonl"


def sample_rows(text: str, delimiter: str, is_cut: bool) -> list[list[str]]:
    """The rows of a sample; blank lines are left out, and so is the last row of a cut sample."""
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def choose_delimiter(text: str, ending: str, is_cut: bool) -> str:
    """The delimiter that gives most rows as many cells as the first one has; a second column counts more."""
    order = sorted(DELIMITERS, key=lambda delimiter: delimiter != "\t") if ending in (".tsv", ".tab") else DELIMITERS

    def merit(delimiter: str) -> tuple[bool, float]:
        rows = sample_rows(text, delimiter, is_cut)
        least, width = named_width(rows[0]), len(rows[0])
        return least > 1, sum(fits(row, least, width) for row in rows) / len(rows)

    return max(order, key=merit)


def named_width(first: list[str]) -> int:
    """Cells of the first row, without the empty ones at its end (spreadsheets write such)."""
    return max((number for number, cell in enumerate(first, 1) if cell.strip()), default=1)


def fits(row: list[str], least: int, width: int) -> bool:
    """Whether a row has `least` to `width` cells; further cells that are all empty do not count."""
    return least <= len(row) and (len(row) <= width or not any(row[width:]))


def has_header(rows: list[list[str]]) -> bool:
    """False where the first row holds data: one of its cells is a usual value of its own column.

    A whole first row that comes again is a header (files were joined), so such rows are not counted.
    """
    first, others = rows[0], [row for row in rows[1:] if row != rows[0]]
    enough = max(2, len(others) // 20)
    return not any(
        cell.strip() and sum(len(row) > column and row[column] == cell for row in others) >= enough
        for column, cell in enumerate(first)
    )
