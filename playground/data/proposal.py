"""What is proposed for a field, and the columns that are called as it usually is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground.fields import Field
from playground.i18n import Message


@dataclass(frozen=True)
class Proposal:
    """The columns that hold a field (none where no column looks like it), and why.

    For a Language there may be "=en" in place of a column: that language in every row.
    """

    field: str
    columns: list[str]
    reason: Message


def by_name(wanted: Field, columns: Sequence[str]) -> str | None:
    """The column called as the field usually is, in any case, in the plural or not."""
    tidy = {name: name.casefold().strip() for name in columns}
    for usual in (wanted.name, *wanted.columns):
        for name in columns:
            if tidy[name] in (usual, f"{usual}s"):
                return name
    return None
