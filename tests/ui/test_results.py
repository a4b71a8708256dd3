"""What the run panel says of a report."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from playground.fields import Answer, Field, Generated, Label, Spans
from playground.i18n import LANGUAGES, translate
from playground.runs import RunSpec, RunStatus, create_run
from playground.services import metrics, report, verdict, watch
from playground.services.finetune import RunView
from playground.settings import settings
from playground.tasks import TASKS
from playground.tasks.spec import Task
from playground.ui import scorecard
from playground.ui.markup import note, reliability, run_head
from playground.ui.run_view import RunPanel  # before gradio: playground.ui prepares its environment
from playground.ui.wrapper import Visitor

import gradio as gr  # isort: skip


def of_labels(labels: list[str], cells: list[list[int]]) -> dict[str, Any]:
    """The part of a report that a confusion matrix is drawn from."""
    return {"labels": labels, "cells": cells, "samples": []}


def test_few_classes_give_a_matrix_with_heat() -> None:
    table = scorecard.heat(of_labels(["a", "b"], [[0, 0, 3], [0, 1, 1], [1, 1, 4]]), "en")["value"]
    assert table["headers"][1:] == ["a", "b"]
    assert table["data"] == [["a", "3", "1"], ["b", "0", "4"]]
    (_, right, wrong), (_, none, most) = table["metadata"]["styling"]
    assert none == ""
    assert right != wrong
    assert most != right, "a class that is always right is stronger than one that is not"


def test_many_classes_give_the_pairs_most_often_confused() -> None:
    labels = [f"class {number}" for number in range(77)]
    cells = [[number, number, 10] for number in range(77) if number != 4] + [[3, 5, 2], [70, 1, 6]]
    table = scorecard.pairs(of_labels(labels, cells), "en")["value"]
    assert table["data"] == [["class 70", "class 1", "6 / 16"], ["class 3", "class 5", "2 / 12"]]


def test_a_click_finds_its_cell_also_where_the_table_was_sorted() -> None:
    report = of_labels(["a", "b"], [[0, 0, 3], [0, 1, 1], [1, 1, 4]])
    assert scorecard.cell_at(report, [0, 2], ["a", "3", "1"], "en") == (0, 1)
    assert scorecard.cell_at(report, [0, 1], ["b", "0", "4"], "en") == (1, 0), "sorted: b stands first"
    assert scorecard.cell_at(report, [0, 0], ["a", "3", "1"], "en") is None, "a label is no cell"
    many = of_labels([f"class {number}" for number in range(77)], [[3, 5, 2], [70, 1, 6]])
    assert scorecard.cell_at(many, [1, 2], None, "en") == (3, 5)
    for index in (None, 7, [9, 9], [-1, 1], ["0", "1"], [0, 99], [0], {}):
        assert scorecard.cell_at(report, index, "not a row", "en") is None


def test_a_cell_opens_its_rows() -> None:
    row = {"inputs": {"text": "Refund!"}, "gold": "a", "tuned": "b", "outcome": "wrong", "cells": [[0, 1]]}
    report = {**of_labels(["a", ""], [[0, 1, 7]]), "samples": [row, {**row, "cells": [[0, 0]]}]}
    note, table = scorecard.opened(report, (0, 1), "en")
    assert table["value"]["data"] == [["Refund!", "a", "b"]]
    said = translate("en", "matrix.opened", gold="a", answer=translate("en", "matrix.nothing"), count="7", shown="1")
    assert html.unescape(note["value"]).count(said) == 1


def test_rows_are_shown_by_outcome_and_filtered_by_words() -> None:
    row = {"inputs": {"text": "Refund!"}, "gold": "a", "rival": "b", "tuned": "a", "outcome": "fixed", "cells": []}
    other = {**row, "inputs": {"text": "Thanks"}}
    report = {"outcomes": {"fixed": 40, "right": 60}, "samples": [row, other], "metrics": {"tuned": {"accuracy": 1.0}}}
    assert scorecard.outcomes(report) == {"fixed": 40, "right": 60}
    kept, table = scorecard.samples(report, "fixed", "", "en")
    assert [line[0] for line in table["value"]["data"]] == ["Refund!", "Thanks"]
    assert table["value"]["headers"][3] == translate("en", "ui.samples.rival")
    assert "2 shown of 40" in kept["value"]
    kept, table = scorecard.samples(report, "fixed", " REFUND", "en")
    assert table["value"]["data"] == [["Refund!", "a", "a", "b"]]
    assert scorecard.samples(report, "<b>", "(", "en")[1]["value"]["data"] == []


def test_likelihoods_are_said_to_be_numbers_of_the_right_text() -> None:
    row = {"inputs": {"text": ""}, "gold": "moo", "before": 12.0, "tuned": 3.25, "outcome": "fixed", "cells": []}
    report = {"samples": [row], "metrics": {"tuned": {"perplexity": 3.0}}}
    kept, table = scorecard.samples(report, "fixed", "", "en")
    assert table["value"]["data"] == [["", "moo", "3.25", "12.00"]]
    assert translate("en", "outcome.numbers", metric=translate("en", "metric.perplexity")) in kept["value"]


def test_questions_without_an_answer_have_a_line_of_their_own() -> None:
    report = {
        "answerable": {"count": 1200, "answer_f1": 0.5, "exact_match": 0.25},
        "unanswerable": {"count": 30, "accuracy": 0.9},
    }
    found = scorecard._types(report, "qa", "en")
    assert found["types_box"]["visible"]
    shown = [row[1:] for row in found["types"]["value"]["data"]]
    assert shown == [["1,200", "50.0 %", "25.0 %"], ["30", "90.0 %", "90.0 %"]]
    only = scorecard._types({"answerable": report["answerable"]}, "qa", "en")
    assert not only["types_box"]["visible"], "says what the scores say"


def test_samples_show_entities_and_answers_as_text() -> None:
    found = [
        {"inputs": {"text": "Anna in Rome"}, "gold": [{"text": "Anna", "label": "PER"}], "tuned": [], "right": False},
        {"inputs": {"question": "Who?", "context": "Anna."}, "gold": [{"text": "Anna"}], "tuned": "", "right": False},
        {"inputs": {"text": "fine"}, "gold": "pos", "tuned": "pos", "right": True},
    ]
    rows = scorecard.table_of(found, "en")["value"]["data"]
    assert rows == [["Anna in Rome", "Anna (PER)", "–"], ["Who?\n\nAnna.", "Anna", "–"], ["fine", "pos", "pos"]]


def test_a_report_of_an_earlier_version_is_shown() -> None:
    report = {
        "metrics": {"majority": {"accuracy": 0.5}, "tuned": {"accuracy": 0.9}},
        "intervals": {"majority": {"accuracy": [0.4, 0.6]}, "tuned": {"accuracy": [0.85, 0.94]}},
        "interval_method": "Wilson score interval, 95 %",
        "labels": ["a", "b"],
        "confusion": [[9, 1], [1, 9]],
        "per_type": {"a": {"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 10}},
        "rows": {"train": 80, "held_out": 20},
    }
    view = RunView("id", RunSpec(task="classification", data="x.csv"), RunStatus(state="done"), True, "run/id")
    shown = scorecard.contents(view, report, "en")
    assert list(shown) == list(scorecard.PARTS)
    assert shown["matrix"]["value"]["data"] == [["a", "9", "1"], ["b", "1", "9"]]
    assert not any(shown[box]["visible"] for box in ("rows", "calibration_box"))
    assert shown["types"]["value"]["data"][0][0] == "a"
    kept = [{"inputs": {"text": "x"}, "gold": "a", "tuned": "b", "right": False}]
    assert scorecard.outcomes({**report, "samples": kept}) == {"wrong": 1}
    assert scorecard.samples({**report, "samples": kept}, "wrong", "", "en")[1]["value"]["data"] == [["x", "a", "b"]]


def test_of_surprise_less_is_better_and_no_percentage() -> None:
    report = {
        "metrics": {"tuned": {"perplexity": 20.0}},
        "intervals": {"tuned": {"perplexity": [18.0, 22.5]}},
        "lower_is_better": ["perplexity"],
    }
    assert scorecard.scored("x", report, "tuned", ["perplexity"], "en") == ["x", "20.00 (18.00 – 22.50)"]


GOLD: dict[type[Field], tuple[Any, Any]] = {
    Label: ("a", "b"),
    Spans: ([{"start": 0, "end": 4, "label": "PER"}], [{"start": 0, "end": 4, "label": "LOC"}]),
    Answer: ("Anna", "Rome"),
    Generated: ("Anna came.", "Anna went."),
}
"""By the class of an output: a right value and a wrong one, as they are compared."""


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_task_has_a_scorecard(task: Task, lang: str) -> None:
    right, wrong = GOLD[type(task.output)]
    gold = [{"text": "Anna", "start": 0}] if isinstance(task.output, Answer) else right
    rows = [{**{field.name: "Anna in Rome" for field in task.inputs}, task.output.name: gold} for _ in range(20)]
    if metrics.by_likelihood(task.metrics):
        right, wrong = ({"nats": nats, "tokens": 4, "characters": 10} for nats in (2.0, 9.0))
    answers = {**dict.fromkeys(task.baselines, [wrong] * 20), "before": [wrong] * 20, "tuned": [right] * 19 + [wrong]}
    made = report.build(task, ["a", "b"], answers, rows=rows)
    made = json.loads(json.dumps({**made, "rows": {"train": 80, "held_out": 20}}))
    assert [one["outcome"] for one in made["comparisons"]] == ["better", "better"]
    assert made["outcomes"]["fixed"] == 19
    view = RunView("id", RunSpec(task=task.id, data="x.csv"), RunStatus(state="done"), True, "run/id")
    shown = scorecard.contents(view, made, lang)
    assert list(shown) == list(scorecard.PARTS)
    assert html.escape(verdict.verdict(made, lang)) in shown["verdict"]["value"]
    assert len(shown["samples"]["value"]["data"]) == 19
    assert shown["types_box"]["visible"] == ("per_type" in made)
    assert shown["matrix_box"]["visible"] == ("cells" in made)


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_durations(seconds: float, said: str) -> None:
    assert scorecard.duration(seconds, "en") == said


def test_markup_escapes_what_it_is_given() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    chart = reliability((hostile, hostile, hostile), [(hostile, 0.5, 0.5, hostile)], "en")
    for made in (note(hostile), run_head(hostile, [hostile], done=0.5, why=hostile), chart):
        assert "<img" not in made
        assert "&lt;img" in made


def test_a_tick_draws_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "LOOK_SECONDS", 1e9)
    settings.cache_clear()
    run = create_run(settings().runs_dir, RunSpec(task="classification", data="films.csv"))
    run.write_status(RunStatus(state="stopped", step=3, max_steps=9))
    with gr.Blocks(analytics_enabled=False):
        panel = RunPanel("en", gr.Tabs(), {})
    visitor = Visitor("local", "en", {})
    first = panel.on_tick(visitor, run.id, {})
    assert any("films.csv" in str(part) for part in first)
    again = panel.on_tick(visitor, run.id, first[1])
    assert len(again) == len(first) and all(part == gr.skip() for part in again)
    run.write_status(RunStatus(state="stopped", step=4, max_steps=9))
    drawn = [part for part in panel.on_tick(visitor, run.id, first[1])[2:] if part != gr.skip()]
    assert any("films.csv" in str(part) for part in drawn) and len(drawn) < 4
    settings.cache_clear()
