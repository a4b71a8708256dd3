"""The rows of a file as a model is asked about them, each with its right answer where the file has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from playground.data import Checked, Fault, Proposal, Table, spans, turns
from playground.data.faults import fault, name_of
from playground.data.rows import CONSTANT, CUT, UNKNOWN_LANGUAGE, Columns, Problem, is_usable, scan
from playground.data.values import Unreadable
from playground.errors import PlaygroundError
from playground.fields import Field, Messages, Row, Spans, Text
from playground.i18n import Message, msg
from playground.services.predict import checked_row
from playground.services.uploads import unusable
from playground.tasks.spec import Task

GUESSED = frozenset({"data.reason.labels", "data.reason.next_text", "data.reason.longest"})
"""Reasons for a column of right answers that rest on what its cells look like: to ask a model they are too weak."""
REASONS = frozenset({CUT, UNKNOWN_LANGUAGE, spans.UNREADABLE, *turns.FAULTS})
"""What can be wrong with the inputs of a row before they are parsed; the words are `batch.row.<problem>`."""


@dataclass(frozen=True)
class Asked:
    """A row, counted from 1.

    inputs  what the model is asked; None where nothing can be asked, with the reason
    gold    the row again with its right answer; None where there is none
    """

    number: int
    inputs: Row | None
    reason: Message | None = None
    gold: Row | None = None

    @property
    def chars(self) -> int:
        """Of all its inputs: what its length is measured by."""
        return sum(len(str(value)) for value in (self.inputs or {}).values())


def proposed(task: Task, proposals: Sequence[Proposal]) -> list[Proposal]:
    """What to ask a model by, of what is proposed to train one: right answers only where they are sure.

    A column of texts alone, which a training would learn to write, is what is asked here.
    """
    found = {item.field: item for item in proposals}
    asked, output = [field.name for field in task.inputs], found[task.output.name]
    texts = [field.name for field in task.inputs if isinstance(field, Text)]
    alone = not any(found[name].columns for name in asked) and len(texts) == 1
    if alone:
        found[texts[0]] = replace(output, field=texts[0])
    if alone or output.reason.key in GUESSED:
        found[output.field] = Proposal(output.field, [], msg("batch.no_gold"))
    return [found[name] for name in (*asked, output.field)]


def check_columns(task: Task, table: Table, columns: Columns, given: Mapping[str, Any]) -> None:
    """Raise a PlaygroundError that names every column that is missing, unknown or no text."""
    faults = [
        found
        for field in (*task.inputs, task.output)
        if not given.get(field.name)
        for found in _column_faults(field, columns.get(field.name, ()), table, task)
    ]
    if not faults and not any(columns.get(field.name) for field in task.inputs):
        faults.append(fault("no_column", fatal=True, field=name_of(task.inputs[0]), columns=table.columns[:20]))
    if faults:
        raise unusable(Checked(faults, 0, []))


def _column_faults(field: Field, names: Sequence[str], table: Table, task: Task) -> Iterator[Fault]:
    word, there = name_of(field), table.columns[:20]
    needed = not field.optional and field.name not in task.needless
    if not names and needed and field is not task.output:
        yield fault("no_column", fatal=True, field=word, columns=there)
    for name in names:
        if name not in table.columns and not name.startswith(CONSTANT):
            yield fault("unknown_column", fatal=True, field=word, column=name, columns=there)
        elif name in table.nested and type(field) is Text and not isinstance(task.output, Spans):
            yield fault("nested", fatal=True, field=word, column=name)


def asked_rows(table: Table, task: Task, columns: Columns, given: Mapping[str, Any]) -> Iterator[Asked]:
    """Every row of the table, in its order; streamed."""
    columns = {name: names for name, names in columns.items() if not given.get(name)}
    # Here the last turn of a conversation is the user's: what an assistant has answered to it may stand behind it.
    fields = [replace(field, of=field.name) if isinstance(field, Messages) else field for field in task.inputs]
    tokens = [
        field.name
        for field in task.inputs
        if type(field) is Text and set(columns.get(field.name, ())) & set(table.nested)
    ]
    learned = _learned(table, task, columns)
    for (number, row, problems), gold in zip(scan(table, columns, fields), learned, strict=False):
        for name in tokens:
            try:
                row[name] = spans.read_text(row[name])[0]
            except Unreadable:
                problems.append((name, spans.UNREADABLE))
        right = {**gold, **given} if gold and all(gold.get(name) == value for name, value in row.items()) else None
        yield _asked(task, number, {**row, **given}, problems, right)


def _learned(table: Table, task: Task, columns: Columns) -> Iterator[Row | None]:
    """Of each row what a training would learn from; None where it has no right answer that can be used."""
    conversations = any(isinstance(field, Messages) and columns.get(field.name) for field in task.inputs)
    if not columns.get(task.output.name) and not conversations:
        for _ in range(table.rows):
            yield None
        return
    for _, row, problems in scan(table, columns, (*task.inputs, task.output)):
        yield row if is_usable(problems) else None


def _asked(task: Task, number: int, row: Row, problems: Sequence[Problem], gold: Row | None) -> Asked:
    for name, kind in problems:
        if kind in REASONS:
            return Asked(number, None, Message(f"batch.row.{kind}", {"field": Message(f"field.{name}")}))
    try:
        return Asked(number, checked_row(task, row), gold=gold)
    except PlaygroundError as error:
        return Asked(number, None, error.message)
