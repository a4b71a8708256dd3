"""What a card says, and that it says what comes from the data as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground.i18n import LANGUAGES
from playground.runs import RunSpec
from playground.services import cards, metrics, predict, verdict
from playground.tasks.classification import TASK as CLASSIFICATION
from playground.tasks.ner import TASK as NER
from playground.tasks.qa import TASK as QA
from playground.tasks.spec import Task

HOSTILE = "<img src=x onerror=alert(1)> | [x](javascript:alert(1)) **b**"


def made(task: Task, **parts: Any) -> dict[str, Any]:
    """A report of made-up scores."""
    scores = {name: 0.75 - number / 10 for number, name in enumerate(task.metrics)}
    who = [*task.baselines, "tuned"]
    return {
        "metrics": dict.fromkeys(who, scores),
        "intervals": {name: {metric: [0.5, 0.9] for metric in scores} for name in who},
        "interval_methods": metrics.interval_methods(task.metrics),
        "rows": {"train": 10, "held_out": 4},
        **parts,
    }


def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    labels = ["a", "b", HOSTILE, "c"]
    spec = RunSpec(task="classification", data=HOSTILE, base="owner/base", labels=labels)
    cards.write_cards(tmp_path, spec, made(CLASSIFICATION))
    for name in ("README.md", "README.zh.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "<img" not in text
        assert "[x](" not in text
        assert "**b**" not in text
        assert text.count("onerror") == 2, "shown, not dropped"
        assert text.count("0.750") == 3
    assert "pipeline_tag: text-classification\n" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_many_labels_are_counted() -> None:
    labels = [f"label {i}" for i in range(250)]
    spec = RunSpec(task="classification", data="x.csv", base="owner/base", labels=labels)
    assert "150 more" in cards.card(spec, made(CLASSIFICATION), "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_entities_have_a_table_by_type_with_the_frequent_ones_first(lang: str) -> None:
    scores = {"precision": 0.125, "recall": 0.25, "f1": 0.5}
    kinds = [{"label": "rare", **scores, "support": 3}, {"label": f"big {HOSTILE}", **scores, "support": 40}]
    found = made(NER, per_type=kinds)
    spec = RunSpec(task="ner", data="x.csv", base="owner/base", labels=["big", "rare"])
    text = cards.card(spec, found, lang)
    few = verdict.support(3, lang)
    assert text.index("| big ") < text.index(f"| rare | 0.125 | 0.250 | 0.500 | {few} |")
    assert "<img" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_card_says_how_it_compares_and_whether_it_is_as_right_as_it_is_sure(lang: str) -> None:
    compared = {
        "rival": "linear_probe", "metric": "accuracy", "tuned": 0.75, "other": 0.6, "difference": 0.15,
        "interval": [0.1, 0.2], "p": 0.01, "test": "mcnemar", "outcome": "better", "rows_better": 9, "rows_worse": 1,
    }  # fmt: skip
    sure = metrics.calibration([0.9] * 200, [True] * 200)
    types = [{"label": HOSTILE, "precision": 0.125, "recall": 0.25, "f1": 0.5, "support": 40}]
    found = made(CLASSIFICATION, comparisons=[compared], calibration=sure, per_type=types)
    text = cards.card(RunSpec(task="classification", data="x.csv", base="owner/base"), found, lang)
    assert verdict.verdict(found, lang) in text
    assert verdict.calibration(sure, lang) in text
    assert "| 0.125 | 0.250 | 0.500 | 40 |" in text
    assert "<img" not in text and "[x](" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_questions_with_and_without_an_answer_are_told_apart(lang: str) -> None:
    told = {"count": 12, "exact_match": 0.111, "answer_f1": 0.222}
    spec = RunSpec(task="qa", data="x.csv", base="owner/base")
    both = cards.card(spec, made(QA, answerable=told, unanswerable={"count": 34, "accuracy": 0.333}), lang)
    assert all(number in both for number in ("12", "0.111", "0.222", "34", "0.333"))
    only = cards.card(spec, made(QA, answerable=told), lang)
    assert "0.222" not in only, "the table of scores says it"
    assert cards.translate(lang, "card.labels", labels="") not in only, "there are none"


@pytest.mark.parametrize("task", [CLASSIFICATION, NER, QA], ids=lambda task: task.id)
def test_every_way_of_an_interval_is_named(task: Task) -> None:
    text = cards.card(RunSpec(task=task.id, data="x.csv", base="owner/base"), made(task), "en")
    ways = set(metrics.interval_methods(task.metrics).values())
    assert ("Wilson" in text) == ("wilson" in ways)
    assert ("bootstrap" in text) == ("bootstrap" in ways)
    assert type(task.output) in cards.PIPELINE_TAGS


def test_the_card_of_a_model_of_the_catalog_says_what_is_not_known() -> None:
    known = predict.card("uer/gpt2-distil-chinese-cluecorpussmall", "en")
    assert "Not verified" in known and "Licence: not known here" in known and "a37ea26ae38a" in known
    assert "未经核对" in predict.card("Qwen/Qwen3-0.6B", "zh")
    assert predict.card("someone/else", "en") == ""
