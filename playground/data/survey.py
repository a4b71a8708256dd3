"""What one pass over the rows finds: rows of no use, repeats, contradictions, classes, entity types, answers."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from playground.data import tags
from playground.data.faults import SHOWN_ROWS, Fault, Found, fault, name_of
from playground.data.fixes import (
    IMBALANCE,
    RARE_ROWS,
    Fact,
    Mended,
    contradictions,
    folded,
    leaks,
    mend,
    rare_labels,
    repeats,
    sizes,
    spellings,
    surplus,
)
from playground.data.mapping import MAX_LABELS, MIN_ROWS_PER_LABEL
from playground.data.rows import Problem, is_usable, same_text
from playground.data.tokens import UNSPACED
from playground.data.translations import Translations
from playground.fields import (
    HELD_OUT,
    SPLIT,
    Answer,
    Field,
    Generated,
    Label,
    Labels,
    Row,
    Spans,
    Split,
    Text,
)

MIN_ROWS = 10
MAX_TYPES = 100
MAX_CHARS = 100_000_000
"""Of all texts together: they are in memory at once when a run starts, and while it trains."""
SCHEME_FAULTS = ("tags_broken", "tags_other")
OUTPUTS = (Label, Labels, Spans, Answer, Generated)
PARTS = (Labels, Spans)
"""Outputs of which a row may have several, or none."""
CONTRADICTIONS = {Label: "contradicted", Generated: "several_translations"}
"""Class of the output -> what one text with two of them is called; "contradicted_gold" for the others."""
CLASS_FAULTS = {
    Spans: ("rare_type", "spelling_type", "imbalance_type"), Labels: ("rare_label", "spelling", "imbalance_label"),
}  # fmt: skip
"""Class of the output -> codes for labels that are too rare, spelled in several ways, far more frequent than others."""
NEAR_EMPTY = "near_empty"
WORD = re.compile(r"[^\W_]|[\u2600-\u27bf\U0001f000-\U0001faff]")
"""A letter, a digit, a Chinese character or an emoji: somebody meant something by it."""
NOTHING = frozenset({"na", "n/a", "nan", "nil", "none", "null", "#n/a", "无", "暂无", "空"})
"""What programs and people write into a cell that holds nothing."""


class Survey:
    """Rows are added one by one and fixes applied; then `fatal` and `notes` say what was found."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {wanted.name: wanted for wanted in fields}
        self.output = next(wanted for wanted in fields if isinstance(wanted, OUTPUTS))
        self.inputs = [wanted.name for wanted in fields if wanted is not self.output and not isinstance(wanted, Split)]
        self.total = 0
        self.chars = 0
        self.problems: dict[Problem, Found] = {}
        self.facts: list[Fact] = []
        self.translations = Translations(fields)
        self.mended = Mended()
        self.labels: Counter[str] = Counter()

    def add(self, number: int, row: Row, problems: list[Problem]) -> None:
        self.total += 1
        usable = is_usable(problems)
        for problem in (*problems, *(self._near_empty(row) if usable else ())):
            self.problems.setdefault(problem, Found()).add(number)
        if usable:
            self.translations.add(number, row)
            self.facts.append(self._fact(number, row))
            self.chars += self.facts[-1].chars

    def _near_empty(self, row: Row) -> Iterator[Problem]:
        for name, wanted in self.fields.items():
            if isinstance(wanted, Text) and row.get(name) and is_near_empty(row[name], isinstance(wanted, Generated)):
                yield name, NEAR_EMPTY

    def _fact(self, number: int, row: Row) -> Fact:
        """Texts and values that are not a class are compared by a digest: 16 bytes."""
        value = row[self.output.name]
        written = [self.output.name] if isinstance(self.output, Generated) else []
        labels: tuple[str, ...] = ()
        gold: str | bytes
        alike: str | bytes
        if isinstance(self.output, Label):
            labels = (sys.intern(value),)  # there are few classes and many rows
            gold, alike = labels[0], sys.intern(folded(value))
        else:
            gold = alike = _digest(json.dumps(value, sort_keys=True))
        if isinstance(self.output, Labels):
            labels = tuple(map(sys.intern, value))
            alike = _digest(json.dumps(sorted({folded(label) for label in value})))
        if isinstance(self.output, Spans):
            labels = tuple(sys.intern(span["label"]) for span in value)
            alike = _digest(json.dumps([{**span, "label": folded(span["label"])} for span in value], sort_keys=True))
        return Fact(
            number=number,
            text=_digest(same_text(row, self.inputs)),
            gold=gold,
            alike=alike,
            labels=labels,
            answered=bool(value),
            held_out=row[SPLIT.name] == HELD_OUT if SPLIT.name in row else None,
            chars=sum(_chars(row.get(name)) for name in [*self.inputs, *written]),
            turned=self._turned(row) if self.translations.swaps(number) else None,
        )

    def _turned(self, row: Row) -> tuple[bytes, bytes]:
        """What stands for its text and gold value where the two change places."""
        text, translation = self.translations.text, self.translations.translation
        turned = {**row, text: row[translation], translation: row[text]}
        return _digest(same_text(turned, self.inputs)), _digest(json.dumps(turned[translation], sort_keys=True))

    def mend(self, fixes: Sequence[str]) -> None:
        """Apply fixes by their names, once all rows are there; what is said from here on is of what they leave."""
        found = {code: frozenset(rows.numbers) for code, rows in self._found().items()} if fixes else {}
        self.facts, self.mended = mend(
            self.facts, found, fixes, is_types=isinstance(self.output, PARTS), several=isinstance(self.output, Labels)
        )
        if self.chars <= MAX_CHARS:  # beyond that not all rows are there, and what a fix would leave is not known
            self.chars = sum(fact.chars for fact in self.facts)
        self.labels = Counter(label for fact in self.facts for label in fact.labels)

    def _found(self) -> dict[str, Found]:
        """{code of a fault: its rows} of what is wrong with a row by itself, in any field."""
        found: dict[str, Found] = {}
        for (_, kind), rows in self.problems.items():
            found[kind] = Found((*found[kind].numbers, *rows.numbers)) if kind in found else rows
        return found | self._scheme()[1] | self.translations.found() | self._unlabelled()

    def _unlabelled(self) -> dict[str, Found]:
        """Rows of which no label is said, where there may be several."""
        without = [fact.number for fact in self.facts if not fact.labels] if isinstance(self.output, Labels) else []
        return {"unlabelled": Found(without)} if without else {}

    @property
    def usable(self) -> int:
        return len(self.facts)

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
        held_out = {fact.text for fact in self.facts if fact.held_out}
        if held_out and all(fact.text in held_out for fact in self.facts):
            faults.append(fault("all_held_out", fatal=True))
        return faults

    def _fatal_gold(self, name: Any, classes: int) -> Iterator[Fault]:
        if isinstance(self.output, Generated):
            return
        most = MAX_TYPES if isinstance(self.output, Spans) else MAX_LABELS
        if isinstance(self.output, Answer):
            if not any(fact.answered for fact in self.facts):
                yield fault("no_answers", fatal=True, field=name)
        elif classes > most:
            yield fault("many_classes", fatal=True, field=name, found=classes, most=most)
        elif isinstance(self.output, PARTS) and (not classes or isinstance(self.output, Spans)):
            if not classes:
                yield fault("no_entities", fatal=True, field=name)
        elif classes < 2 and all(fact.labels for fact in self.facts):
            yield fault("one_class", fatal=True, field=name, found=next(iter(self.labels)))
        elif classes * MIN_ROWS_PER_LABEL > self.usable:
            yield fault("rare_classes", fatal=True, field=name, found=classes, total=self.usable)

    def notes(self) -> list[Fault]:
        """Faults one can train with: rows that are skipped, mended or cut, and rows worth a second look."""
        left_out = self.mended.left_out
        faults = [
            rows.fault(kind, self.total, field=name_of(wanted), max_chars=getattr(wanted, "max_chars", 0))
            for name, wanted in self.fields.items()
            for (problem_field, kind), found in self.problems.items()
            if problem_field == name and kind not in tags.FACTS and (rows := found.without(left_out)).count
        ]
        scheme, misfits = self._scheme()
        faults.extend(rows.fault(code, self.total, scheme=scheme) for code, rows in misfits.items())
        if repeated := repeats(self.facts):
            faults.append(Found(sorted(repeated)).fault("repeated", self.total))
        if contradicted := contradictions(self.facts):
            code = CONTRADICTIONS.get(type(self.output), "contradicted_gold")
            if isinstance(self.output, Generated) and not self.translations.of:
                code = "several_completions"
            faults.append(Found(sorted(contradicted)).fault(code, self.total, field=name_of(self.output)))
        if leaked := leaks(self.facts):
            faults.append(Found(sorted(leaked)).fault("leaked", self.total))
        faults.extend(self._class_notes())
        faults.extend(rows.fault(code, self.total) for code, rows in self._unlabelled().items())
        for code, found in self.translations.found().items():
            if (rows := found.without({*left_out, *(self.mended.swapped if code == "swapped_sides" else ())})).count:
                faults.append(rows.fault(code, self.total))
        return faults

    def _scheme(self) -> tuple[str, dict[str, Found]]:
        """(the scheme that most rows are tagged in, {code of a fault: rows whose tags do not fit it})."""
        left_out = self.mended.left_out
        facts = {kind: found.without(left_out) for (_, kind), found in self.problems.items() if kind in tags.FACTS}
        scheme, wrong = tags.scheme_of({kind: found.count for kind, found in facts.items()})
        rows: dict[str, set[int]] = {code: set() for code in SCHEME_FAULTS}
        for kind, code in wrong.items():
            rows[code].update(facts[kind].numbers if kind in facts else ())
        return scheme, {code: Found(sorted(numbers)) for code, numbers in rows.items() if numbers}

    def _class_notes(self) -> Iterator[Fault]:
        """Classes, or types of entities, that are too rare, spelled in several ways or far larger than others."""
        is_types = isinstance(self.output, PARTS)
        few, alike, uneven = CLASS_FAULTS.get(type(self.output), ("rare", "spelling", "imbalance"))
        if rare := rare_labels(self.facts):
            shown = [f"{label} ({count})" for label, count in list(rare.items())[:SHOWN_ROWS]]
            remains = {*self.labels} - {*rare}
            # Without the rare ones something to learn must be left.
            fixes = None if len(remains) > (0 if is_types else 1) else ()
            yield self._with(rare).fault(few, self.total, labels=shown, classes=len(rare), least=RARE_ROWS, fixes=fixes)
        if other := spellings(self.facts):
            pairs = [f"{usual} / {label}" for label, usual in list(other.items())[:SHOWN_ROWS]]
            yield self._with(other).fault(alike, self.total, labels=pairs)
        counts = sizes(self.facts).most_common()
        if len(counts) > 1 and counts[0][1] >= IMBALANCE * counts[-1][1]:
            (largest, most), (smallest, least) = counts[0], counts[-1]
            fixes = None if surplus(self.facts) else ()  # a row may hold frequent and rare ones alike
            yield fault(
                uneven, largest=largest, most=most, smallest=smallest, few=least, times=most // least, fixes=fixes
            )

    def _with(self, labels: Collection[str]) -> Found:
        """The rows with any of the labels."""
        return Found(fact.number for fact in self.facts if any(label in labels for label in fact.labels))


def is_near_empty(text: str, written: bool) -> bool:
    """Whether a text says next to nothing: no word but one that stands for nothing, or a letter alone.

    written: whether a model is to write it; a letter alone may then be the right answer.
    """
    words = WORD.finditer(text)
    first = next(words, None)
    if first is None or text.strip().casefold() in NOTHING:
        return True
    return not written and first[0].isalnum() and next(words, None) is None and not UNSPACED.search(text)


def _chars(value: Any) -> int:
    """Of a text, or of all turns of a conversation."""
    return sum(len(turn["content"]) for turn in value) if isinstance(value, list) else len(value or "")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
