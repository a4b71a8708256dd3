"""A failure its reader can act on."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from playground.i18n import Message, join, render

if TYPE_CHECKING:  # the child that reads uploads imports this module, and starts in half a second without pydantic
    from pydantic import ValidationError


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
        """Message and remedy as one paragraph; where there are several remedies, each on a line with its fault."""
        return join(render(self.message, lang), render(self.hint, lang), lang=lang)


def full_disk(error: BaseException) -> PlaygroundError | None:
    """What to say of an error that means that the disk, or what one may use of it, is full; None for any other."""
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return PlaygroundError("no_room") if is_full else None


BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
"""pydantic's error type -> the name of the bound in its context."""


def first_fault(error: ValidationError) -> tuple[str, Any, Message]:
    """(where, the value found, why it is not valid) of the first thing pydantic objects to."""
    fault = error.errors(include_url=False)[0]
    kind, context = fault["type"], fault.get("ctx", {})
    where = ".".join(str(part) for part in fault["loc"]) or "?"
    if kind in BOUNDS:
        return where, fault["input"], Message(f"invalid.{BOUNDS[kind]}", {"bound": _number(context[BOUNDS[kind]])})
    if kind == "extra_forbidden":
        return where, fault["input"], Message("invalid.unknown")
    if kind == "signs":
        return where, fault["input"], Message("invalid.signs")
    if kind == "missing":
        return where, fault["input"], Message("invalid.missing")
    if kind == "literal_error":
        return where, fault["input"], Message("invalid.choice", {"choices": context["expected"].replace(" or ", ", ")})
    numeric = kind.startswith(("int", "float", "finite"))
    return where, fault["input"], Message("invalid.number" if numeric else "invalid.form")


def why(reason: dict[str, Any] | None, hint: dict[str, Any] | None) -> dict[str, Message]:
    """Why something does not go on and what to do about it, from what its status says."""
    return {
        "reason": Message.from_json(reason) if reason else Message("cli.no_reason"),
        "remedy": Message.from_json(hint) if hint else Message("cli.no_remedy"),
    }


def _number(bound: float) -> str:
    """Whole numbers whole: 2147483647, 0.5, 1."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"
