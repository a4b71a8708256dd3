"""Splits: shares kept, duplicates together, the same in every process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from playground.fields import Row
from tests.data.parts import parts


def labelled(*counts: int) -> list[Row]:
    return [
        {"text": f"text {name} {n}", "label": f"class {name}"}
        for name, count in enumerate(counts)
        for n in range(count)
    ]


def cut(rows: list[Row], held_out: float = 0.1, seed: int = 1) -> tuple[list[Row], list[Row]]:
    return parts(rows, label="label", inputs=["text"], together=["text"], held_out=held_out, seed=seed)


def test_classes_keep_their_shares() -> None:
    train, held = cut(labelled(120, 60, 20))
    assert Counter(row["label"] for row in held) == {"class 0": 12, "class 1": 6, "class 2": 2}
    assert len(train) == 180


def test_nothing_is_lost_and_the_order_is_kept() -> None:
    rows = labelled(50, 31, 7, 1)
    train, held = cut(rows, 0.25)
    assert [row for row in rows if row in train] == train and [row for row in rows if row in held] == held
    assert len(train) + len(held) == len(rows)


def test_many_small_classes_still_fill_the_held_out_share() -> None:
    """77 classes of 3: each share is 0.3 rows, and 23 rows are held out, of 23 classes."""
    train, held = cut(labelled(*[3] * 77))
    assert len(held) == 23 and len({row["label"] for row in held}) == 23
    assert len({row["label"] for row in train}) == 77


@pytest.mark.parametrize("seed", range(25))
def test_rules_hold_for_any_rows(seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        {"text": rng.choice(["a", "A ", "b", "c c", "c  C"]) + str(rng.randint(0, 40)), "label": rng.choice("xxxyyz")}
        for _ in range(rng.randint(1, 150))
    ]
    held_out = rng.choice([0.05, 0.1, 0.2, 0.5, 0.9])
    train, held = cut(rows, held_out, seed)
    assert Counter(map(str, train + held)) == Counter(map(str, rows))
    assert {row["label"] for row in held} <= {row["label"] for row in train}

    def texts(side: list[Row]) -> set[str]:
        return {" ".join(row["text"].lower().split()) for row in side}

    assert not texts(train) & texts(held)
    assert len(held) <= max(1, round(len(rows) * held_out))


def test_texts_under_two_labels_are_not_held_out() -> None:
    rows = [{"text": f"text {n // 2}", "label": "ab"[n % 2]} for n in range(100)] + labelled(10, 10)
    _, held = cut(rows, 0.5)
    assert {row["label"] for row in held} == {"class 0", "class 1"}


def test_the_seed_decides_and_the_process_does_not() -> None:
    code = "from tests.data.test_split import *; print([row['text'] for row in cut(labelled(40, 25, 3))[1]])"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert printed == {f"{[row['text'] for row in cut(labelled(40, 25, 3))[1]]}\n"}
    assert cut(labelled(40, 25), seed=1) != cut(labelled(40, 25), seed=2)


def test_a_share_outside_zero_and_one_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        cut(labelled(5, 5), held_out=1)
