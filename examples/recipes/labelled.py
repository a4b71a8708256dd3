"""The texts of the starters that tell emotions and topics apart."""

from __future__ import annotations

import csv
import json
import random
import re
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


def topics(data: Path, language: str) -> Iterator[Row]:
    """SIB-200 in a language, the test set held out."""
    for part in ("train", "dev", "test"):
        for _, topic, text in list(cells(data / "train/sib200" / language / f"{part}.tsv"))[1:]:
            yield {"text": text, "label": topic, "split": "held_out" if part == "test" else "train"}


def topic_zh(data: Path) -> Iterator[Row]:
    """topic-zh: the same in Chinese, and sentences of Wikipedia whose topic a naive Bayes says that learned from these.

    800 sentences hold few of the words that a network from nothing will meet; a teacher of words and pairs of
    characters carries what it knows over to the words that stand beside them.
    """
    known = list(topics(data, "zho_Hans"))
    yield from known
    learned = [row for row in known if row["split"] == "train"]
    texts = wikipedia_zh(data) - {row["text"] for row in known}
    for text, label in zip(sorted(texts), taught(learned, sorted(texts)), strict=True):
        yield {"text": text, "label": label, "split": "train"}


def wikipedia_zh(data: Path) -> set[str]:
    """Sentences of passages (CMRC 2018) and of a treebank (GSD Simplified), both CC BY-SA 4.0."""
    treebank = (data / "train/ner_zh/zh_gsdsimp-ud-train.iob2").read_text(encoding="utf-8")
    texts = re.findall(r"^# text = (.+)$", treebank, re.MULTILINE)
    for name in ("dev", "trial"):
        passages = json.loads((data / f"train/qa_zh/cmrc2018_{name}.json").read_text(encoding="utf-8"))
        texts += [one["context"] for article in passages["data"] for one in article["paragraphs"]]
    sentences = (part.strip() for text in texts for part in re.findall(r"[^。！？\n]+[。！？]?", text))
    return {sentence for sentence in sentences if 15 <= len(sentence) <= 120}


def taught(known: list[Row], texts: list[str]) -> list[str]:
    """The labels of texts, by a complement naive Bayes (Rennie et al. 2003) of the known rows."""
    from jieba import lcut
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import ComplementNB
    from sklearn.pipeline import make_pipeline, make_union

    read = make_union(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer=lambda text: lcut(text, cut_all=True), sublinear_tf=True),
    )
    teacher = make_pipeline(read, ComplementNB(alpha=0.3))
    teacher.fit([row["text"] for row in known], [row["label"] for row in known])
    return [str(label) for label in teacher.predict(texts)]
