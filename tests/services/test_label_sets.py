"""Scores of several labels a row, beside scikit-learn's; and the labels that are guessed whatever the text says."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support  # type: ignore[import-untyped]
from sklearn.preprocessing import MultiLabelBinarizer  # type: ignore[import-untyped]

from playground.services import metrics
from playground.services.baselines import frequent_labels
from playground.services.report import build
from playground.tasks import get_task

NAMES = ["a", "b", "c", "d"]
TASK = get_task("multi_label")


def made(seed: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [sorted(rng.sample(NAMES, rng.randrange(4))) for _ in range(200)]


GOLD, FOUND = made(1), made(2)


def matrices() -> tuple[Any, Any]:
    binarizer = MultiLabelBinarizer(classes=NAMES).fit(GOLD)
    return binarizer.transform(GOLD), binarizer.transform(FOUND)


def test_scores_are_those_of_scikit_learn() -> None:
    gold, found = matrices()
    scores = metrics.score(TASK.metrics, GOLD, FOUND)
    assert scores["micro_f1"] == pytest.approx(f1_score(gold, found, average="micro"))
    assert scores["labels_macro_f1"] == pytest.approx(f1_score(gold, found, average="macro"))
    assert scores["exact_set"] == pytest.approx((gold == found).all(1).mean())
    columns = np.array(precision_recall_fscore_support(gold, found))
    told = metrics.per_label(NAMES, GOLD, FOUND)
    assert np.allclose(columns.T, [list(told[name].values()) for name in NAMES])


def test_nothing_there_and_nothing_found_is_right() -> None:
    assert metrics.score(TASK.metrics, [[], []], [[], []]) == dict.fromkeys(TASK.metrics, 1.0)
    assert metrics.score(TASK.metrics, [[]], [["a"]]) == dict.fromkeys(TASK.metrics, 0.0)


def test_the_frequent_labels_are_as_many_as_score_best() -> None:
    train = [["a", "b"]] * 6 + [["a", "b", "c"]] * 2 + [["d"]]
    assert frequent_labels(train, 3) == [["a", "b"]] * 3


def test_the_scorecard_counts_labels_that_are_missing_and_too_many() -> None:
    rows = [{"text": str(number), "labels": gold} for number, gold in enumerate([["a", "b"], ["a"], []])]
    answers = {"tuned": [["a"], ["a"], ["b"]], "frequent_labels": [["a"]] * 3}
    card = build(TASK, ["a", "b"], answers, rows=rows, scores=[[0.9], [0.8], [0.6]])
    assert card["labels"] == ["a", "b", ""]
    assert sorted(card["cells"]) == [[0, 0, 2], [1, 2, 1], [2, 1, 1]]
    assert card["per_type"][0] == {"label": "a", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert card["calibration"]["count"] == 3
    by_text = {sample["inputs"]["text"]: sample for sample in card["samples"]}
    assert by_text["0"]["gold"] == [{"text": "a"}, {"text": "b"}] and by_text["0"]["tuned"] == [{"text": "a"}]
