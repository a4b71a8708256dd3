"""Which files of a dataset's repository on the Hub are its rows to train on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from playground.data import SHARD

PARQUET = ".parquet"
KINDS = (PARQUET, ".jsonl", ".csv", ".tsv", ".json")
"""Endings of files with rows, the best described first."""
ABOUT = re.compile(r"dataset_infos?|dataset_dict|state|config|metadata|package|readme|croissant", re.IGNORECASE)
"""Names of files that say something of a dataset, and hold no rows."""
TRAIN = "train"
SPLIT = re.compile(
    r"(?:^|(?<=[-_.]))(?:(train(?:ing)?)|test(?:ing)?|valid(?:ation)?|val|dev|eval|unsupervised)(?=$|[-_.])",
    re.IGNORECASE,
)
"""The name of a split, alone or as a word of a name."""
FOLDERS = ("data", "dataset")
USUAL = ("default", "main", "plain_text", "all")
"""What the part is called that people mean."""


def parts(files: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Part of a dataset -> {file: bytes} of its training rows, the usual part first; {} where no file holds rows.

    Where no file is called by a split, all are taken for training rows. A part in several files is read from parquet
    alone: elsewhere pieces of a table cannot be told from different tables.
    """
    for kind in KINDS:
        found: dict[str, dict[str, list[str]]] = {}
        for file in sorted(files):
            name = PurePosixPath(file).name
            if name.lower().endswith(kind) and not ABOUT.fullmatch(name[: -len(kind)]):
                part, split = _place(PurePosixPath(file).with_name(name[: -len(kind)]))
                found.setdefault(part, {}).setdefault(split, []).append(file)
        chosen = {part: splits.get(TRAIN) or splits.get("") or [] for part, splits in found.items()}
        rows = {
            part: {file: files[file] for file in names}
            for part, names in chosen.items()
            if len(names) == 1 or (names and kind == PARQUET)
        }
        if rows:
            return dict(sorted(rows.items(), key=lambda item: (item[0] not in USUAL, item[0])))
    return {}


def _place(path: PurePosixPath) -> tuple[str, str]:
    """(part, split) that a path without its ending names: data/train-00000-of-00001, cs-en/train/0000, en_test."""
    split = ""
    words = []
    for name in (*path.parent.parts, SHARD.sub("", path.name)):
        if said := SPLIT.search(name):
            split = TRAIN if said[1] else said[0].lower()
            name = re.sub(r"[-_.]{2,}", lambda signs: signs[0][0], SPLIT.sub("", name, count=1)).strip("-_.")
        if name and name not in FOLDERS:
            words.append(name)
    return "/".join(words) or USUAL[0], split
