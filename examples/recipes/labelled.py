"""The texts of the starters that tell emotions and topics apart."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SEED = 13

MOST_OF_ONE = 6_000
"""Rows of one emotion at most: two of seven make up 71 of 100 rows, and macro-F1 counts all seven alike."""


def cells(path: Path) -> Iterator[list[str]]:
    """Rows of a tab-separated file without quotes."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def emotion_en(data: Path) -> Iterator[Row]:
    """emotion-en: comments of Reddit (GoEmotions, Apache-2.0) with one of Ekman's six emotions, or with none.

    Comments of several emotions are left out on both sides, as each row has one label here.
    """
    folder = data / "train/goemotions/ekman"
    names = (folder / "labels.txt").read_text(encoding="utf-8").split()
    parts = {
        part: [
            (text.strip(), names[int(label)]) for text, label, _ in cells(folder / f"{part}.tsv") if "," not in label
        ]
        for part in ("train", "dev", "test")
    }
    kept = {text.casefold() for text, _ in parts["test"]}
    yield from ({"text": text, "label": label, "split": "held_out"} for text, label in parts["test"])
    learned = parts["train"] + parts["dev"]
    random.Random(SEED).shuffle(learned)
    counts = dict.fromkeys(names, 0)
    for text, label in learned:
        if counts[label] < MOST_OF_ONE and text.casefold() not in kept:
            counts[label] += 1
            yield {"text": text, "label": label, "split": "train"}


def topic_en(data: Path) -> Iterator[Row]:
    """topic-en: sentences of news and guides with one of seven topics (SIB-200, text CC BY-SA 4.0)."""
    yield from topics(data, "eng_Latn")


def topic_zh(data: Path) -> Iterator[Row]:
    """topic-zh: the same sentences in simplified Chinese."""
    yield from topics(data, "zho_Hans")


def topics(data: Path, language: str) -> Iterator[Row]:
    """SIB-200 in a language, its test set held out."""
    for part in ("train", "dev", "test"):
        for _, topic, text in list(cells(data / "train/sib200" / language / f"{part}.tsv"))[1:]:
            yield {"text": text, "label": topic, "split": "held_out" if part == "test" else "train"}
