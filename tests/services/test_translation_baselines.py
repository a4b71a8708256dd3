"""Copying the text, and the translation of the most similar sentence known."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from playground.fields import Row
from playground.services.baselines import copy_source, nearest, translations


def pair(text: str, translation: str = "", **languages: str) -> Row:
    return {"text": text, "translation": translation, **languages}


def test_the_source_is_copied() -> None:
    assert copy_source([pair("Tom", "汤姆"), pair("你好", "hello")]) == ["Tom", "你好"]


def test_the_most_similar_sentence_gives_its_translation() -> None:
    train = [
        pair("I like tea.", "我喜欢茶。"),
        pair("Where is the station?", "车站在哪里？"),
        pair("我要茶。", "Tea, please."),
    ]
    asked = [pair("Where are the stations?"), pair("She likes tea!"), pair("我要喝茶"), pair("Where is the station?")]
    assert nearest(train, asked) == ["车站在哪里？", "我喜欢茶。", "Tea, please.", "车站在哪里？"]


def test_only_the_same_direction_counts() -> None:
    train = [
        pair("good", "好", source="en", target="zh"),
        pair("good", "gut", source="en", target="de"),
        pair("bad", "schlecht", source="en", target="de"),
    ]
    asked = [pair("good", source="en", target=target) for target in ("de", "zh", "fr")]
    assert nearest(train, asked) == ["gut", "好", ""]


def test_nothing_to_go_by() -> None:
    assert nearest([], [pair("a")]) == [""]
    assert nearest([pair("a", "b")], []) == []
    assert nearest([pair("xyz", "first"), pair("uvw", "second")], [pair("…")]) == ["first"]


def test_blocks_give_what_one_matrix_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(0)
    words = [f"{a}{b}" for a in ("ba", "ko", "li", "te", "mu") for b in ("na", "ro", "si", "fe")]
    texts = [" ".join(dice.choices(words, k=6)) for _ in range(300)]
    train, asked = [pair(text, str(n)) for n, text in enumerate(texts[:250])], [pair(text) for text in texts[250:]]
    whole = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(texts[:250])
    similar = (whole.transform(texts[250:]) @ whole.transform(texts[:250]).T).toarray()
    monkeypatch.setattr(translations, "HELD_OUT_BLOCK", 7)
    for rows, common in ((250, 0.2), (60, 1.0)):  # in one block nothing is common; in several all is kept
        monkeypatch.setattr(translations, "TRAIN_BLOCK", rows)
        monkeypatch.setattr(translations, "COMMON", common)
        found = list(map(int, nearest(train, asked)))
        chosen = similar[np.arange(50), found]
        assert np.allclose(chosen, similar.max(axis=1), atol=1e-6)


def test_ten_thousand_sentences_take_seconds() -> None:
    dice = random.Random(1)
    letters = "abcdefghijklmnop      "
    texts = ["".join(dice.choices(letters, k=40)) for _ in range(10_300)]
    started = time.perf_counter()
    found = nearest([pair(text, text) for text in texts[:10_000]], [pair(text[:30]) for text in texts[:300]])
    assert sum(a == b for a, b in zip(found, texts[:300], strict=True)) > 290
    assert time.perf_counter() - started < 20
