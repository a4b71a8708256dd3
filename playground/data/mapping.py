"""Which column is which field, proposed by header name, then by what the cells look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from playground.data import labels
from playground.data.proposal import Proposal, by_name
from playground.data.sides import propose_sides
from playground.data.table import Table
from playground.data.written import propose_written
from playground.errors import PlaygroundError
from playground.fields import Answer, Field, Label, Labels, Language, Messages, Spans, Split, Text
from playground.i18n import msg

MAX_LABELS = 1_000
MAX_LABEL_CHARS = 60
MIN_ROWS_PER_LABEL = 2


@dataclass
class Look:
    """What a column's cells look like; `values` stops growing once there are too many to be labels.

    labels        parts of the values with a sign like a comma between them
    is_separated  whether any has several;  is_yes_or_no  whether all say yes or no
    """

    rows: int = 0
    chars: int = 0
    longest: int = 0
    values: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    is_separated: bool = False
    is_yes_or_no: bool = True

    def add(self, cells: Sequence[str]) -> None:
        for cell in map(str.strip, cells):
            if cell:
                self.rows += 1
                self.chars += len(cell)
                self.longest = max(self.longest, len(cell))
                if len(self.values) <= MAX_LABELS and cell not in self.values:
                    self.values.add(cell)
                    parts = labels.separated(cell)
                    self.labels.update(parts)
                    self.is_separated |= len(parts) > 1
                    self.is_yes_or_no &= labels.is_yes_or_no(cell)

    def mean_chars(self) -> float:
        return self.chars / max(1, self.rows)

    def is_like_labels(self) -> bool:
        enough = 2 <= len(self.values) <= min(MAX_LABELS, self.rows // MIN_ROWS_PER_LABEL)
        return enough and self.longest <= MAX_LABEL_CHARS

    def is_like_several_labels(self) -> bool:
        """Whether few labels come again and again, though in many combinations."""
        enough = 2 <= len(self.labels) <= min(MAX_LABELS, self.rows // MIN_ROWS_PER_LABEL)
        return self.is_separated and enough and max(map(len, self.labels)) <= MAX_LABEL_CHARS


SIDES = (Text, Language)
WRITES = (Text, Messages)
"""A Generated is a Text."""
STARTS = ("answer_start", "start", "start_position", "答案位置", "起始位置")


def propose(table: Table, fields: tuple[Field, ...]) -> list[Proposal]:
    """One proposal per field, in their order; no column is proposed twice."""
    found: dict[str, Proposal] = {}
    free = list(table.columns)
    # Without entities or answers, lists and objects are no value of any field.
    if not any(isinstance(wanted, (Spans, Answer, Labels)) for wanted in fields):
        free = [name for name in free if name not in table.nested]
    # A translation's two texts may be called anything, and so may their languages: they are told apart together.
    sides = [wanted for wanted in fields if isinstance(wanted, SIDES)] if _is_translated(fields) else []
    # Of a conversation, or a prompt and its completion, too.
    writes = [wanted for wanted in fields if isinstance(wanted, WRITES)] if _is_continued(fields) else []
    for wanted in fields:
        if (
            wanted not in (*sides, *writes)
            and (name := by_name(wanted, free)) is not None
            and not _is_other_split(wanted, name, table)
        ):
            names = [name, *_starts(wanted, free, table)]
            found[wanted.name] = Proposal(wanted.name, names, msg("data.reason.name", column=name))
            free = [name for name in free if name not in names]
    found |= {proposal.field: proposal for proposal in propose_sides(table, free, sides)} if sides else {}
    found |= {proposal.field: proposal for proposal in propose_written(table, free, writes)} if writes else {}
    missing = [wanted for wanted in fields if wanted.name not in found]
    looks = _looks(table, free) if any(not isinstance(wanted, Split) for wanted in missing) else {}
    # Labels first: what is left is then a choice between texts, of which contexts are the longest.
    for wanted in sorted(missing, key=lambda w: (not isinstance(w, (Label, Labels)), -getattr(w, "max_chars", 0))):
        proposal = _by_look(wanted, looks, table)
        found[wanted.name] = proposal
        for name in proposal.columns:
            del looks[name]
    return [found[wanted.name] for wanted in fields]


def _is_translated(fields: Sequence[Field]) -> bool:
    return any(isinstance(wanted, Language) for wanted in fields)


def _is_continued(fields: Sequence[Field]) -> bool:
    return any(isinstance(wanted, Messages) for wanted in fields)


def _by_look(wanted: Field, looks: dict[str, Look], table: Table) -> Proposal:
    """What a field without a column of its name is read from; a column of no known name is no split."""
    if isinstance(wanted, Label):
        return _by_label_look(wanted, looks, table)
    if isinstance(wanted, Labels):
        return _by_labels_look(wanted, looks, table)
    if isinstance(wanted, Split):
        return Proposal(wanted.name, [], msg("data.reason.no_split"))
    if isinstance(wanted, Spans):
        nested = [name for name in looks if name in table.nested]
        reason = msg("data.reason.nested", column=nested[-1]) if nested else msg("data.reason.no_spans")
        return Proposal(wanted.name, nested[-1:], reason)
    if isinstance(wanted, Answer):
        return Proposal(wanted.name, [], msg("data.reason.no_answer"))
    if wanted.optional:  # what a dataset may do without is not guessed
        return Proposal(wanted.name, [], msg("data.reason.no_name"))
    return _by_length(wanted, looks)


def _by_labels_look(wanted: Field, looks: dict[str, Look], table: Table) -> Proposal:
    """A column of lists, one with separators, or the columns of yes and no; else as one label is found."""
    nested = [name for name in looks if name in table.nested]
    if nested:
        return Proposal(wanted.name, nested[-1:], msg("data.reason.nested", column=nested[-1]))
    if separated := [name for name, look in looks.items() if look.is_like_several_labels()]:
        return Proposal(wanted.name, separated[-1:], msg("data.reason.separated", column=separated[-1]))
    flags = [name for name, look in looks.items() if look.rows and look.is_yes_or_no]
    if len(flags) > 1:
        return Proposal(wanted.name, flags, msg("data.reason.flags", count=len(flags)))
    return _by_label_look(wanted, looks, table)


def _starts(wanted: Field, free: list[str], table: Table) -> list[str]:
    """The column that says where an answer starts, if there is one beside it."""
    if not isinstance(wanted, Answer):
        return []
    return [name for name in free if name.casefold().strip() in STARTS and name not in table.nested][:1]


def _is_other_split(wanted: Field, name: str, table: Table) -> bool:
    """Whether a column is called like a split but holds other words than those of one, or none."""
    if not isinstance(wanted, Split):
        return False
    words = {cell.strip() for batch in table.batches([name]) for cell in batch.column(name).to_pylist()} - {""}
    try:
        for word in words:
            wanted.parse(word)
    except PlaygroundError:
        return True
    return not words


def _looks(table: Table, columns: list[str]) -> dict[str, Look]:
    looks = {name: Look() for name in columns}
    if columns:
        for batch in table.batches(columns):
            for name, look in looks.items():
                look.add(batch.column(name).to_pylist())
    return looks


def _by_label_look(wanted: Field, looks: dict[str, Look], table: Table) -> Proposal:
    """The column with the fewest different values, if they are few and short."""
    likely = [name for name, look in looks.items() if look.is_like_labels()]
    if not likely:
        return Proposal(wanted.name, [], msg("data.reason.no_label"))
    best = min(likely, key=lambda name: len(looks[name].values))
    count = len(looks[best].values)
    return Proposal(wanted.name, [best], msg("data.reason.labels", column=best, values=count, rows=table.rows))


def _by_length(wanted: Field, looks: dict[str, Look]) -> Proposal:
    """The column with the longest cells on average."""
    likely = [name for name, look in looks.items() if look.rows]
    if not likely:
        return Proposal(wanted.name, [], msg("data.reason.no_text"))
    best = max(likely, key=lambda name: looks[name].mean_chars())
    chars = round(looks[best].mean_chars())
    return Proposal(wanted.name, [best], msg("data.reason.longest", column=best, chars=chars))
