"""From table rows to task rows: cells to values, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from playground.data import answers, labels, spans, turns
from playground.data.fixes import Mended
from playground.data.table import Table
from playground.data.tokens import UNSPACED
from playground.data.values import Unreadable
from playground.errors import PlaygroundError
from playground.fields import (
    SPLIT,
    TRAIN,
    Answer,
    Field,
    Generated,
    Label,
    Labels,
    Language,
    Messages,
    Row,
    Spans,
    Split,
    Text,
)

EMPTY, TOO_LONG, CUT, UNKNOWN_SIDE, LONG = "empty", "too_long", "cut", "split_unknown", "long_context"
UNKNOWN_LANGUAGE = "language_unknown"
CONSTANT = "="
"""Before what stands in every row, in place of a column: "=en"."""
UNUSABLE = frozenset({
    EMPTY, TOO_LONG, UNKNOWN_SIDE, UNKNOWN_LANGUAGE, labels.UNREADABLE, labels.TOO_MANY, spans.TAGS_COUNT,
    spans.TAGS_NUMBERS, spans.UNREADABLE, spans.OUTSIDE, answers.ABSENT, *turns.FAULTS,
})  # fmt: skip
"""A row with one of these is left out; with any other problem it is used."""
TOKEN_CHARS = 4
WINDOW_CHARS = 250 * TOKEN_CHARS
"""Longer contexts do not fit into one window of 256 tokens."""
Problem = tuple[str, str]
"""(field name, what is wrong)"""

Columns = Mapping[str, Sequence[str]]
"""Field name -> the columns that hold it, or a language for all rows ("=en"); text columns are joined line by line."""
Cells = Mapping[str, list[str]]
"""Field name -> the cells of its columns, in one row."""


def rows_of(table: Table, columns: Columns, fields: Sequence[Field], mended: Mended | None = None) -> Iterator[Row]:
    """{field: value} of every usable row, in the order of the file; what `check` reported as skipped is skipped.

    An optional field without a column is in no row. mended: what the fixes change, as `check` found it.
    """
    for _, row in numbered_rows(table, columns, fields, mended):
        yield row


def numbered_rows(
    table: Table, columns: Columns, fields: Sequence[Field], mended: Mended | None = None
) -> Iterator[tuple[int, Row]]:
    """The same with the number of each row, from 1."""
    changed = mended or Mended()
    for number, row, problems in scan(table, columns, fields):
        if is_usable(problems) and number not in changed.left_out:
            if changed.labels or number in changed.swapped:
                _mend(row, fields, changed, swap=number in changed.swapped)
            yield number, row


def _mend(row: Row, fields: Sequence[Field], changed: Mended, *, swap: bool) -> None:
    for field in fields:
        if isinstance(field, Labels):
            named = {changed.labels.get(label, label) for label in row[field.name]}
            row[field.name] = sorted(label for label in named if label)
        elif isinstance(field, Label):
            row[field.name] = changed.labels.get(row[field.name], row[field.name])
        elif isinstance(field, Spans):
            types = [(span, changed.labels.get(span["label"], span["label"])) for span in row[field.name]]
            row[field.name] = [{**span, "label": label} for span, label in types if label]
    if swap:
        first, second = (field.name for field in fields if isinstance(field, Text))
        row[first], row[second] = row[second], row[first]


def is_usable(problems: list[Problem]) -> bool:
    return not any(kind in UNUSABLE for _, kind in problems)


def scan(table: Table, columns: Columns, fields: Sequence[Field]) -> Iterator[tuple[int, Row, list[Problem]]]:
    """(row number from 1, {field: value}, problems) of every row; streamed."""
    present = [field for field in fields if columns.get(field.name)]
    constants = {name: name.removeprefix(CONSTANT) for field in present for name in constants_of(field, columns)}
    used = list(dict.fromkeys(name for field in present for name in columns[field.name] if name not in constants))
    number = 0
    for batch in table.batches(used):
        columns_of_batch = {name: batch.column(name).to_pylist() for name in used}
        columns_of_batch |= {name: [value] * batch.num_rows for name, value in constants.items()}
        kept: dict[str, str] = {}  # many questions have the same context: one copy is enough
        for index in range(batch.num_rows):
            number += 1
            cells = {field.name: _cells(field, columns[field.name], columns_of_batch, index) for field in present}
            row: Row = {}
            problems: list[Problem] = []
            for field in present:
                READERS[type(field)](field, cells, row, problems)
                if isinstance(field, Text):
                    row[field.name] = kept.setdefault(row[field.name], row[field.name])
            yield number, row, problems


def _cells(field: Field, names: Sequence[str], batch: Mapping[str, list[str]], index: int) -> list[str]:
    """A field's cells in a row of a batch; of labels with a column each, the names of the columns that say yes."""
    cells = [batch[name][index] for name in names]
    if isinstance(field, Labels) and len(names) > 1:
        return labels.of_columns(names, cells)
    return cells


def constants_of(field: Field, columns: Columns) -> list[str]:
    """What a mapping gives a field in place of columns: a language for all rows, "=en"."""
    names = columns.get(field.name, ()) if isinstance(field, Language) else ()
    return [name for name in names if name.startswith(CONSTANT)]


def _read_text(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    """A text; past its cap it is cut (a model reads far less of it)."""
    assert isinstance(field, Text)
    parts = [part for part in cells[field.name] if part.strip()]
    # A text alone keeps the blanks at its ends: places of answers and entities count from its first character.
    text = parts[0] if len(parts) == 1 == len(cells[field.name]) else "\n".join(map(str.strip, parts))
    if not text and not field.optional:
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


def _read_labels(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    """A row may have none: then no label applies to it."""
    assert isinstance(field, Labels)
    row[field.name] = []
    try:
        found = labels.read_labels(cells[field.name])
    except Unreadable:
        problems.append((field.name, labels.UNREADABLE))
        return
    if len(found) > field.most:
        problems.append((field.name, labels.TOO_MANY))
    elif any(len(label) > field.max_chars for label in found):
        problems.append((field.name, TOO_LONG))
    else:
        row[field.name] = found


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


def _read_messages(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    """The turns up to the last answer, which is what is to be written, unless that has columns of its own."""
    assert isinstance(field, Messages)
    answered = field.of in cells
    read, answer, faults = turns.read_turns(cells[field.name], field.max_turns, field.max_chars, answered)
    row[field.name] = read
    if not answered:
        row[field.of] = answer
    problems.extend((field.name, kind) for kind in faults)


def _read_side(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    cell = cells[field.name][0]
    try:
        row[field.name] = field.parse(cell) if cell.strip() else TRAIN
    except PlaygroundError:
        row[field.name] = TRAIN
        problems.append((field.name, UNKNOWN_SIDE))


def _read_language(field: Field, cells: Cells, row: Row, problems: list[Problem]) -> None:
    try:
        row[field.name] = field.parse(cells[field.name][0])
    except PlaygroundError:
        row[field.name] = ""
        problems.append((field.name, UNKNOWN_LANGUAGE))


READERS: dict[type[Field], Callable[[Field, Cells, Row, list[Problem]], None]] = {
    Text: _read_text,
    Generated: _read_text,
    Language: _read_language,
    Messages: _read_messages,
    Label: _read_label,
    Labels: _read_labels,
    Spans: _read_spans,
    Answer: _read_answers,
    Split: _read_side,
}


def same_text(row: Row, inputs: Sequence[str]) -> str:
    """What two rows have in common when their inputs differ in case and white space only; one may be in neither.

    A text without any input, which is only to be written, is compared by itself.
    """
    said = [str(row.get(name) or "") for name in inputs]
    said = said if any(said) else [str(value) for name, value in row.items() if name != SPLIT.name]
    return "\0".join(" ".join(text.casefold().split()) for text in said)
