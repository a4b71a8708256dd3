"""Spreadsheet workbooks (xlsx, xlsm, xlsb, xls, ods), read by calamine. Runs in the child only.

A cell is what it shows without its formatting: a number without needless zeros, a date as ISO writes it, the last
result of a formula. A cell that is merged downwards stands in each of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from playground.data import archive, sniff
from playground.data.records import Writer, clean, column_names, kept_columns
from playground.errors import PlaygroundError

SHEET = "sheet"
"""The column that names the sheet of a row, where several sheets are one table."""
SAMPLE_ROWS = 200
EXACT = 2**53
"""Whole numbers up to here are exact in a spreadsheet."""


@dataclass(frozen=True)
class Layout:
    """Where the table of a sheet is.

    names   what its header says, a string a column; [] where the first row holds data
    width   number of columns
    start   row, from 0, of the first example
    size    cells of the sheet: which one is the largest
    """

    names: list[str]
    width: int
    start: int
    size: int


def read_workbook(path: Path, part: Path, max_rows: int) -> dict[str, Any]:
    """The rows of the largest sheet, and of all others with the same header. Raises PlaygroundError."""
    from python_calamine import CalamineWorkbook, PasswordError

    archive.refuse_bomb(path)
    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            return _read(book, part, max_rows)
    except (PlaygroundError, MemoryError):
        raise
    except PasswordError:
        raise PlaygroundError("data_workbook_locked") from None
    except BaseException:  # a panic of the library is no Exception
        raise PlaygroundError("data_workbook_damaged") from None


def _read(book: Any, part: Path, max_rows: int) -> dict[str, Any]:
    found = {name: layout for name in _visible(book) if (layout := _layout(book.get_sheet_by_name(name)))}
    if not found:
        raise PlaygroundError("data_no_rows")
    largest = max(found, key=lambda name: found[name].size)
    layout = found[largest]
    alike = [name for name in found if layout.names and found[name].names == layout.names] or [largest]
    several = len(alike) > 1
    names, given = column_names([*(layout.names or [""] * layout.width), *[SHEET] * several])
    with Writer(part, names, max_rows) as writer:
        for name in alike:
            for row in islice(_rows(book.get_sheet_by_name(name)), found[name].start, None):
                if any(row):
                    writer.add([*row[: layout.width], *[clean(name)] * several])
    others = [name for name in found if name not in alike]
    notes = [("other_sheets", {"sheet": clean(largest), "others": [clean(name) for name in others]})] if others else []
    columns = kept_columns(names, given, writer.filled)
    return {
        "columns": columns, "rows": writer.rows, "delimiter": None, "header": bool(layout.names), "notes": notes,
    }  # fmt: skip


def _visible(book: Any) -> list[str]:
    """The names of the sheets that are to be seen; all of them where none is."""
    sheets = [sheet for sheet in book.sheets_metadata if str(sheet.typ).endswith("WorkSheet")]
    return [s.name for s in sheets if str(s.visible).endswith(".Visible")] or [s.name for s in sheets]


def _layout(sheet: Any) -> Layout | None:
    """None for an empty sheet. What stands above the header is passed over: a title of one cell, names of groups."""
    rows = [(number, row) for number, row in enumerate(islice(_rows(sheet), SAMPLE_ROWS)) if any(row)]
    widest = max((sum(map(bool, row)) for _, row in rows), default=0)
    while len(rows) > 1 and widest > 1 and sum(map(bool, rows[0][1])) < 2:
        rows.pop(0)
    if not rows:
        return None
    rows = rows[sniff.titles([row for _, row in rows]) :]
    first, width, size = rows[0][0], len(rows[0][1]), sheet.height * sheet.width
    below = _header_end(sheet, first, dict(rows))
    columns = zip(*(_across(sheet, number, row) for number, row in rows if number <= below), strict=True)
    names = [" ".join(dict.fromkeys(filter(None, map(str.strip, column)))) for column in columns]
    if sniff.has_header([names, *(row for number, row in rows if number > below)]):
        return Layout(names, width, below + 1, size)
    return Layout([], width, first, size)


def _merges(sheet: Any) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) of merged cells, in rows of the sheet and columns of what `_rows` yields of it.

    Blank columns on the left are in no row, but are counted in where cells are merged.
    """
    first = sheet.start[1] if sheet.start else 0
    ranges = sheet.merged_cell_ranges or []
    return sorted((top, max(0, left - first), bottom, right - first) for (top, left), (bottom, right) in ranges)


def _header_end(sheet: Any, first: int, rows: Mapping[int, list[str]]) -> int:
    """The last row of a header: of cells merged downwards, and of names below a cell that names several columns.

    rows  number -> cells, of the first rows of the sheet
    """
    end = first
    for top, left, bottom, right in _merges(sheet):
        if not first <= top <= end:
            continue
        end = max(end, bottom)
        below = [cell.strip() for cell in rows.get(bottom + 1, [])[left : right + 1]]
        if right > left and len(set(filter(None, below))) > 1 and all(map(sniff.NAME.fullmatch, filter(None, below))):
            following = [rows[number] for number in sorted(rows) if number > bottom]
            if sniff.has_header(following):
                end = max(end, bottom + 1)
    return min(end, first + SAMPLE_ROWS // 10)


def _across(sheet: Any, number: int, row: list[str]) -> list[str]:
    """A row of a header in which the name of several columns stands above each."""
    row = list(row)
    for top, left, bottom, right in _merges(sheet):
        if top <= number <= bottom and left < len(row):
            row[left : right + 1] = [row[left]] * len(row[left : right + 1])
    return row


def _rows(sheet: Any) -> Iterator[list[str]]:
    """Every row from the first one of the sheet, all of one length."""
    merged: dict[int, list[tuple[int, int]]] = {}
    for start, column, end, _ in _merges(sheet):
        if end > start:
            merged.setdefault(start, []).append((column, end))
    running: dict[int, tuple[str, int]] = {}
    for number, values in enumerate(sheet.iter_rows()):
        row = [_cell(value) for value in values]
        running = {column: found for column, found in running.items() if found[1] >= number}
        for column, (text, _) in running.items():
            row[column] = row[column] or text
        for column, end in merged.get(number, ()):
            if column < len(row):
                running[column] = row[column], end
        yield row


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    return str(value)
