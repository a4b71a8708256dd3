"""Held-out rows one by one, for people to look at: what was asked, what is right, what was found, and by whom."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from playground.fields import Answer, Field, GoldAnswer, Labels, Row, Span, Spans
from playground.services.confusion import Cell
from playground.services.metrics.answers import is_exact
from playground.services.metrics.entities import keys
from playground.tasks.spec import Task

MOST = 200
"""Rows that are kept: a report is read whole, and a data set may have 100,000."""
CHARS = 500
"""Of each text, around what the answer is about."""
SEED = 0
OUTCOMES = ("fixed", "broken", "wrong", "right", "even", "written")
"""What a row says of a model beside its strongest rival: better, worse, alike and wrong, alike and right, alike.

Without a rival rows are wrong or right; of a written text there is no right one, so there they are even. Where
likelihoods are compared, some texts are written besides, to be read.
"""
Values = Sequence[Any]


def outcomes(rights: Sequence[bool] | None, gains: np.ndarray | None, rows: int) -> list[str]:
    """The outcome of each row, by whether it is right (None where no answer is), and how much better than the rival's.

    gains: [N], below 0 where the rival is better; None without a rival.
    """
    alike = ["even"] * rows if rights is None else ["right" if right else "wrong" for right in rights]
    if gains is None:
        return alike
    return ["fixed" if gain > 0 else "broken" if gain < 0 else same for gain, same in zip(gains, alike, strict=True)]


def samples(
    task: Task,
    rows: Sequence[Row],
    answers: Mapping[str, Values],
    said: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    gains: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """At most MOST rows, the same every time: some of each outcome, and of each cell of the confusion matrix.

    answers  {"tuned": a value for each row, "before": …, "rival": …}: where there is a base, and a stronger baseline
    said     each row's outcome;  cells  where it stands in the confusion matrix;  gains  as in `outcomes`

    Each is {"inputs": {field: text}, "gold", "tuned", "rival", "before", "outcome", "cells"}; of an outcome those
    come first that differ most. Gold and found values are a text, a list of {"text", "label"} for entities or of
    {"text"} for labels or the right answers to a question, or a number for how likely the right text is.
    """
    size = np.zeros(len(rows)) if gains is None else np.abs(gains)
    chosen = sorted(_chosen(said, cells), key=lambda index: (OUTCOMES.index(said[index]), -size[index], index))
    return [
        {
            **shown(task, rows[index], {who: values[index] for who, values in answers.items()}),
            "outcome": said[index],
            "cells": [list(cell) for cell in cells[index]],
        }
        for index in chosen
    ]


def written(task: Task, rows: Sequence[Row], answers: Mapping[str, Values]) -> list[dict[str, Any]]:
    """Rows as in `samples` whose texts were written to be read; answers: {"tuned": texts, "before": …}."""
    return [
        {**shown(task, row, {who: texts[index] for who, texts in answers.items()}), "outcome": "written", "cells": []}
        for index, row in enumerate(rows)
    ]


def is_right(output: Field, gold: Any, found: Any) -> bool:
    """Whether a value is wholly right."""
    if isinstance(output, Spans):
        return keys(gold) == keys(found)
    return is_exact(gold, found) if isinstance(output, Answer) else bool(gold == found)


def rights_of_parts(output: Field, gold: Any, found: Any) -> list[bool]:
    """Whether each part of a value is right that Field.scores tells the score of."""
    if isinstance(output, Spans):
        return [bool(keys([span]) & keys(gold)) for span in found]
    if isinstance(output, Labels):
        return [label in gold for label in found]
    return [is_right(output, gold, found)]


def _chosen(said: Sequence[str], cells: Sequence[Sequence[Cell]]) -> list[int]:
    """Of each group in turn one row, until there are MOST; a group is an outcome and a cell."""
    order = list(range(len(said)))
    random.Random(SEED).shuffle(order)
    groups: dict[Any, list[int]] = {}
    for index in order:
        off = [cell for cell in cells[index] if cell[0] != cell[1]]
        groups.setdefault((OUTCOMES.index(said[index]), tuple((off or cells[index])[:1])), []).append(index)
    found: list[int] = []
    while groups and len(found) < MOST:
        for key in sorted(groups):
            found.append(groups[key].pop())
            if not groups[key]:
                del groups[key]
    return found[:MOST]


def shown(task: Task, row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    """{"inputs", "gold"} of a row and the value of each of `found`, cut to what can be read."""
    output, gold, tuned = task.output, row[task.output.name], found["tuned"]
    first, *others = task.inputs
    asked = [first, *(field for field in others if row.get(field.name) or not field.optional)]
    inputs = {field.name: _said(row.get(field.name)) for field in asked}
    sides: dict[str, Any] = {"gold": gold, **found}
    name, cut = first.name, slice(0, CHARS)
    if isinstance(output, Spans):
        cut = _cut(inputs[name], _first_difference(gold, tuned))
        sides = {who: _named(inputs[name], spans, cut) for who, spans in sides.items()}
    elif isinstance(output, Answer):
        name = output.of
        cut = _cut(inputs[name], _place(inputs[name], gold, tuned))
        sides["gold"] = [{"text": text[:CHARS]} for text in dict.fromkeys(answer["text"] for answer in gold)]
    elif isinstance(output, Labels):
        sides = {who: [{"text": label} for label in labels] for who, labels in sides.items()}
    sides = {who: value[:CHARS] if isinstance(value, str) else value for who, value in sides.items()}
    texts = {other: text[:CHARS] for other, text in inputs.items()}
    return {"inputs": {**texts, name: _excerpt(inputs[name], cut)}, **sides}


def _said(value: Any) -> str:
    """An input as one text; a conversation with a line a turn."""
    if isinstance(value, list):
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in value)
    return str(value or "")


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
