"""Right answers of a question, however a dataset writes them, each found in its context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playground.data.spans import nearest_place
from playground.data.values import Unreadable, first, nested, number
from playground.fields import GoldAnswer

ABSENT = "answer_absent"
MOVED, LOOSE, PARTLY, NONE = "answer_moved", "answer_loose", "answer_partly", "answer_none"
TEXTS = ("text", "answer", "value")
STARTS = ("answer_start", "start")
MAX_LOOSE_CHARS = 500
"""Longer answers are looked for as they stand only: a search that forgives blanks and capitals takes its time."""


def read_answers(cells: Sequence[str], context: str) -> tuple[list[GoldAnswer], list[str]]:
    """The answers that stand in the context, and what is wrong: [] where none is given.

    cells: the answer, and where it starts if a column says so.
    """
    given = [(text, start) for text, start in _given(cells[0], cells[1] if len(cells) > 1 else "") if text.strip()]
    if not given:
        return [], [NONE]
    answers: dict[tuple[int, str], GoldAnswer] = {}
    problems: set[str] = set()
    for text, start in given:
        found = _find(context, text.strip(), start + len(text) - len(text.lstrip()) if start >= 0 else -1)
        if found is None:
            problems.add(PARTLY)
            continue
        answer, problem = found
        answers.setdefault((answer["start"], answer["text"]), answer)
        problems.update([problem] if problem else [])
    if not answers:
        return [], [ABSENT]
    return list(answers.values()), sorted(problems)


def _given(cell: str, start: str) -> list[tuple[str, int]]:
    """(text, start or -1) of each answer: a text, a list of texts, SQuAD's list of objects, datasets' two lists."""
    try:
        value = nested(cell)
    except Unreadable:  # an answer may begin with a bracket
        value = None
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        starts = first(value, STARTS)
        starts = starts if isinstance(starts, list) else []
        value = [
            {"text": text, "start": starts[index] if index < len(starts) else -1}
            for index, text in enumerate(value["text"])
        ]
    items = value if isinstance(value, list) else [value]
    found = [
        (item, -1) if isinstance(item, str) else (_text(item), _start(first(item, STARTS)))
        for item in items
        if isinstance(item, (str, dict))
    ]
    return found if value is not None and len(found) == len(items) else [(cell, _start(start))]


def _text(item: dict[str, Any]) -> str:
    text = first(item, TEXTS)
    return text if isinstance(text, str) else ""


def _start(value: Any) -> int:
    """The place as a number; -1 where none is given."""
    found = number(value)
    return -1 if found is None else found


def _find(context: str, text: str, start: int) -> tuple[GoldAnswer, str] | None:
    """Where the answer stands, nearest to `start`, and whether that had to be mended; None where it does not."""
    place = nearest_place(context, text, start)
    if place is not None:
        return {"text": text, "start": place}, MOVED if 0 <= start != place else ""
    if len(text) > MAX_LOOSE_CHARS:
        return None
    words = r"\s+".join(map(re.escape, text.split()))
    best = min(
        re.finditer(words, context, re.IGNORECASE), key=lambda match: abs(match.start() - max(start, 0)), default=None
    )
    return None if best is None else ({"text": best[0], "start": best.start()}, LOOSE)
