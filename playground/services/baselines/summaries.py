"""Summaries without summarizing: how a text begins."""

from __future__ import annotations

from collections.abc import Sequence

from playground.data.sentences import side_by_side, whole
from playground.fields import Row

LEAD = 3
"""Sentences; in news, where what matters comes first, few methods are better (Nenkova 2005)."""


def lead(held_out: Sequence[Row]) -> list[str]:
    """The first three sentences of each text."""
    return [beginning(row["text"]) for row in held_out]


def beginning(text: str, count: int = LEAD) -> str:
    """The first `count` sentences of a text."""
    return side_by_side(sentence for _, sentence in whole(text)[:count])
