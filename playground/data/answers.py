"""Right answers of a question, however a dataset writes them, each found in its context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playground.data.spans import parsed
from playground.fields import GoldAnswer

ABSENT = "answer_absent"
MOVED, LOOSE, PARTLY, NONE = "answer_moved", "answer_loose", "answer_partly", "answer_none"
TEXTS = ("text", "answer", "value")
STARTS = ("answer_start", "start")


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
    value = parsed(cell)
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        starts = value.get("answer_start") or []
        value = [
            {"text": text, "start": starts[index] if index < len(starts) else -1}
            for index, text in enumerate(value["text"])
        ]
    items = value if isinstance(value, list) else [value]
    if value is None or not all(isinstance(item, (str, dict)) for item in items):
        return [(cell, _number(start))]
    return [(item, -1) if isinstance(item, str) else (_text(item), _number(_first(item, STARTS))) for item in items]


def _text(item: dict[str, Any]) -> str:
    text = _first(item, TEXTS)
    return text if isinstance(text, str) else ""


def _first(item: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _number(value: Any) -> int:
    """The place as a number; -1 where none is given."""
    text = str(value).strip()
    return int(text) if text.isdecimal() else int(float(text)) if re.fullmatch(r"\d+\.0+", text) else -1


def _find(context: str, text: str, start: int) -> tuple[GoldAnswer, str] | None:
    """Where the answer stands, nearest to `start`, and whether that had to be mended; None where it does not."""
    exact = [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]
    if exact:
        place = min(exact, key=lambda at: abs(at - start)) if start >= 0 else exact[0]
        return {"text": text, "start": place}, MOVED if 0 <= start != place else ""
    words = r"\s+".join(map(re.escape, text.split()))
    loose = list(re.finditer(words, context, re.IGNORECASE))
    if not loose:
        return None
    best = min(loose, key=lambda match: abs(match.start() - max(start, 0)))
    return {"text": best[0], "start": best.start()}, LOOSE
