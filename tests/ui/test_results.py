"""What the run panel says of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.i18n import translate
from playground.runs import RunSpec, RunStatus, create_run
from playground.services import watch
from playground.services.finetune import RunView
from playground.settings import settings
from playground.ui import results
from playground.ui.markup import note, run_head
from playground.ui.run_view import RunPanel  # before gradio: playground.ui prepares its environment
from playground.ui.wrapper import Visitor

import gradio as gr  # isort: skip


def test_few_classes_give_a_matrix_with_heat() -> None:
    table = results.confusion(["a", "b"], [[3, 1], [0, 4]], "en")["value"]
    assert table["headers"][1:] == ["a", "b"]
    assert table["data"] == [["a", "3", "1"], ["b", "0", "4"]]
    (_, right, wrong), (_, none, most) = table["metadata"]["styling"]
    assert none == ""
    assert right != wrong
    assert most != right, "a class that is always right is stronger than one that is not"


def test_many_classes_give_the_pairs_most_often_confused() -> None:
    labels = [f"class {number}" for number in range(77)]
    counts = [[10 if i == j else 0 for j in range(77)] for i in range(77)]
    counts[3][5], counts[70][1], counts[4][4] = 2, 6, 0
    table = results.confusion(labels, counts, "en")["value"]
    assert table["data"] == [["class 70", "class 1", "6 / 16"], ["class 3", "class 5", "2 / 12"]]


def test_questions_without_an_answer_have_a_line_of_their_own() -> None:
    report = {
        "answerable": {"count": 1200, "answer_f1": 0.5, "exact_match": 0.25},
        "unanswerable": {"count": 30, "accuracy": 0.9},
    }
    table = results._breakdown(report, "en")
    assert table["visible"]
    shown = [row[1:] for row in table["value"]["data"]]
    assert shown == [["1,200", "50.0 %", "25.0 %"], ["30", "90.0 %", "90.0 %"]]
    assert not results._breakdown({"answerable": report["answerable"]}, "en")["visible"], "says what the scores say"


def test_samples_show_entities_and_answers_as_text() -> None:
    found = [
        {"inputs": {"text": "Anna in Rome"}, "gold": [{"text": "Anna", "label": "PER"}], "tuned": [], "right": False},
        {"inputs": {"question": "Who?", "context": "Anna."}, "gold": [{"text": "Anna"}], "tuned": "", "right": False},
        {"inputs": {"text": "fine"}, "gold": "pos", "tuned": "pos", "right": True},
    ]
    rows = results.samples(found, "en")["value"]["data"]
    assert rows == [["Anna in Rome", "Anna (PER)", "–"], ["Who?\n\nAnna.", "Anna", "–"], ["fine", "pos", "pos"]]


def test_a_report_of_an_earlier_version_is_shown() -> None:
    report = {
        "metrics": {"majority": {"accuracy": 0.5}, "tuned": {"accuracy": 0.9}},
        "intervals": {"majority": {"accuracy": [0.4, 0.6]}, "tuned": {"accuracy": [0.85, 0.94]}},
        "interval_method": "Wilson score interval, 95 %",
        "labels": ["a", "b"],
        "confusion": [[9, 1], [1, 9]],
        "rows": {"train": 80, "held_out": 20},
    }
    view = RunView("id", RunSpec(task="classification", data="x.csv"), RunStatus(state="done"), True, "run/id")
    shown = results._report(view, report, "en")
    assert shown["breakdown"]["value"]["data"] == [["a", "9", "1"], ["b", "1", "9"]]
    assert shown["samples"] == {"visible": False}


@pytest.mark.parametrize(("probe", "outcome"), [(0.80, "better"), (0.88, "same"), (0.99, "worse")])
def test_the_verdict_is_better_only_beyond_the_interval(probe: float, outcome: str) -> None:
    report = {
        "metrics": {"majority": {"accuracy": 0.5}, "linear_probe": {"accuracy": probe}, "tuned": {"accuracy": 0.9}},
        "intervals": {"tuned": {"accuracy": [0.85, 0.94]}},
    }
    said = results._verdict(report, "lora", "en")
    values = {"tuned": "90.0 %", "other": f"{100 * probe:.1f} %", "low": "85.0 %", "high": "94.0 %"}
    words = {"metric": translate("en", "metric.accuracy"), "rival": translate("en", "rival.linear_probe")}
    assert said.lower() == translate("en", f"ui.verdict.{outcome}", **values, **words).lower()


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_durations(seconds: float, said: str) -> None:
    assert results.duration(seconds, "en") == said


def test_markup_escapes_what_it_is_given() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    for made in (note(hostile), run_head(hostile, [hostile], done=0.5, why=hostile)):
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
