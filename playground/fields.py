"""The closed vocabulary of values: what a task takes and gives.

A Field is read by everything that handles a value: the form of a tab, the endpoint's signature,
the columns an upload must have, the check, the caps. The words a user sees for a field are
`field.<name>` in the catalogs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from playground.errors import PlaygroundError
from playground.i18n import Message

Row = dict[str, Any]
"""Field name -> value; a row of a dataset or the input of a prediction."""


class LabelScore(TypedDict):
    """One entry of a classification result (the Hub's text-classification schema)."""

    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Field:
    """A named value. `columns` are header names (lower case) that usually hold it in a dataset."""

    name: str
    columns: tuple[str, ...] = ()

    @property
    def word(self) -> Message:
        """What users call it."""
        return Message(f"field.{self.name}")

    def parse(self, value: Any) -> Any:
        """The value, checked, or a PlaygroundError that says what is wrong with it."""
        return value


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """Free text, in characters (code points). Its length is capped before any tokenizing."""

    max_chars: int = 20_000
    lines: int = 4

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise PlaygroundError("field_not_text", field=self.word, found=type(value).__name__)
        if not value.strip():
            raise PlaygroundError("field_empty", field=self.word)
        if len(value) > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=len(value), max_chars=self.max_chars)
        return value


@dataclass(frozen=True, kw_only=True)
class Label(Field):
    """One class of a closed set; predicted as [LabelScore, ...], best first."""

    max_chars: int = 200

    def parse(self, value: Any) -> str:
        text = str(value).strip()
        if not text:
            raise PlaygroundError("field_empty", field=self.word)
        if len(text) > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=len(text), max_chars=self.max_chars)
        return text
