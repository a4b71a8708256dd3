"""Parallel files: line n of each says the same in another language. Runs in the child only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Any

from playground import languages
from playground.data import sniff
from playground.data.records import Lines, Writer, column_names, shown_name
from playground.errors import PlaygroundError

TEXT_ENDINGS = (".txt", ".text")
PIECE = re.compile(r"(?<![^_-])(?=[^_-])")
"""Where a piece of a name begins: train_zh_TW has three."""


def read_parallel(paths: Sequence[Path], part: Path, max_rows: int) -> dict[str, Any]:
    """A row a line, a column a file; a blank line is an empty cell, so that row numbers are line numbers.

    Raises PlaygroundError also where the files are of different lengths: nobody can tell where they slipped.
    """
    encodings = [sniff.text_encoding(path)[1] for path in paths]
    shown = [shown_name(path) for path in paths]
    called = [language_of(name) or name for name in shown]
    names, _ = column_names(called if len(set(called)) == len(called) else shown)
    with ExitStack() as opened, Writer(part, names, max_rows) as writer:
        # A carriage return alone may stand in a text, and ends no line.
        files = [
            opened.enter_context(path.open(encoding=encoding, newline="\n"))
            for path, encoding in zip(paths, encodings, strict=True)
        ]
        for row in _side_by_side([_lines(Lines(file)) for file in files], shown):
            writer.add(row)
    encoding = ", ".join(dict.fromkeys(name.removesuffix("-sig") for name in encodings))
    return {"columns": names, "rows": writer.rows, "encoding": encoding, "delimiter": None, "header": True}


def language_of(name: str) -> str:
    """The language a file's name ends in, as in train.en, news-de.txt and train_zh_TW.txt; "" where it does not."""
    for piece in reversed(name.removesuffix(Path(name).suffix * name.endswith(TEXT_ENDINGS)).split(".")):
        for start in PIECE.finditer(piece):
            code = languages.code_of(piece[start.start() :])
            if code:
                return code
    return ""


def is_one_side(name: str) -> bool:
    """Whether a file is called as one of several parallel ones are: captions.en."""
    return languages.code_of(Path(name).suffix[1:]) is not None


def _side_by_side(files: Sequence[Iterator[str]], names: Sequence[str]) -> Iterator[list[str]]:
    """The lines of each number; blank lines behind the end of a shorter file do not count."""
    shortest, ends = 0, [0] * len(files)
    for number, row in enumerate(zip_longest(*files), 1):
        if None not in row:
            shortest = number
            yield list(row)
        else:
            ends = [number if line and line.strip() else end for line, end in zip(row, ends, strict=True)]
    if any(ends):
        raise PlaygroundError("data_lines_differ", files=list(names), counts=[max(shortest, end) for end in ends])


def _lines(lines: Lines) -> Iterator[str]:
    for line in lines:
        lines.next_record()
        yield line.rstrip("\r\n")
