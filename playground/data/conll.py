"""CoNLL files: a token a line with its tags, sentences apart by blank lines. A row is a sentence.

The cells of a row are JSON lists as long as the sentence. Runs in the child process only.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.data.records import NAMED_ROWS, Lines, Writer
from playground.errors import PlaygroundError

ENDINGS = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".bmes", ".ner")
TAG = re.compile(
    r"O|[BIESMLU][-_]\S++(?:(?:\s++[|,;]\s*+|(?<=[|,;])\s++)[BIESMLU][-_]\S++)*+",
    re.IGNORECASE,
)
"""A tag, or several with a bar between; one without blanks around it reads as part of a tag."""
MIN_LINES = 3
TAG_SHARE = 0.9
MAX_TOKENS = 10_000
MAX_TYPES = 30
DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class Shape:
    """How a line is read: `separator` (None: blanks), how many columns, and which holds the tokens and the tags."""

    separator: str | None
    width: int
    tokens: int
    tags: int

    def cells(self, line: str) -> list[str]:
        """The line's cells; blanks inside a token of a blank-separated file stay in it."""
        found = [part.strip() for part in line.split(self.separator)]
        more = len(found) - self.width
        return [" ".join(found[: more + 1]), *found[more + 1 :]] if more > 0 and self.separator is None else found

    def names(self) -> list[str]:
        names = [f"column {number}" for number in range(1, self.width + 1)]
        names[self.tokens], names[self.tags] = "tokens", "tags"
        return names


def shape_of(text: str, ending: str) -> Shape | None:
    """The shape of a sample's lines; None where they are not tokens with tags."""
    lines = text.split("\n")[:-1] or [text]
    filled = [line for line in lines if line.strip() and not line.startswith(DOCUMENT)]
    is_table = ending not in ENDINGS and ending != ".txt"
    if len(filled) < MIN_LINES or (is_table and len(filled) == len(lines)):
        return None
    separator = "\t" if sum("\t" in line for line in filled) * 2 > len(filled) else None
    rows = [[part.strip() for part in line.split(separator)] for line in filled]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == width]
    if width < 2 or len(rows) * 2 < len(filled):
        return None
    tags = _tag_column(rows, ending in ENDINGS)
    return None if tags is None else Shape(separator, width, _token_column(rows, tags), tags)


def _tag_column(rows: list[list[str]], may_be_plain: bool) -> int | None:
    """The last column of tags, else a first one; of types without letters where the file's name says it is CoNLL."""
    last_first = [*range(len(rows[0]) - 1, 0, -1), 0]
    tagged = [column for column in last_first if _share(rows, column, TAG) >= TAG_SHARE]
    if not tagged and may_be_plain:
        tagged = [column for column in last_first if _has_types(rows, column)]
    return tagged[0] if tagged else None


def _token_column(rows: list[list[str]], tags: int) -> int:
    """The first column, unless it numbers the tokens or holds the tags."""
    has_numbers = len(rows[0]) > 2 and all(row[0].isdigit() for row in rows)
    return 1 if tags == 0 or has_numbers else 0


def _has_types(rows: list[list[str]], column: int) -> bool:
    values = Counter(row[column] for row in rows)
    return values["O"] > 0 and 2 <= len(values) <= MAX_TYPES and values.most_common(1)[0][0] == "O"


def _share(rows: list[list[str]], column: int, pattern: re.Pattern[str]) -> float:
    return sum(bool(pattern.fullmatch(row[column])) for row in rows) / len(rows)


def read_conll(path: Path, part: Path, encoding: str, max_rows: int, shape: Shape) -> dict[str, Any]:
    """Every sentence to the Arrow file. Raises PlaygroundError naming the lines that do not fit."""
    names = shape.names()
    sentence: list[list[str]] = []
    ragged: list[int] = []
    with path.open(encoding=encoding) as file, Writer(part, names, max_rows) as writer:
        lines = Lines(file)

        def end() -> None:
            if sentence:
                writer.add([json.dumps(column, ensure_ascii=False) for column in zip(*sentence, strict=True)])
                sentence.clear()

        for line in lines:
            lines.next_record()
            cells = shape.cells(line)
            if not line.strip() or line.startswith(DOCUMENT):
                end()
            elif _is_comment(line, cells, shape) or _lacks_token(cells, shape):
                continue
            elif len(cells) == shape.width:
                sentence.append(cells)
            else:
                ragged.append(lines.number)
            if len(sentence) > MAX_TOKENS:
                raise PlaygroundError("data_conll_no_breaks", line=lines.number, most=MAX_TOKENS)
        end()
        if ragged:
            shown = ragged[:NAMED_ROWS]
            raise PlaygroundError("data_conll_ragged", lines=shown, count=len(ragged), expected=shape.width)
    return {"columns": names, "rows": writer.rows, "delimiter": shape.separator, "header": True, "nested": names}


def _is_comment(line: str, cells: list[str], shape: Shape) -> bool:
    return line.startswith("#") and (len(cells) != shape.width or not TAG.fullmatch(cells[shape.tags]))


def _lacks_token(cells: list[str], shape: Shape) -> bool:
    """Some published files have lines with a tag alone, where a token was a character nobody sees."""
    alone = len(cells) == 1 and shape.width == 2 and bool(TAG.fullmatch(cells[0]))
    return alone or (len(cells) == shape.width and not cells[shape.tokens])
