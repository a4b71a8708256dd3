"""Held-out rows one by one, for people to look at: what was asked, what is right, what was found."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from playground.fields import Answer, Field, GoldAnswer, Row, Span, Spans
from playground.services.metrics.answers import is_exact
from playground.services.metrics.entities import keys
from playground.tasks.spec import Task

COUNT = 10
CHARS = 500
"""Of each text, around what the answer is about."""
SEED = 0


def samples(task: Task, rows: Sequence[Row], found: Sequence[Any]) -> list[dict[str, Any]]:
    """COUNT rows, the same every time, half of them wrong where there are as many; the wrong ones first.

    Each is {"inputs": {field: text}, "gold", "tuned", "right"}. Gold and found values are a text,
    a list of {"text", "label"} for entities or, for the right answers to a question, of {"text"}.
    """
    output = task.output
    rights = [is_right(output, row[output.name], value) for row, value in zip(rows, found, strict=True)]
    return [
        {**_shown(task, rows[index], found[index]), "right": rights[index]}
        for index in sorted(_chosen(rights), key=lambda index: (rights[index], index))
    ]


def is_right(output: Field, gold: Any, found: Any) -> bool:
    """Whether a value is wholly right."""
    if isinstance(output, Spans):
        return keys(gold) == keys(found)
    return is_exact(gold, found) if isinstance(output, Answer) else bool(gold == found)


def _chosen(rights: Sequence[bool]) -> list[int]:
    order = list(range(len(rights)))
    random.Random(SEED).shuffle(order)
    right, wrong = ([index for index in order if rights[index] is side] for side in (True, False))
    wrongs = min(len(wrong), max(COUNT // 2, COUNT - len(right)))
    return [*wrong[:wrongs], *right[: COUNT - wrongs]]


def _shown(task: Task, row: Row, found: Any) -> dict[str, Any]:
    output, gold = task.output, row[task.output.name]
    inputs = {field.name: str(row[field.name]) for field in task.inputs}
    if isinstance(output, Spans):
        name = task.inputs[0].name
        cut = _cut(inputs[name], _first_difference(gold, found))
        gold, found = (_named(inputs[name], spans, cut) for spans in (gold, found))
    elif isinstance(output, Answer):
        name = output.of
        cut = _cut(inputs[name], _place(inputs[name], gold, found))
        gold = [{"text": text[:CHARS]} for text in dict.fromkeys(answer["text"] for answer in gold)]
        found = found[:CHARS]
    else:
        name, cut = task.inputs[0].name, slice(0, CHARS)
    texts = {other: text[:CHARS] for other, text in inputs.items()}
    return {"inputs": {**texts, name: _excerpt(inputs[name], cut)}, "gold": gold, "tuned": found}


def _cut(text: str, place: int) -> slice:
    """CHARS characters with the place in their middle, or nearer an end of the text."""
    start = max(0, min(place - CHARS // 2, len(text) - CHARS))
    return slice(start, start + CHARS)


def _excerpt(text: str, cut: slice) -> str:
    return ("…" if cut.start else "") + text[cut] + ("…" if cut.stop < len(text) else "")


def _first_difference(gold: Sequence[Span], found: Sequence[Span]) -> int:
    """Where the answer is first wrong; where it is right, its first entity."""
    return min((key[0] for key in keys(gold) ^ keys(found) or keys(gold)), default=0)


def _named(text: str, spans: Sequence[Span], cut: slice) -> list[dict[str, str]]:
    """The entities that the excerpt shows at least a part of."""
    return [
        {"text": text[span["start"] : span["end"]][:CHARS], "label": span["label"]}
        for span in spans
        if span["start"] < cut.stop and span["end"] > cut.start
    ]


def _place(context: str, gold: Sequence[GoldAnswer], found: str) -> int:
    return gold[0]["start"] if gold else max(0, context.find(found))
