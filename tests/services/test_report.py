"""What a report holds, for each class of output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from playground.fields import Row
from playground.services import report
from playground.services.samples import CHARS, COUNT, samples
from playground.tasks.classification import TASK as CLASSIFICATION
from playground.tasks.ner import TASK as NER
from playground.tasks.qa import TASK as QA
from playground.tasks.spec import Task


def build(task: Task, rows: list[Row], tuned: list[Any], labels: list[str], **others: list[Any]) -> dict[str, Any]:
    """A report as it is read back from its file."""
    gold = [row[task.output.name] for row in rows]
    return json.loads(json.dumps(report.build(task, labels, gold, {**others, "tuned": tuned}, rows=rows)))


def entity(start: int, end: int, label: str = "PER") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def question(context: str, *answers: str) -> Row:
    return {
        "question": "Who?",
        "context": context,
        "answer": [{"text": text, "start": context.index(text)} for text in answers],
    }


def test_labels_have_a_confusion_matrix_of_gold_rows_and_predicted_columns() -> None:
    rows = [{"text": f"row {number}", "label": label} for number, label in enumerate("aabc")]
    found = build(CLASSIFICATION, rows, ["a", "b", "b", "c"], ["a", "b", "c"], majority=["a"] * 4)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found["metrics"]["tuned"]["accuracy"] == 0.75
    assert found["metrics"]["majority"]["accuracy"] == 0.5
    low, high = found["intervals"]["tuned"]["accuracy"]
    assert low < 0.75 < high
    assert found["interval_methods"] == {"accuracy": "wilson", "macro_f1": "bootstrap"}
    assert "per_type" not in found


def test_entities_have_scores_by_type() -> None:
    rows = [{"text": "Anna in Rome", "entities": [entity(0, 4), entity(8, 12, "LOC")]}, {"text": "-", "entities": []}]
    found = build(NER, rows, [[entity(0, 4)], []], ["LOC", "PER"], dictionary=[[], []])
    assert found["per_type"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert found["per_type"]["LOC"]["recall"] == 0.0
    assert found["metrics"]["tuned"]["entity_f1"] == pytest.approx(2 / 3)
    assert "confusion" not in found


def test_questions_are_told_apart_by_whether_their_context_answers_them() -> None:
    rows = [question("Anna came.", "Anna"), question("Bert Brown came.", "Bert Brown"), question("x"), question("y")]
    found = build(QA, rows, ["Anna", "Bert", "x", ""], [])
    assert found["answerable"] == {"count": 2, "exact_match": 0.5, "answer_f1": pytest.approx((1 + 2 / 3) / 2)}
    assert found["unanswerable"] == {"count": 2, "accuracy": 0.5}
    only = build(QA, rows[:1], ["Anna"], [])
    assert only["answerable"]["count"] == 1
    assert "unanswerable" not in only


@pytest.mark.parametrize(("wrong", "shown"), [(30, 5), (3, 3), (0, 0), (47, 7), (50, 10)])
def test_half_of_the_samples_are_wrong_where_there_are_as_many(wrong: int, shown: int) -> None:
    rows = [{"text": f"row {number}", "label": "a"} for number in range(50)]
    tuned = ["b" if number < wrong else "a" for number in range(50)]
    found = samples(CLASSIFICATION, rows, tuned)
    assert [sample["right"] for sample in found] == [False] * shown + [True] * (COUNT - shown)
    assert all(sample["right"] == (sample["gold"] == sample["tuned"]) for sample in found)
    assert len({sample["inputs"]["text"] for sample in found}) == COUNT
    assert found == samples(CLASSIFICATION, rows, tuned)


def test_few_rows_are_all_shown() -> None:
    assert len(samples(CLASSIFICATION, [{"text": "x", "label": "a"}] * 3, ["a", "b", "a"])) == 3


def test_a_long_context_is_cut_around_its_answer() -> None:
    context = "It rained. " * 200 + "Anna Brown came." + " It rained again." * 200
    (sample,) = samples(QA, [question(context, "Anna Brown", "Anna", "Anna Brown")], ["anna brown!"])
    assert "Anna Brown came" in sample["inputs"]["context"]
    assert len(sample["inputs"]["context"]) == CHARS + 2
    assert sample["inputs"]["context"][0] == sample["inputs"]["context"][-1] == "…"
    assert sample["gold"] == [{"text": "Anna Brown"}, {"text": "Anna"}]
    assert sample["right"], "compared as the metric compares"


def test_a_long_text_is_cut_around_the_first_wrong_entity() -> None:
    text = "Anna " * 300
    right = [entity(start, start + 4) for start in range(0, 1500, 5)]
    tuned = [*right[:200], entity(1000, 1004, "LOC"), *right[201:]]
    (sample,) = samples(NER, [{"text": text, "entities": right}], [tuned])
    assert not sample["right"]
    assert len(sample["inputs"]["text"]) == CHARS + 2
    assert {"text": "Anna", "label": "LOC"} in sample["tuned"]
    assert len(sample["gold"]) == len(sample["tuned"]) == pytest.approx(CHARS / 5, abs=1), "those that are in sight"
