"""Training rows and held-out rows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from playground.data.rows import same_text
from playground.fields import HELD_OUT, SPLIT, Row


def split(
    rows: list[Row],
    *,
    label: str | None,
    inputs: Sequence[str],
    together: Sequence[str],
    held_out: float,
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """(training rows, held-out rows), each in the order of `rows`.

    label     name of the field whose classes keep their shares on both sides; None where there are no classes
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
    if marked(rows):
        return _as_marked(rows, inputs)
    rng = random.Random(seed)
    classes = _groups(rows, label, together)
    for name in sorted(classes):
        rng.shuffle(classes[name])
    chosen: set[int] = set()
    for name, quota in _quotas(classes, len(rows) * held_out, held_out, rng).items():
        chosen.update(_fill(classes[name][:-1], quota))
    train = [row for index, row in enumerate(rows) if index not in chosen]
    return train, [row for index, row in enumerate(rows) if index in chosen]


def marked(rows: Iterable[Row]) -> int:
    """How many rows say that they are held out."""
    return sum(row.get(SPLIT.name) == HELD_OUT for row in rows)


def _as_marked(rows: list[Row], inputs: Sequence[str]) -> tuple[list[Row], list[Row]]:
    held_out = [row for row in rows if row[SPLIT.name] == HELD_OUT]
    taken = {same_text(row, inputs) for row in held_out}
    return [row for row in rows if row[SPLIT.name] != HELD_OUT and same_text(row, inputs) not in taken], held_out


def _groups(rows: list[Row], label: str | None, together: Sequence[str]) -> dict[str, list[list[int]]]:
    """{class: [row numbers from 0 that share a text, ...]} of the texts that stand under one label."""
    by_text: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_text.setdefault(same_text(row, together), []).append(index)
    classes: dict[str, list[list[int]]] = {}
    for group in by_text.values():
        names = {str(rows[index][label]) if label else "" for index in group}
        if len(names) == 1:
            classes.setdefault(names.pop(), []).append(group)
    return classes


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
