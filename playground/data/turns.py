"""Conversations in cells: OpenAI's, ShareGPT's and similar forms -> turns, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.data.values import Unreadable, first, nested
from playground.fields import ASSISTANT, SYSTEM, USER, Turn, out_of_turn, said_in

ROLE = ("role", "from", "speaker")
CONTENT = ("content", "value", "text")
ENTRIES = ("messages", "conversations", "conversation")
ROLES = {
    "system": SYSTEM, "developer": SYSTEM, "user": USER, "human": USER, "prompter": USER, "assistant": ASSISTANT,
    "gpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT, "chatgpt": ASSISTANT, "bing": ASSISTANT,
}  # fmt: skip
"""What data calls who speaks."""
UNREADABLE, UNKNOWN, EMPTY_TURN, ORDER = "turns_unreadable", "turns_role", "turns_empty", "turns_order"
UNANSWERED, LONG, NOT_TEXT = "turns_unanswered", "turns_long", "turns_not_text"
FAULTS = frozenset({UNREADABLE, UNKNOWN, EMPTY_TURN, ORDER, UNANSWERED, LONG, NOT_TEXT})


def is_conversation(cell: str) -> bool:
    """Whether a cell holds turns, whatever may be wrong with them."""
    try:
        entries = _entries(cell)
    except Unreadable:
        return False
    return bool(entries) and all(first(entry, ROLE) is not None for entry in entries)


def begins(cell: str) -> str:
    """Who speaks first in a conversation; "" where that is not known."""
    return ROLES.get(str(first(next(iter(_entries(cell)), {}), ROLE)).strip().casefold(), "")


def read_turns(
    cells: Sequence[str], most_turns: int, most_chars: int, answered: bool
) -> tuple[list[Turn], str, list[str]]:
    """(turns before the answer, the answer, what is wrong). What stands behind the last answer is left out.

    cells     the parts of a conversation, one after the other
    answered  the answer stands in another column: all are turns before it
    """
    try:
        entries = [entry for cell in cells for entry in _entries(cell)]
    except Unreadable:
        return [], "", [UNREADABLE]
    roles = [ROLES.get(str(first(entry, ROLE)).strip().casefold(), "") for entry in entries]
    said = [said_in(first(entry, CONTENT)) for entry in entries]
    if not all(roles):
        return [], "", [UNKNOWN]
    last = _last(roles, USER if answered else ASSISTANT)
    if last < 1 - answered or USER not in roles:
        return [], "", [UNANSWERED]
    roles, said = roles[: last + 1], said[: last + 1]
    texts = [text for text in said if text is not None]
    if len(texts) < len(said):
        return [], "", [NOT_TEXT]
    if not all(map(str.strip, texts)):
        return [], "", [EMPTY_TURN]
    if out_of_turn(roles):
        return [], "", [ORDER]
    if len(roles) > most_turns or sum(map(len, texts)) > most_chars:
        return [], "", [LONG]
    turns: list[Turn] = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    return (turns, "", []) if answered else (turns[:-1], turns[-1]["content"], [])


def _last(roles: Sequence[str], wanted: str) -> int:
    return max((place for place, role in enumerate(roles) if role == wanted), default=-1)


def _entries(cell: str) -> list[Mapping[str, Any]]:
    """The turns as they stand in a cell. Raises Unreadable."""
    value = nested(cell)
    if isinstance(value, dict):
        value = first(value, ENTRIES)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Unreadable
    return value
