"""A text file that is no table: running text, a row a paragraph or a line. Runs in the child only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.data import sniff
from playground.data.records import Lines, Writer

ENDINGS = (".txt", ".md")
COLUMN = "text"
LEAST_WORDS = 4
WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_\u3040-\u30ff\u4e00-\u9fff]{2,}")
"""A word of letters, or a Chinese or Japanese character."""
MOST = 0.5
TABLE_SHARE = 0.9
"""Of the lines of a table that have as many cells as the first: some may be broken, which is then said."""
PARAGRAPH_CHARS = 20_000
"""Longer ones are parted between lines: what is read of a cell ends there."""


def is_prose(text: str, ending: str, is_cut: bool) -> bool:
    """Whether the beginning of a file, or all of it, is running text: most lines are, the first one too, and no
    delimiter parts them evenly."""
    lines = [line for line in text.splitlines() if line.strip()]
    if ending not in ENDINGS or len(lines) < 2:
        return False
    running = [len(WORD.findall(line)) >= LEAST_WORDS for line in lines]
    return running[0] and sum(running) > MOST * len(lines) and not _is_table(text, is_cut)


def _is_table(text: str, is_cut: bool) -> bool:
    for delimiter in sniff.DELIMITERS:
        rows = sniff.sample_rows(text, sniff.Form(delimiter), is_cut)
        least = sniff.named_width(rows[0]) if rows else 1
        even = sum(sniff.fits(row, least, len(rows[0])) for row in rows) if least > 1 else 0
        if even >= TABLE_SHARE * len(rows) > 0:
            return True
    return False


def read_prose(path: Path, part: Path, encoding: str, max_rows: int) -> dict[str, Any]:
    """A row a paragraph where blank lines stand between such, else a row a line. Raises PlaygroundError."""
    with Writer(part, [COLUMN], max_rows) as writer:
        for text in texts(path, encoding):
            writer.add([text])
    return {"columns": [COLUMN], "rows": writer.rows, "delimiter": None, "header": True}


def texts(path: Path, encoding: str) -> Iterator[str]:
    """The paragraphs of a file, or its lines."""
    with path.open(encoding=encoding, newline=None) as file:
        apart = _has_paragraphs(file)
        file.seek(0)
        yield from _rows(Lines(file), apart)


def _has_paragraphs(lines: Any) -> bool:
    """Whether a blank line stands between two that are not."""
    before = blank = False
    for line in lines:
        if line.strip():
            if before and blank:
                return True
            before, blank = True, False
        else:
            blank = True
    return False


def _rows(lines: Lines, apart: bool) -> Iterator[str]:
    paragraph: list[str] = []
    chars = 0
    for line in lines:
        lines.next_record()
        line = line.rstrip()
        if paragraph and (not apart or not line.strip() or chars + len(line) > PARAGRAPH_CHARS):
            yield "\n".join(paragraph)
            paragraph, chars = [], 0
        if line.strip():
            paragraph.append(line)
            chars += len(line) + 1
    if paragraph:
        yield "\n".join(paragraph)
