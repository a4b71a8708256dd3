"""Any number of labels in cells: a list, words with a sign between them, or a column of yes and no for each label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from playground.data.values import Unreadable, nested

LIST = "["
UNREADABLE, TOO_MANY = "labels_unreadable", "labels_many"
SEPARATORS = ("|", ";", "；", ",", "，", "、", "\n")
"""What may stand between labels, the one that least likely stands within one first."""
YES = frozenset({"1", "1.0", "true", "yes", "y", "x", "✓", "✔", "是", "对"})
NO = frozenset({"", "0", "0.0", "false", "no", "n", "否", "不是", "nan", "none", "null"})


def read_labels(cells: Sequence[str]) -> list[str]:
    """The labels, each once, sorted. Raises Unreadable for what is no list of texts."""
    return sorted({label for cell in cells for label in _of_cell(cell.strip())})


def _of_cell(cell: str) -> Iterable[str]:
    if not cell.startswith(LIST):
        return separated(cell)
    found = nested(cell)
    if not isinstance(found, list) or not all(isinstance(one, (str, int)) for one in found):
        raise Unreadable
    return [text for one in found if (text := str(one).strip())]


def separated(cell: str) -> list[str]:
    """The labels of a cell, by the first of SEPARATORS that it has."""
    sign = next((sign for sign in SEPARATORS if sign in cell), None)
    return [label for part in cell.split(sign) if (label := part.strip())] if sign else [cell] if cell else []


def is_yes_or_no(cell: str) -> bool:
    """Whether a cell can say that a label applies, or that it does not."""
    word = cell.strip().casefold()
    return word in YES or word in NO


def of_columns(names: Sequence[str], cells: Sequence[str]) -> list[str]:
    """A list of the columns whose cells say yes, as one cell; one that says neither makes it unreadable."""
    if not all(map(is_yes_or_no, cells)):
        return [LIST]
    return [json.dumps([name for name, cell in zip(names, cells, strict=True) if cell.strip().casefold() in YES])]
