"""Lists, objects and numbers in cells of text."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

MAX_LITERAL_CHARS = 100_000
MAX_DIGITS = 9
OPENING = ("[", "{", "(")


class Unreadable(ValueError):
    """A cell begins like a list or an object and is none."""


def nested(cell: str) -> list[Any] | dict[str, Any] | None:
    """The list or object that a cell holds, as JSON or as Python writes it; None where it is plain text.

    Raises Unreadable.
    """
    text = cell.strip()
    if not text.startswith(OPENING):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _literal(text)
    if isinstance(value, tuple):
        value = list(value)
    return value if isinstance(value, (list, dict)) else None


def _literal(text: str) -> Any:
    """What pandas and print() leave in a csv: ['a', 'b'], [(0, 2, 'ORG')]."""
    if len(text) > MAX_LITERAL_CHARS or "'" not in text:
        raise Unreadable
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise Unreadable from error


def first(item: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the names that is there; None where none is."""
    return next((item[name] for name in names if item.get(name) is not None), None)


def number(value: Any) -> int | None:
    """A place in a text: 7, "7", 7.0 and "7.0" are 7; None for anything else."""
    text = str(value).strip()
    whole, _, rest = text.partition(".")
    digits = whole.removeprefix("-")
    fits = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
    return int(whole) if fits and not rest.strip("0") else None
