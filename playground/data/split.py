"""Training rows and held-out rows."""

from __future__ import annotations

import hashlib
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from playground.data.rows import same_text
from playground.fields import HELD_OUT, SPLIT, Row


@dataclass(frozen=True)
class Sides:
    """Which rows are held out, and which are in neither part; by their places, from 0."""

    held_out: frozenset[int]
    left_out: frozenset[int] = frozenset()

    def train(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Of the rows that were split, in the same order, those to learn from."""
        return (row for place, row in enumerate(rows) if place not in self.held_out and place not in self.left_out)

    def kept(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Those that are held out."""
        return (row for place, row in enumerate(rows) if place in self.held_out)


def split(
    rows: Iterable[Row],
    *,
    label: str | None,
    inputs: Sequence[str],
    together: Sequence[str],
    held_out: float,
    seed: int,
) -> Sides:
    """Choose the rows to hold out; they are looked at once, as they come, and none is kept.

    label     name of the field whose classes keep their shares on both sides; None where there are no classes. Of
              several labels of a row the one that fewest rows have is its class
    inputs    names of all inputs
    together  names of inputs; rows in which these differ in case and white space only stay together
    held_out  share of the rows to hold out, between 0 and 1
    seed      the same rows and seed give the same split in every process

    Where rows say themselves that they are held out (field `split`), those are, and training rows that repeat
    all inputs of one are left out, as `check` says. Otherwise: every class keeps at least one training row, so
    classes with a single text are not held out at all; neither are texts that stand under two labels, on which
    no answer would be right.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be between 0 and 1, not {held_out}")
    texts: list[bytes] = []
    shared: list[bytes] = []
    named: list[list[str]] = []
    marked: set[int] = set()
    for place, row in enumerate(rows):
        if row.get(SPLIT.name) == HELD_OUT:
            marked.add(place)
        texts.append(_key(row, inputs))
        shared.append(_key(row, together) if together != inputs else texts[-1])
        named.append([sys.intern(name) for name in _labels(row[label])] if label else [""])
    if marked:
        taken = {texts[place] for place in marked}
        repeats = (place for place, text in enumerate(texts) if text in taken and place not in marked)
        return Sides(frozenset(marked), frozenset(repeats))
    rng = random.Random(seed)
    classes = _groups(shared, named)
    for name in sorted(classes):
        rng.shuffle(classes[name])
    chosen: set[int] = set()
    for name, quota in _quotas(classes, len(texts) * held_out, held_out, rng).items():
        chosen.update(_fill(classes[name][:-1], quota))
    return Sides(frozenset(chosen))


def _key(row: Row, names: Sequence[str]) -> bytes:
    """The same for texts that are the same; short, whatever they are."""
    return hashlib.blake2b(same_text(row, names).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _groups(texts: Sequence[bytes], named: Sequence[Sequence[str]]) -> dict[str, list[list[int]]]:
    """{class: [places of rows that share a text, ...]} of the texts that stand under one label."""
    by_text: dict[bytes, list[int]] = {}
    for place, text in enumerate(texts):
        by_text.setdefault(text, []).append(place)
    counts = Counter(name for names in named for name in names)
    classes: dict[str, list[list[int]]] = {}
    for group in by_text.values():
        found = {min(named[place], key=lambda name: (counts[name], name)) for place in group}
        if len(found) == 1:
            classes.setdefault(found.pop(), []).append(group)
    return classes


def _labels(value: str | list[str]) -> list[str]:
    """Of a row with one label, or with several; "" where it has none."""
    return [value] if isinstance(value, str) else value or [""]


def _quotas(classes: dict[str, list[list[int]]], total: float, held_out: float, rng: random.Random) -> dict[str, int]:
    """Rows to hold out of each class: its share rounded down, then one more where the remainder is largest."""
    shares = {name: sum(map(len, groups)) * held_out for name, groups in classes.items() if len(groups) > 1}
    quotas = {name: int(share) for name, share in shares.items()}
    order = sorted(shares)
    rng.shuffle(order)  # classes of equal size take turns by chance, not by alphabet
    order.sort(key=lambda name: quotas[name] - shares[name])
    for name in order[: max(1, round(total)) - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _fill(groups: list[list[int]], quota: int) -> list[int]:
    """Row numbers of groups taken in order while they fit."""
    taken: list[int] = []
    for group in groups:
        if len(taken) + len(group) <= quota:
            taken.extend(group)
    return taken
