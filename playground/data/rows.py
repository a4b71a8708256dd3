"""From table rows to task rows: cells to values, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from playground.data import answers, spans
from playground.data.table import Table
from playground.data.tokens import UNSPACED
from playground.data.values import Unreadable
from playground.errors import PlaygroundError
from playground.fields import TRAIN, Answer, Field, Label, Row, Spans, Split, Text

EMPTY, TOO_LONG, CUT, UNKNOWN_SIDE, LONG = "empty", "too_long", "cut", "split_unknown", "long_context"
UNUSABLE = frozenset({
    EMPTY, TOO_LONG, UNKNOWN_SIDE, spans.TAGS_COUNT, spans.TAGS_NUMBERS, spans.UNREADABLE, spans.OUTSIDE,
    answers.ABSENT,
})  # fmt: skip
"""A row with one of these is left out; with any other problem it is used."""
TOKEN_CHARS = 4
WINDOW_CHARS = 250 * TOKEN_CHARS
"""Longer contexts do not fit into one window of 256 tokens."""
Problem = tuple[str, str]
"""(field name, what is wrong)"""

Columns = Mapping[str, Sequence[str]]
"""Field name -> the columns that hold it; several text columns are joined with a line break."""
Cells = Mapping[str, list[str]]
"""Field name -> the cells of its columns, in one row."""


def rows_of(table: Table, columns: Columns, fields: Sequence[Field]) -> Iterator[Row]:
    """{field: value} of every usable row, in the order of the file; what `check` reported as skipped is skipped.

    An optional field without a column is in no row.
    """
    for _, row, problems in scan(table, columns, fields):
        if is_usable(problems):
            yield row


def is_usable(problems: list[Problem]) -> bool:
    return not any(kind in UNUSABLE for _, kind in problems)


def scan(table: Table, columns: Columns, fields: Sequence[Field]) -> Iterator[tuple[int, Row, list[Problem]]]:
    """(row number from 1, {field: value}, problems) of every row; streamed."""
    present = [field for field in fields if columns.get(field.name)]
    used = list(dict.fromkeys(name for field in present for name in columns[field.name]))
    number = 0
    for batch in table.batches(used):
        columns_of_batch = {name: batch.column(name).to_pylist() for name in used}
        kept: dict[str, str] = {}  # many questions have the same context: one copy is enough
        for index in range(batch.num_rows):
            number += 1
            cells = {field.name: [columns_of_batch[name][index] for name in columns[field.name]] for field in present}
            row: Row = {}
            problems: list[Problem] = []
            for field in present:
                READERS[type(field)](field, cells, row, problems)
                if isinstance(field, Text):
                    row[field.name] = kept.setdefault(row[field.name], row[field.name])
            yield number, row, problems


def _read_text(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    """A text; past its cap it is cut (a model reads far less of it)."""
    assert isinstance(field, Text)
    parts = [part for part in cells[field.name] if part.strip()]
    # A text alone keeps the blanks at its ends: places of answers and entities count from its first character.
    text = parts[0] if len(parts) == 1 == len(cells[field.name]) else "\n".join(map(str.strip, parts))
    if not text:
        problems.append((field.name, EMPTY))
    elif len(text) > field.max_chars:
        problems.append((field.name, CUT))
    row[field.name] = text[: field.max_chars]


def _read_label(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    assert isinstance(field, Label)
    label = " ".join(part.strip() for part in cells[field.name] if part.strip())
    if not label:
        problems.append((field.name, EMPTY))
    elif len(label) > field.max_chars:
        problems.append((field.name, TOO_LONG))
    row[field.name] = label


def _read_spans(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    """The spans, and the text again: where it is a list of tokens it is set from these."""
    assert isinstance(field, Spans)
    row[field.name] = []
    try:
        text, places = spans.read_text(cells[field.of][0])
    except Unreadable:
        problems.append((field.of, spans.UNREADABLE))
        return
    if places is not None:
        row[field.of] = text[: max((end for _, end in places if end <= Text.max_chars), default=0)]
        # What was said of the list's own characters.
        problems[:] = [problem for problem in problems if problem[0] != field.of]
        if not text.strip():
            problems.append((field.of, EMPTY))
        elif len(text) > Text.max_chars:
            problems.append((field.of, CUT))
    found, faults = spans.read_spans(text, places, cells[field.name][0])
    row[field.name] = [span for span in found if span["end"] <= len(row[field.of])]
    problems.extend((field.name, kind) for kind in faults)


def _read_answers(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    assert isinstance(field, Answer)
    context = row[field.of]
    row[field.name], faults = answers.read_answers(cells[field.name], context)
    problems.extend((field.name, kind) for kind in faults)
    # A Chinese character is a token of its own.
    if len(context) + (TOKEN_CHARS - 1) * len(UNSPACED.findall(context)) > WINDOW_CHARS:
        problems.append((field.of, LONG))


def _read_side(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    cell = cells[field.name][0]
    try:
        row[field.name] = field.parse(cell) if cell.strip() else TRAIN
    except PlaygroundError:
        row[field.name] = TRAIN
        problems.append((field.name, UNKNOWN_SIDE))


READERS: dict[type[Field], Callable[[Field, Cells, Row, list[Problem]], None]] = {
    Text: _read_text,
    Label: _read_label,
    Spans: _read_spans,
    Answer: _read_answers,
    Split: _read_side,
}


def same_text(row: Row, inputs: Sequence[str]) -> str:
    """What two rows have in common when their inputs differ in case and white space only."""
    return "\0".join(" ".join(str(row[name]).casefold().split()) for name in inputs)
