"""A failure its reader can act on."""

from __future__ import annotations

from typing import Any

from playground.i18n import Message, render


class PlaygroundError(Exception):
    """Bad input or an impossible wish, with what is wrong and what to do about it.

    `code` names two sentences of the catalogs: `error.<code>` and its remedy `error.<code>.hint`.
    Values may be strings, numbers, Messages or lists of them.
    """

    def __init__(self, code: str, /, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = Message(f"error.{code}", values)
        self.hint = Message(f"error.{code}.hint", values)

    def __str__(self) -> str:
        return self.text("en")

    def text(self, lang: str) -> str:
        """Message and remedy as one paragraph."""
        return f"{render(self.message, lang)} {render(self.hint, lang)}"
