"""Which column is which field: the pickers of a file's columns, wherever a file is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground.data import Proposal, Table
from playground.errors import PlaygroundError
from playground.fields import Answer, Field, Generated, Label, Labels, Language, Messages, Spans, Split, Text
from playground.languages import name_of
from playground.ui import markup
from playground.ui.renderers import field_label
from playground.ui.uploaded import TABLES
from playground.ui.wrapper import Visitor

PARALLEL = [".en", ".zh"]
"""Text files that are called by their language; others come as txt."""
FILE_TYPES = [*TABLES, ".txt", *PARALLEL]
PICKED = {
    Text: "several", Answer: "answer", Label: "one", Labels: "labels",
    Spans: "spans", Split: "split", Language: "language",
    Generated: "generated",
    Messages: "messages",
}  # fmt: skip
"""Field class -> the word by which catalog keys tell it: what its picker says is ui.columns.<word>."""
SEVERAL = (Text, Answer, Labels, Messages)
"""Fields that may be read from several columns."""
CELL_CHARS = 160
LANGUAGE_CODES = (
    "ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "uk", "vi", "zh",
    "zh-Hant",
)  # fmt: skip
"""Languages to choose for all rows; any other can be typed as `=` and its code."""


class ColumnPicker:
    """The columns of a field, and why they are proposed. `info` is what the picker says."""

    def __init__(self, task_id: str, field: Field, info: str, lang: str, prefix: str = "column") -> None:
        self.field = field
        self.columns = gr.Dropdown(
            [],
            multiselect=isinstance(field, SEVERAL),
            allow_custom_value=isinstance(field, Language),
            label=field_label(field, lang),
            info=info,
            elem_id=f"{prefix}-{task_id}-{field.name}",
        )
        self.reason = gr.HTML(padding=False)

    def opened(self, table: Table, proposal: Proposal | None, visitor: Visitor, optional: bool) -> tuple[Any, str]:
        """(the picker for a table, with what is proposed; why)"""
        value: Any = list(proposal.columns) if proposal else []
        if not isinstance(self.field, SEVERAL):
            value = value[0] if value else None
        constant = _languages(visitor.lang) if isinstance(self.field, Language) else []
        choices = [*((name, name) for name in table.columns), *constant]
        reason = _reason(proposal, optional, visitor) if proposal else ""
        return gr.Dropdown(choices=choices, value=value), reason


def chosen_columns(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """{field: columns} of the values of pickers, {field: value}."""
    columns: dict[str, list[str]] = {}
    for field, value in values.items():
        names = value if isinstance(value, list) else [value] if value is not None else []
        if not all(isinstance(item, str) for item in names):
            raise PlaygroundError("bad_columns")
        columns[field] = names
    return columns


def summary(table: Table, visitor: Visitor) -> str:
    """What a file that was read holds, on a line."""
    return markup.note(
        visitor.text("ui.summary", file=table.name, rows=f"{table.rows:,}", columns=len(table.columns)), "ready"
    )


def short(cells: Sequence[str]) -> list[str]:
    """Cells for a look: long ones end in an ellipsis."""
    return [cell if len(cell) <= CELL_CHARS else cell[:CELL_CHARS] + "…" for cell in cells]


def _languages(lang: str) -> list[tuple[str, str]]:
    """One language for all rows: the choices beside a column."""
    return [(name, f"={code}") for name, code in sorted((name_of(code, lang), code) for code in LANGUAGE_CODES)]


def _reason(proposal: Proposal, optional: bool, visitor: Visitor) -> str:
    """Why a column was proposed, or why none was."""
    key = "ui.proposed" if proposal.columns else "ui.optional" if optional else "ui.not_proposed"
    return markup.note(visitor.text(key, reason=proposal.reason))
