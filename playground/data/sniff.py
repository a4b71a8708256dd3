"""What a file is: its kind, its encoding, its delimiter, whether its first line names the columns.

Runs in the child process only; `head` is the file's first SAMPLE_BYTES bytes.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.data.conll import ENDINGS as CONLL_ENDINGS
from playground.errors import PlaygroundError

SHARD = re.compile(r"(?:^|[-_.])\d{4,5}(?:-of-\d{4,5})?(?:-[0-9a-f]{16})?$")
"""How the name of a piece of a larger table ends: train-00000-of-00003, 0000, and in older datasets with a digest."""
SAMPLE_BYTES = 262_144
CHUNK_BYTES = 1_048_576
DELIMITERS = (",", "\t", ";", "|")
DELIMITER_CHARS = 16_384
"""How much of a file its delimiter is found from."""
EVEN_FIRST = (";", "|", ",")
DELIMITER_LINE = re.compile(r'\ufeff?"?sep=(.)"?\r?\n', re.IGNORECASE)
"""The first line that Excel heeds and hides."""
ONE_COLUMN = "\x1f"
"""Stands in no text: what parts it at this leaves it whole."""
BLANK_QUOTE = re.compile(r' +"')
NAME = re.compile(r"(?=\S)(?!.*[.!?。！？]\s*$)[^\d].{0,59}")
"""What may name a column: no number, and no sentence."""
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*")
MOST_TITLES = 5
RECURRING = 0.7
"""Share of different values of a column up to which they are classes."""
SENTENCE_SHARE = 0.9
LONG_CELL = re.compile(r"([^,;|\t\r\n\"']{60})[^,;|\t\r\n\"']++")

TAB_ENDINGS = (".tsv", ".tab")
TABLE_ENDINGS = (".csv", *TAB_ENDINGS)
WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TABLES = (".csv", ".tsv", *WORKBOOK_ENDINGS, ".json", ".jsonl", ".parquet", ".tmx", *CONLL_ENDINGS)
"""Endings of files that are a dataset by themselves."""
OTHER_WORKBOOKS = (".numbers", ".et")
WORKBOOK_MARKS = (b"opendocument.spreadsheet", b"xl/workbook")
LETTER_MARKS = (b"opendocument.text", b"word/")
OLE = b"\xd0\xcf\x11\xe0"
"""How the files of older Office programs begin, and of newer ones with a password."""
ZIP = b"PK\x03\x04"
PARQUET = b"PAR1"
ARCHIVES = (ZIP, b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
OTHER_FORMATS = {
    PARQUET: "Parquet",
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"SQLite format 3": "SQLite",
    b"\x93NUMPY": "NumPy",
    b"ARROW1": "Arrow",
}
UNMARKED = ("utf-16-le", "utf-16-be")
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

PYTHONS = {"gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "iso-8859-8-i": "iso-8859-8"}
"""Encoding, as browsers call it -> the one of Python's that reads what browsers mean by it."""

SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
CLOSING = " \"'”’」』)）"
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
MAX_CONTROL_SHARE = 0.02


def refuse_other_formats(head: bytes, ending: str) -> None:
    """Raises PlaygroundError for what is not a text table: a workbook, an archive, an image, a web page.

    The content decides; the ending only tells apart what looks the same.
    """
    if not head.strip(b" \t\r\n\x0b\x0c" + codecs.BOM_UTF8):
        raise PlaygroundError("data_empty")
    if head.startswith(OLE):
        raise PlaygroundError("data_workbook")
    if head.startswith(ZIP) and any(mark in head for mark in LETTER_MARKS):
        raise PlaygroundError("data_other_format", kind="Word")
    if head.startswith(ARCHIVES):
        is_workbook = ending in (*WORKBOOK_ENDINGS, *OTHER_WORKBOOKS) or any(mark in head for mark in WORKBOOK_MARKS)
        raise PlaygroundError("data_workbook" if is_workbook else "data_archive")
    for magic, kind in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise PlaygroundError("data_other_format", kind=kind)
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html)", head, re.IGNORECASE):
        raise PlaygroundError("data_web_page")


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET)) == PARQUET


def text_encoding(path: Path) -> tuple[bytes, str]:
    """(the beginning of a text file, its encoding). Raises PlaygroundError for what is none."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    refuse_other_formats(head, path.suffix.lower())
    return head, detect_encoding(path, head)


def detect_encoding(path: Path, head: bytes) -> str:
    """The encoding in which the whole file decodes. Raises PlaygroundError naming the line where none does."""
    encoding = next((name for mark, name in BOMS.items() if head.startswith(mark)), None)
    if encoding is None and b"\0" in head:
        encoding = next((name for name in UNMARKED if _is_text(head, name)), None)
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


def _is_text(head: bytes, encoding: str) -> bool:
    """Whether bytes with NULs among them are lines of text in an encoding of two bytes a character."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return "\n" in text and not CONTROL.search(text)


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

    Found by chardetng, which is what Firefox looks at pages with. Of chardet, charset-normalizer, uchardet and it,
    it was the only one to tell a line of Chinese reviews from Korean and a line of French from Polish.
    """
    from chardetng_py import detect

    with path.open("rb") as file:
        file.seek(max(0, offset - SAMPLE_BYTES))
        window = file.read(2 * SAMPLE_BYTES)
    as_utf8 = window.decode("utf-8", "replace")
    damaged = as_utf8.count("\ufffd")
    if sum(char > "\x7f" for char in as_utf8) - damaged > 4 * damaged:
        return "utf-8"
    found = detect(window).lower()
    return PYTHONS.get(found, found.replace("windows-", "cp"))


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
    # {"train": [{…}, …], "test": [{…}, …]} is a file, and no row.
    parts = len(entry) > 1 and all(isinstance(one, list) and one and isinstance(one[0], dict) for one in entry.values())
    return "json" if (isinstance(entry.get("data"), list) or parts) and not rest.strip() else "jsonl"


@dataclass(frozen=True)
class Form:
    """How the cells of a text table are told apart.

    blanks  whether blanks stand between a delimiter and the quotation mark that opens a cell
    above   how many records stand above the table: its title, or Excel's line that names the delimiter
    """

    delimiter: str
    blanks: bool = False
    above: int = 0

    @property
    def way(self) -> dict[str, Any]:
        """The same as Python's csv reader wants it."""
        return {"delimiter": self.delimiter, "skipinitialspace": self.blanks}


def sample_rows(text: str, form: Form, is_cut: bool) -> list[list[str]]:
    """The rows of a sample; blank lines are left out, and so is the last row of a cut sample."""
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), **form.way) if row]
    return (rows[:-1] if is_cut and len(rows) > 1 else rows)[form.above :]


def form_of(text: str, ending: str, is_cut: bool) -> Form:
    """How a sample is to be read: as it says itself, else as its rows become even, else as is likeliest."""
    if said := DELIMITER_LINE.match(text):
        return Form(said[1], above=1)
    likeliest = choose_delimiter(text, ending)
    # Texts have commas, and seldom tabs: where both part the rows evenly, the comma is one of a text.
    marks = list(dict.fromkeys(["\t", likeliest, *EVEN_FIRST]))
    for mark in marks:
        plain, blanks = (sample_rows(text, Form(mark, blanks), is_cut) for blanks in (False, True))
        opened = [cell for row in plain for cell in row if BLANK_QUOTE.match(cell)]
        if opened and _is_even(blanks) and (not _is_even(plain) or all(cell.endswith('"') for cell in opened)):
            return Form(mark, blanks=True)
        if _is_even(plain):
            return Form(mark, above=titles(plain))
    for mark in marks:
        plain = sample_rows(text, Form(mark), is_cut)
        above = next((number for number, row in enumerate(plain) if named_width(row) > 1), 0)
        if above <= MOST_TITLES and _is_even(plain[above:]) and is_header(plain[above]):
            return Form(mark, above=above)
    if ending in TABLE_ENDINGS and _is_one_column(*text.splitlines()):
        return Form(ONE_COLUMN)
    return Form(likeliest)


def _is_even(rows: list[list[str]]) -> bool:
    """Whether there are several columns, and each row has all of them."""
    return len(rows) > 1 and len(rows[0]) > 1 and {len(row) for row in rows} == {len(rows[0])}


def _is_one_column(name: str, *cells: str) -> bool:
    """Whether a name stands above texts in which what could be delimiters are marks of sentences: a blank follows."""
    marks = [cell[place + 1 : place + 2] for cell in cells for place, char in enumerate(cell) if char in DELIMITERS]
    spaced = sum(not following.strip() for following in marks)
    return not any(mark in name for mark in DELIMITERS) and is_header([name]) and spaced > SENTENCE_SHARE * len(marks)


def titles(rows: list[list[str]]) -> int:
    """How many rows stand above the header: blank ones, a title, names of groups of columns."""
    for above, row in enumerate(rows[: min(MOST_TITLES + 1, len(rows) - 1)]):
        if above and is_header(row) and has_header(rows[above:]):
            return above
        named = sum(1 for cell in row if cell.strip())
        leads = row[0].strip() and 2 * named <= len(row)
        # A name may lack above a column of numbers that count the rows; two may not, if the next row names them.
        groups = len(row) - named > 1 and _has_numbers(rows[above + 2 :])
        if named and not leads and not groups:
            break
    return 0


def _has_numbers(rows: list[list[str]]) -> bool:
    """Whether there is a column of numbers or dates."""
    return any(2 * sum(cell[:1].isdigit() for cell in column) > len(rows) for column in zip(*rows, strict=False))


def is_header(row: list[str]) -> bool:
    """Whether a row names its columns: with a word for each, no two alike."""
    names = [cell.strip() for cell in row]
    return len(set(names)) == len(names) and all(NAME.fullmatch(cell) for cell in row)


def choose_delimiter(text: str, ending: str) -> str:
    """The delimiter of a sample, found by clevercsv from how even the rows become and what their cells look like.

    Van den Burg et al. 2019, https://doi.org/10.1007/s10618-019-00646-y
    """
    from clevercsv import Detector

    usual = "\t" if ending in TAB_ENDINGS else ","
    if usual == "\t" and "\t" in text.partition("\n")[0]:
        return usual
    # Its patterns go back and forth in long cells, and what they hold further on says nothing of the delimiter.
    sample = LONG_CELL.sub(r"\1", text[:DELIMITER_CHARS].replace("\0", " "))  # a NUL is told of with its line
    whole_lines = sample[: sample.rfind("\n") + 1] if len(text) > DELIMITER_CHARS else sample
    dialect = Detector().detect(whole_lines or sample, delimiters=list(DELIMITERS))
    return dialect.delimiter or usual if dialect else usual


def named_width(first: list[str]) -> int:
    """Cells of the first row, without the empty ones at its end (spreadsheets write such)."""
    return max((number for number, cell in enumerate(first, 1) if cell.strip()), default=1)


def fits(row: list[str], least: int, width: int) -> bool:
    """Whether a row has `least` to `width` cells; further cells that are all empty do not count."""
    return least <= len(row) and (len(row) <= width or not any(row[width:]))


def has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns.

    It does with a word above nothing but numbers, whatever comes again in other columns. It holds data where it is
    numbers (but for 0, 1, 2 ..., as tables without names are written), where a column counts on from it, where one of
    its cells is a value of its own column, and where two are sentences, or the only one is. A whole first row that
    comes again is a header (files were joined), so such rows are not counted.
    """
    first, others = rows[0], [row for row in rows[1:] if row != rows[0]]
    columns = [[row[number] for row in others if len(row) > number] for number in range(len(first))]
    if any(
        NAME.fullmatch(cell) and len(column) > 1 and all(map(_is_number, column))
        for cell, column in zip(first, columns, strict=True)
    ):
        return True
    if all(map(_is_number, first)) and first != [str(number) for number in range(len(first))]:
        return False
    # One question may well be the name of a column; two sentences over columns of sentences are a pair of them.
    sentences = sum(
        _is_sentence(cell) and sum(map(_is_sentence, column)) * 2 > len(column)
        for cell, column in zip(first, columns, strict=True)
    )
    return sentences < min(2, len(first)) and not any(
        _counts(cell, column) or (cell.strip() and column.count(cell) >= _enough(column))
        for cell, column in zip(first, columns, strict=True)
    )


def _enough(column: Sequence[str]) -> int:
    """How often a cell must come again to be a value: once where few values come again and again, as classes do."""
    recurring = len(column) > 3 and len(set(column)) <= RECURRING * len(column)
    return 1 if recurring else max(2, len(column) // 20)


def _counts(cell: str, column: list[str]) -> bool:
    """Whether a column goes on counting from its first cell."""
    if len(column) < 2 or not cell.isdecimal() or len(cell) > 9:
        return False
    return column == [str(int(cell) + number) for number in range(1, len(column) + 1)]


def _is_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell.strip()))


def _is_sentence(cell: str) -> bool:
    return cell.rstrip(CLOSING).endswith(SENTENCE_ENDS)
