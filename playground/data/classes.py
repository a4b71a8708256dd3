"""Several text files: of classes that are called as they are (pos.txt, 差评.txt), or simply more text.

Runs in the child only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playground.data import prose, sniff
from playground.data.records import Writer, shown_name
from playground.errors import PlaygroundError

COLUMNS = ["text", "label"]
ENDINGS = (".txt", ".text", ".md")
MAX_FILES = 100


def read_texts(paths: Sequence[Path], part: Path, max_rows: int, *, classes: bool) -> dict[str, Any]:
    """A row a line of each file, or a paragraph where blank lines stand between such. Raises PlaygroundError.

    classes  whether the files' names are a second column
    """
    if len(paths) > MAX_FILES:
        raise PlaygroundError("data_many_files", found=len(paths), most=MAX_FILES)
    encodings = []
    columns = COLUMNS if classes else COLUMNS[:1]
    with Writer(part, columns, max_rows) as writer:
        for path in paths:
            encodings.append(_encoding(path))
            for text in prose.texts(path, encodings[-1]):
                writer.add([text, class_of(path)][: len(columns)])
    encoding = ", ".join(dict.fromkeys(name.removesuffix("-sig") for name in encodings))
    return {"columns": columns, "rows": writer.rows, "encoding": encoding, "delimiter": None, "header": True}


def class_of(path: Path) -> str:
    """The file's name without its ending."""
    name = shown_name(path)
    return name.removesuffix(path.suffix) if path.suffix.lower() in ENDINGS else name


def _encoding(path: Path) -> str:
    """Raises PlaygroundError also for a table: its name is no class."""
    head, encoding = sniff.text_encoding(path)
    is_json = sniff.kind(head.decode(encoding, "ignore"), path.suffix.lower())
    if is_json or path.suffix.lower() in sniff.TABLE_ENDINGS:
        raise PlaygroundError("data_table_among_files", file=shown_name(path))
    return encoding
