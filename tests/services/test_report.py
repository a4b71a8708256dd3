"""What a report holds, for each class of output."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from playground.fields import Row
from playground.services import report
from playground.services.confusion import MOST_CELLS, NOTHING
from playground.services.samples import CHARS, MOST, OUTCOMES, shown
from playground.tasks.classification import TASK as CLASSIFICATION
from playground.tasks.generation import TASK as GENERATION
from playground.tasks.ner import TASK as NER
from playground.tasks.qa import TASK as QA
from playground.tasks.spec import Task
from playground.tasks.translation import TASK as TRANSLATION


def build(task: Task, rows: list[Row], tuned: list[Any], labels: list[str], **others: list[Any]) -> dict[str, Any]:
    """A report as it is read back from its file."""
    return json.loads(json.dumps(report.build(task, labels, {**others, "tuned": tuned}, rows=rows)))


def entity(start: int, end: int, label: str = "PER") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def question(context: str, *answers: str) -> Row:
    return {
        "question": "Who?",
        "context": context,
        "answer": [{"text": text, "start": context.index(text)} for text in answers],
    }


def keys(value: Any) -> Iterator[str]:
    """Every key of every object of a value."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(part)


def test_no_label_is_a_key() -> None:
    """The endpoints hand the report on: whose keys a program knows, whatever a dataset brings."""
    labels = ["<b>", "metrics "]
    rows = [{"text": f"row {number}", "label": labels[number % 2]} for number in range(4)]
    found = build(CLASSIFICATION, rows, labels * 2, labels, majority=labels[:1] * 4)
    spans = [{"text": "Anna in Rome", "entities": [entity(0, 4), entity(8, 12, "<b>")]}]
    for made in (found, build(NER, spans, [[entity(0, 4)]], ["PER", "<b>"], dictionary=[[]])):
        assert {row["label"] for row in made["per_type"]} & set(labels)
        assert set(keys(made)) & {*labels, "PER"} == set()


def test_labels_have_a_confusion_matrix_and_scores_of_each() -> None:
    rows = [{"text": f"row {number}", "label": label} for number, label in enumerate("aabc")]
    found = build(CLASSIFICATION, rows, ["a", "b", "b", "c"], ["a", "b", "c", "d"], majority=["a"] * 4)
    assert found["labels"] == ["a", "b", "c", "d"]
    assert sorted(found["cells"]) == [[0, 0, 1], [0, 1, 1], [1, 1, 1], [2, 2, 1]]
    scores = {row.pop("label"): row for row in found["per_type"]}
    assert scores["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert scores["d"]["support"] == 0
    assert found["metrics"]["tuned"]["accuracy"] == 0.75
    assert found["metrics"]["majority"]["accuracy"] == 0.5
    low, high = found["intervals"]["tuned"]["accuracy"]
    assert low < 0.75 < high
    assert found["interval_methods"] == {"accuracy": "wilson", "macro_f1": "bootstrap"}
    taken = [row["inputs"]["text"] for row in found["samples"] if [0, 1] in row["cells"]]
    assert taken == ["row 1"], "a cell opens its rows"


def test_entities_have_scores_by_type() -> None:
    rows = [{"text": "Anna in Rome", "entities": [entity(0, 4), entity(8, 12, "LOC")]}, {"text": "-", "entities": []}]
    found = build(NER, rows, [[entity(0, 4)], []], ["LOC", "PER"], dictionary=[[], []])
    scores = {row.pop("label"): row for row in found["per_type"]}
    assert scores["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert scores["LOC"]["recall"] == 0.0
    assert found["metrics"]["tuned"]["entity_f1"] == pytest.approx(2 / 3)
    assert found["labels"] == ["LOC", "PER", NOTHING]
    assert sorted(found["cells"]) == [[0, 2, 1], [1, 1, 1]], "a person found, a place that was not"


def test_questions_are_told_apart_by_whether_their_context_answers_them() -> None:
    rows = [question("Anna came.", "Anna"), question("Bert Brown came.", "Bert Brown"), question("x"), question("y")]
    found = build(QA, rows, ["Anna", "Bert", "x", ""], [])
    assert found["answerable"] == {"count": 2, "exact_match": 0.5, "answer_f1": pytest.approx((1 + 2 / 3) / 2)}
    assert found["unanswerable"] == {"count": 2, "accuracy": 0.5}
    only = build(QA, rows[:1], ["Anna"], [])
    assert only["answerable"]["count"] == 1
    assert "unanswerable" not in only


def test_rows_are_fixed_or_broken_beside_the_strongest_baseline() -> None:
    rows = [{"text": f"row {number}", "label": "a"} for number in range(6)]
    weak, strong = ["b"] * 6, ["a", "a", "b", "b", "b", "b"]
    found = build(CLASSIFICATION, rows, ["a", "b", "a", "a", "b", "b"], ["a", "b"], majority=weak, linear_probe=strong)
    (comparison,) = found["comparisons"]
    assert comparison["rival"] == "linear_probe"
    assert (comparison["rows_better"], comparison["rows_worse"]) == (2, 1)
    assert found["outcomes"] == {"right": 1, "broken": 1, "fixed": 2, "wrong": 2}
    by_outcome = [(row["outcome"], row["inputs"]["text"], row["rival"], row["tuned"]) for row in found["samples"]]
    assert by_outcome == [
        ("fixed", "row 2", "b", "a"), ("fixed", "row 3", "b", "a"), ("broken", "row 1", "a", "b"),
        ("wrong", "row 4", "b", "b"), ("wrong", "row 5", "b", "b"), ("right", "row 0", "a", "a"),
    ]  # fmt: skip


def test_the_base_is_compared_with_besides() -> None:
    rows = [{"text": f"text {number}", "translation": f"der Text {number}"} for number in range(8)]
    gold = [row["translation"] for row in rows]
    found = build(TRANSLATION, rows, gold, [], copy_source=[row["text"] for row in rows], before=["nichts"] * 8)
    assert [one["rival"] for one in found["comparisons"]] == ["copy_source", "before"], "the stronger one first"
    assert all(one["outcome"] == "better" and one["test"] == "randomization" for one in found["comparisons"])
    assert found["samples"][0].keys() >= {"gold", "tuned", "rival", "before"}
    assert {row["outcome"] for row in found["samples"]} == {"fixed"}


def test_an_entity_too_many_makes_a_row_worse_than_none() -> None:
    rows = [{"text": "It rained.", "entities": []}, {"text": "Anna", "entities": [entity(0, 4)]}]
    found = build(NER, rows, [[entity(0, 2)], [entity(0, 4)]], ["PER"], dictionary=[[], []])
    assert [row["outcome"] for row in found["samples"]] == ["fixed", "broken"]


def test_what_a_model_is_itself_is_no_rival() -> None:
    rows = [{"text": "x", "label": label} for label in "ab"]
    answers = {"majority": ["a", "a"], "linear_probe": ["a", "b"], "tuned": ["a", "b"]}
    found = report.build(CLASSIFICATION, ["a", "b"], answers, rows=rows, itself="linear_probe")
    assert [one["rival"] for one in found["comparisons"]] == ["majority"]


def test_likelihoods_are_compared_row_by_row_and_shown_as_numbers() -> None:
    rows = [{"text": "", "messages": [], "completion": "moo"}] * 4
    likely, unlikely = ({"nats": nats, "tokens": 2, "characters": 3} for nats in (1.0, 4.0))
    found = build(GENERATION, rows, [likely] * 3 + [unlikely], [], unigram=[unlikely] * 3 + [likely])
    assert found["outcomes"] == {"fixed": 3, "broken": 1}
    assert found["samples"][0]["tuned"] == pytest.approx(math.exp(0.5))
    assert found["comparisons"][0]["difference"] < 0
    assert "cells" not in found and "calibration" not in found


def test_how_sure_a_model_is_is_held_against_how_often_it_is_right() -> None:
    rows = [{"text": "Anna in Rome", "entities": [entity(0, 4), entity(8, 12, "LOC")]}] * 100
    tuned = [[entity(0, 4), entity(8, 12)]] * 100
    found = report.build(NER, ["LOC", "PER"], {"tuned": tuned}, rows=rows, scores=[[0.95, 0.75]] * 100)["calibration"]
    assert (found["count"], found["few"]) == (200, False)
    assert [(one["from"], one["count"], one["right"]) for one in found["bins"]] == [(0.7, 100, 0.0), (0.9, 100, 1.0)]
    assert found["error"] == pytest.approx((0.05 + 0.75) / 2)


def test_a_report_is_bounded_and_has_some_rows_of_each_outcome_and_cell() -> None:
    labels = [f"label {number}" for number in range(60)]
    rows = [{"text": "long " * 1000, "label": labels[number % 60]} for number in range(3000)]
    tuned = [labels[(number + (number % 7 == 0)) % 60] for number in range(3000)]
    found = build(CLASSIFICATION, rows, tuned, labels, majority=[labels[0]] * 3000)
    assert len(found["samples"]) == MOST
    assert len(found["cells"]) <= MOST_CELLS
    assert len(json.dumps(found)) < 200_000
    kept = {tuple(cell) for row in found["samples"] for cell in row["cells"]}
    assert {(gold, answer) for gold, answer, _ in found["cells"] if gold != answer} <= kept
    order = [OUTCOMES.index(row["outcome"]) for row in found["samples"]]
    assert order == sorted(order)
    assert found == build(CLASSIFICATION, rows, tuned, labels, majority=[labels[0]] * 3000)


def test_a_long_context_is_cut_around_its_answer() -> None:
    context = "It rained. " * 200 + "Anna Brown came." + " It rained again." * 200
    sample = shown(QA, question(context, "Anna Brown", "Anna", "Anna Brown"), {"tuned": "anna brown!"})
    assert "Anna Brown came" in sample["inputs"]["context"]
    assert len(sample["inputs"]["context"]) == CHARS + 2
    assert sample["inputs"]["context"][0] == sample["inputs"]["context"][-1] == "…"
    assert sample["gold"] == [{"text": "Anna Brown"}, {"text": "Anna"}]


def test_a_long_text_is_cut_around_the_first_wrong_entity() -> None:
    text = "Anna " * 300
    right = [entity(start, start + 4) for start in range(0, 1500, 5)]
    tuned = [*right[:200], entity(1000, 1004, "LOC"), *right[201:]]
    sample = shown(NER, {"text": text, "entities": right}, {"tuned": tuned})
    assert len(sample["inputs"]["text"]) == CHARS + 2
    assert {"text": "Anna", "label": "LOC"} in sample["tuned"]
    assert len(sample["gold"]) == len(sample["tuned"]) == pytest.approx(CHARS / 5, abs=1), "those that are in sight"
