"""What one pass over the rows finds: rows of no use, repeats, contradictions, classes, entity types, answers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from playground.data import tags
from playground.data.faults import SHOWN_ROWS, Fault, Found, fault, name_of
from playground.data.mapping import MAX_LABELS, MIN_ROWS_PER_LABEL
from playground.data.rows import Problem, is_usable, same_text
from playground.fields import HELD_OUT, SPLIT, Answer, Field, Label, Row, Spans, Split

MIN_ROWS = 10
MAX_TYPES = 100
MAX_CHARS = 100_000_000
"""Of all texts together: they are in memory at once when a run starts, and while it trains."""
SCHEME_FAULTS = ("tags_broken", "tags_other")


class Survey:
    """Rows are added one by one; then `fatal` and `notes` say what was found."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {wanted.name: wanted for wanted in fields}
        self.output = next(wanted for wanted in fields if isinstance(wanted, (Label, Spans, Answer)))
        self.inputs = [wanted.name for wanted in fields if wanted is not self.output and not isinstance(wanted, Split)]
        self.total = 0
        self.usable = 0
        self.answered = 0
        self.chars = 0
        self.problems: dict[Problem, Found] = {}
        self.labels: Counter[str] = Counter()
        self.first_row_of: dict[str, int] = {}
        self.seen: dict[bytes, str] = {}
        self.repeated, self.contradicted = Found(), Found()
        self.sides: dict[bytes, list[int]] = {}  # training rows by text, where the file says which are held out
        self.held_out: set[bytes] = set()

    def add(self, number: int, row: Row, problems: list[Problem]) -> None:
        self.total += 1
        for problem in problems:
            self.problems.setdefault(problem, Found()).add(number)
        if is_usable(problems):
            self.usable += 1
            self.chars += sum(len(row[name]) for name in self.inputs)
            self._add_gold(number, row)

    def _add_gold(self, number: int, row: Row) -> None:
        """Counts the classes or types, and compares the row with earlier ones by a digest of its text: 16 bytes."""
        value = row[self.output.name]
        for label in self._labels_of(value):
            self.labels[label] += 1
            self.first_row_of.setdefault(label, number)
        self.answered += bool(value)
        gold = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        digest = hashlib.blake2b(same_text(row, self.inputs).encode(), digest_size=16).digest()
        if digest in self.seen:
            (self.repeated if self.seen[digest] == gold else self.contradicted).add(number)
        else:
            self.seen[digest] = gold
        if row.get(SPLIT.name) == HELD_OUT:
            self.held_out.add(digest)
        elif SPLIT.name in row:
            self.sides.setdefault(digest, []).append(number)

    def _labels_of(self, value: Any) -> list[str]:
        if isinstance(self.output, Label):
            return [str(value)]
        return [span["label"] for span in value] if isinstance(self.output, Spans) else []

    def fatal(self, least: int) -> list[Fault]:
        """What forbids using the rows: fewer than `least`, and, to train, what cannot be learned from."""
        faults = []
        if self.usable < least:
            faults.append(fault("few_rows", fatal=True, found=self.usable, total=self.total, needed=least))
        if least < MIN_ROWS:
            return faults
        if self.usable:
            faults.extend(self._fatal_gold(name_of(self.output), len(self.labels)))
        if self.chars > MAX_CHARS:
            faults.append(fault("too_much_text", fatal=True, chars=self.chars, most=MAX_CHARS))
        if self.usable and self.held_out and len(self.held_out) == len(self.seen):
            faults.append(fault("all_held_out", fatal=True))
        return faults

    def _fatal_gold(self, name: Any, classes: int) -> Iterator[Fault]:
        most = MAX_TYPES if isinstance(self.output, Spans) else MAX_LABELS
        if isinstance(self.output, Answer):
            if not self.answered:
                yield fault("no_answers", fatal=True, field=name)
        elif classes > most:
            yield fault("many_classes", fatal=True, field=name, found=classes, most=most)
        elif isinstance(self.output, Spans):
            if not classes:
                yield fault("no_entities", fatal=True, field=name)
        elif classes < 2:
            yield fault("one_class", fatal=True, field=name, found=next(iter(self.labels)))
        elif classes * MIN_ROWS_PER_LABEL > self.usable:
            yield fault("rare_classes", fatal=True, field=name, found=classes, total=self.usable)

    def notes(self) -> list[Fault]:
        """Faults one can train with: rows that are skipped, mended or cut, and rows worth a second look."""
        faults = [
            found.fault(kind, self.total, field=name_of(wanted), max_chars=getattr(wanted, "max_chars", 0))
            for name, wanted in self.fields.items()
            for (problem_field, kind), found in self.problems.items()
            if problem_field == name and kind not in tags.FACTS
        ]
        faults.extend(self._scheme_notes())
        if self.repeated.count:
            faults.append(self.repeated.fault("repeated", self.total))
        if self.contradicted.count:
            code = "contradicted" if isinstance(self.output, Label) else "contradicted_gold"
            faults.append(self.contradicted.fault(code, self.total, field=name_of(self.output)))
        return [*faults, *self._leaks(), *self._class_notes()]

    def _scheme_notes(self) -> Iterator[Fault]:
        """Tags that do not fit the scheme most rows are written in."""
        facts = {kind: found for (_, kind), found in self.problems.items() if kind in tags.FACTS}
        scheme, wrong = tags.scheme_of({kind: found.count for kind, found in facts.items()})
        for code in SCHEME_FAULTS:
            kinds = [kind for kind in wrong if wrong[kind] == code and kind in facts]
            if kinds:
                most = max(kinds, key=lambda kind: facts[kind].count)
                yield facts[most].fault(code, self.total, scheme=scheme)

    def _leaks(self) -> Iterator[Fault]:
        leaked = Found()
        for number in sorted(n for digest in self.held_out & set(self.sides) for n in self.sides[digest]):
            leaked.add(number)
        if leaked.count:
            yield leaked.fault("leaked", self.total)

    def _class_notes(self) -> Iterator[Fault]:
        is_types = isinstance(self.output, Spans)
        once, alike = ("single_type", "spelling_type") if is_types else ("single", "spelling")
        single = [name for name, count in self.labels.items() if count == 1]
        if single:
            yield self._where(single).fault(once, self.total, labels=single[:SHOWN_ROWS])
        spellings: dict[str, list[str]] = {}
        for name in self.labels:
            spellings.setdefault(" ".join(name.casefold().split()), []).append(name)
        for names in spellings.values():
            if len(names) > 1:
                yield self._where(names[1:2]).fault(alike, self.total, labels=names)

    def _where(self, labels: Sequence[str]) -> Found:
        found = Found()
        for label in labels:
            found.add(self.first_row_of[label])
        return found
