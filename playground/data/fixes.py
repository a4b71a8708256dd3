"""Fixes of a dataset by their names, which a run's spec keeps: which rows are left out, which labels are renamed.

The file itself stays as it is. What is known of a row here is a Fact, so that any number of fixes costs no second
pass over the texts, and each sees what those before it have left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from playground.errors import PlaygroundError
from playground.i18n import Message

ONE_SPELLING, SWAP, RARE, MAX_LENGTH = "one_spelling", "swap", "rare", "max_length"
UNLABELLED, BALANCE = "unlabelled", "balance"
LEAVE_OUT = (
    "near_empty", "cut", "answer_moved", "answer_loose", "answer_partly", "answer_none", "span_moved", "span_in_word",
    "tags_double", "tags_broken", "tags_other", "equal_sides", "same_language", "wild_length",
)  # fmt: skip
"""Faults whose rows are trained on, unless the fix of the same name leaves them out."""
FIXES: Mapping[str, tuple[str, ...]] = {
    ONE_SPELLING: ("spelling", "spelling_type"),
    SWAP: ("swapped_sides",),
    **{code: (code,) for code in LEAVE_OUT},
    "majority": ("contradicted", "contradicted_gold"),
    "contradictions": ("contradicted", "contradicted_gold"),
    "first_of_each": ("several_translations", "several_completions"),
    "duplicates": ("repeated",),
    "leaks": ("leaked",),
    RARE: ("rare", "rare_type", "rare_label"),
    UNLABELLED: ("unlabelled",),  # behind what takes labels off
    BALANCE: ("imbalance", "imbalance_type", "imbalance_label"),
    MAX_LENGTH: ("long_text",),
}
"""Name of a fix -> codes of the faults it is for; they are applied in this order.

MAX_LENGTH changes no row: it is heeded where the numbers of a run are chosen.
"""
SHOWN_LABELS = 5
RARE_ROWS = 5
"""With a fifth of the rows held out, a class of fewer has none to be measured on."""
IMBALANCE = 10
"""Times that the largest class has as many rows as the smallest; below it training copes well."""
BALANCED = 3
"""Times that it may have after the fix: more rows are worth more than equal shares."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is kept of a usable row. Texts and gold values are compared by what stands for them here.

    number    of the row, from 1
    text      digest of its inputs
    gold      of its gold value; a class is its own
    alike     the same, for labels that differ in case and blanks only
    labels    its class, or the types of its entities
    answered  whether it has a gold value that is not empty
    held_out  whether the dataset says that it is held out; None where it says nothing
    chars     of all its texts
    turned    (text, gold) with its two texts in each other's place, where they have one
    """

    number: int
    text: bytes
    gold: str | bytes
    alike: str | bytes
    labels: tuple[str, ...]
    answered: bool
    held_out: bool | None
    chars: int
    turned: tuple[bytes, bytes] | None = None


@dataclass(frozen=True)
class Mended:
    """What fixes change.

    left_out  numbers of rows
    surplus   numbers of rows that are left out of training only: which are held out is not known yet
    swapped   numbers of rows whose two texts change places
    labels    label -> what it is called instead; None: it is not marked any more
    told      name of a fix -> what it did
    """

    left_out: Collection[int] = frozenset()
    surplus: Collection[int] = frozenset()
    swapped: Collection[int] = frozenset()
    labels: Mapping[str, str | None] = field(default_factory=dict)
    told: Mapping[str, Message] = field(default_factory=dict)


def fixes_of(code: str) -> tuple[str, ...]:
    """Names of the fixes for a fault."""
    return tuple(name for name, codes in FIXES.items() if code in codes)


def fix_label(name: str) -> Message:
    """What its button says."""
    return Message("fix.leave_out" if name in (*LEAVE_OUT, UNLABELLED) else f"fix.{name}")


def check_names(names: Sequence[str], known: Collection[str] = FIXES) -> None:
    """Raise PlaygroundError for the first name that no fix has."""
    for name in names:
        if name not in known:
            raise PlaygroundError("unknown_fix", fix=name[:40], fixes=list(known))


def mend(
    facts: list[Fact],
    found: Mapping[str, Collection[int]],
    names: Collection[str],
    *,
    is_types: bool,
    several: bool = False,
) -> tuple[list[Fact], Mended]:
    """The rows that fixes leave, and what was changed.

    found     code of a fault -> the rows that it is in, where that depends on a row alone
    is_types  whether labels are types of entities: those that are too rare are unmarked, and their rows stay
    several   whether a row may have several labels, or none
    """
    total = len(facts)
    left_out: set[int] = set()
    untrained: set[int] = set()
    labels: dict[str, str | None] = {}
    told: dict[str, Message] = {}
    swapped = frozenset(found.get("swapped_sides", ()) if SWAP in names else ())
    for name in FIXES:
        if name not in names or name == MAX_LENGTH or (name == UNLABELLED and not several):
            continue
        values: dict[str, object] = {}
        if name == ONE_SPELLING:
            labels = dict(spellings(facts))
            facts = [_renamed(fact, labels) for fact in facts]
            count = len(labels)
            values = {"labels": [f"{label} → {usual}" for label, usual in list(labels.items())[:SHOWN_LABELS]]}
        elif name == SWAP:
            facts = [_turned(fact) if fact.number in swapped else fact for fact in facts]
            count = len(swapped)
        elif name == RARE and is_types:
            rare = rare_labels(facts)
            labels = {old: None if new in rare else new for old, new in labels.items()} | dict.fromkeys(rare)
            facts = [replace(fact, labels=tuple(one for one in fact.labels if one not in rare)) for fact in facts]
            count = len(rare)
        else:
            numbers = CHOOSERS[name](facts) if name in CHOOSERS else set(found.get(name, ()))
            count = len(facts)
            facts = [fact for fact in facts if fact.number not in numbers]
            count -= len(facts)
            # Scores are of the rows as they come: where the file does not say which are held out, all may yet be.
            kept = untrained if name == BALANCE and all(fact.held_out is None for fact in facts) else left_out
            kept |= numbers
        key = "fix.rare.done_types" if is_types and name == RARE else f"fix.{name}.done"
        told[name] = Message(key, {"count": count, "total": total, **values})
    return facts, Mended(left_out, untrained, swapped, labels, told)


def spellings(facts: Sequence[Fact]) -> dict[str, str]:
    """{label: the spelling that most rows have} of labels that differ from it in case and blanks only."""
    counts = Counter(label for fact in facts for label in fact.labels)
    usual: dict[str, str] = {}
    for label, _ in counts.most_common():
        usual.setdefault(folded(label), label)
    return {label: usual[folded(label)] for label in counts if usual[folded(label)] != label}


def folded(label: str) -> str:
    return " ".join(label.casefold().split())


def _renamed(fact: Fact, labels: Mapping[str, str | None]) -> Fact:
    names = tuple(labels.get(label) or label for label in fact.labels)
    return replace(fact, labels=names, gold=fact.alike)


def _turned(fact: Fact) -> Fact:
    text, gold = fact.turned or (fact.text, fact.gold)
    return replace(fact, text=text, gold=gold, alike=gold)


def rare_labels(facts: Sequence[Fact]) -> dict[str, int]:
    """{label: training rows} of labels with too few, or entity types that come too seldom; the rarest first."""
    counts = Counter({label: 0 for fact in facts for label in fact.labels})
    counts.update(label for fact in facts if not fact.held_out for label in fact.labels)
    return {label: count for label, count in reversed(counts.most_common()) if count < RARE_ROWS}


def repeats(facts: Sequence[Fact]) -> set[int]:
    """Rows that say what an earlier row on their side of the split says."""
    seen: set[object] = set()
    found = set()
    for fact in facts:
        key = (fact.text, fact.gold, fact.held_out)
        if key in seen:
            found.add(fact.number)
        seen.add(key)
    return found


def contradictions(facts: Sequence[Fact]) -> set[int]:
    """Rows that have the text of an earlier row on their side of the split, but another gold value."""
    first: dict[object, str | bytes] = {}
    return {fact.number for fact in facts if first.setdefault((fact.text, fact.held_out), fact.gold) != fact.gold}


def _contradicted(facts: Sequence[Fact]) -> set[int]:
    """All rows of the texts that have several gold values."""
    texts = _golds(facts)
    return {fact.number for fact in facts if len(texts[fact.text, fact.held_out]) > 1}


def _outvoted(facts: Sequence[Fact]) -> set[int]:
    """Rows of such texts whose gold value is not the one that most rows give; without a majority all of them."""
    best = {}
    for key, counts in _golds(facts).items():
        (gold, most), *others = counts.most_common(2)
        best[key] = None if others and others[0][1] == most else gold
    return {fact.number for fact in facts if fact.gold != best[fact.text, fact.held_out]}


def _golds(facts: Sequence[Fact]) -> dict[object, Counter[str | bytes]]:
    texts: dict[object, Counter[str | bytes]] = {}
    for fact in facts:
        texts.setdefault((fact.text, fact.held_out), Counter())[fact.gold] += 1
    return texts


def leaks(facts: Sequence[Fact], *, side: bool = False) -> set[int]:
    """Rows on a side of the split (True: held out) whose text is on the other side, too."""
    other = {fact.text for fact in facts if fact.held_out is (not side)}
    return {fact.number for fact in facts if fact.held_out is side and fact.text in other}


def sizes(facts: Sequence[Fact]) -> Counter[str]:
    """Training rows of each class, or entities of each type, but for those that are too rare there."""
    counts = Counter(label for fact in facts if not fact.held_out for label in fact.labels)
    return Counter({label: count for label, count in counts.items() if count >= RARE_ROWS})


def surplus(facts: Sequence[Fact]) -> set[int]:
    """Training rows that hold nothing but labels which other rows have often enough.

    Rows with a rare label come first, then it is their digests that decide: without a seed. A row without a label is
    never too many.
    """
    counts = sizes(facts)
    most = BALANCED * min(counts.values(), default=len(facts))
    kept: Counter[str] = Counter()
    found = set()
    trained = [fact for fact in facts if not fact.held_out and fact.labels]
    for fact in sorted(trained, key=lambda row: (min(counts[label] for label in row.labels), row.text)):
        if all(kept[label] >= most for label in fact.labels):
            found.add(fact.number)
        else:
            kept.update(fact.labels)
    return found


def _of_rare_classes(facts: Sequence[Fact]) -> set[int]:
    rare = rare_labels(facts)
    return {fact.number for fact in facts if rare.keys() & fact.labels}


CHOOSERS: Mapping[str, Callable[[Sequence[Fact]], set[int]]] = {
    "majority": _outvoted,
    "contradictions": _contradicted,
    "first_of_each": contradictions,
    "duplicates": repeats,
    "leaks": lambda facts: leaks(facts, side=True),
    RARE: _of_rare_classes,
    UNLABELLED: lambda facts: {fact.number for fact in facts if not fact.labels},
    BALANCE: surplus,
}
"""Fixes that compare rows with each other -> the numbers of the rows that they leave out."""
