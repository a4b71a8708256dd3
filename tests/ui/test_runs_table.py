"""The table of runs: found, opened, laid over one another, named, started again, thrown away and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translate
from playground.runs import Run, RunSpec, RunStatus, TrainingParams, create_run
from playground.services import finetune, history, trash
from playground.settings import settings
from playground.tasks.classification import TASK
from playground.ui import runs_table, side_by_side
from playground.ui.run_view import RunPanel
from playground.ui.wrapper import Visitor
from tests.ui.conftest import Watched
from tests.ui.server import Server

import gradio as gr  # isort: skip

HOSTILE = '<img src=x onerror="alert(1)">${alert(1)}{{alert}}'
LINES = """(id) => document.querySelectorAll(`#${id} .mark-line path`).length"""


def made(folder: Path, *, score: float = 0.9, owner: str = "local", steps: int = 5, **asked: Any) -> Run:
    """A run that is over, with curves and a report, whose rows are those of every other."""
    asked = {"task": "classification", "data": "films.csv", "base": "scratch/mlp", "method": "scratch", **asked}
    run = create_run(folder, RunSpec(owner=owner, labels=["a", "b"], **asked))
    rows = [{"text": f"Day {day} was long", "label": "ab"[day % 2]} for day in range(40)]
    run.write_rows("train", rows[8:], TASK.fields)
    run.write_rows("held_out", rows[:8], TASK.fields)
    for step in range(1, steps + 1):
        run.append_metrics({"step": step, "epoch": step / 2, "time": step * 3.0, "loss": 1 / step})
        run.append_metrics({"step": step, "epoch": step / 2, "time": step * 3.0, "held_out": score * step / steps})
    report = {
        "metrics": {"tuned": {"accuracy": score}}, "intervals": {"tuned": {"accuracy": [score - 0.1, score]}},
        "interval_methods": {}, "comparisons": [], "outcomes": {}, "labels": [], "samples": [],
        "rows": {"train": 32, "held_out": 8}, "seconds": {"training": 15.0, "total": 20.0},
    }  # fmt: skip
    (run.dir / "report.json").write_text(json.dumps(report))
    run.write_status(RunStatus(state="done", step=steps, max_steps=steps))
    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path / "runs"
    settings.cache_clear()


def listed(lang: str = "en", owner: str = "local", **asked: Any) -> str:
    values = {"words": "", "task": "", "state": "", "chosen": [], **asked}
    return runs_table.contents(Visitor(owner, lang, {}), "", finetune.runs(owner), **values)["table"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_people_write_is_text_and_bounded(home: Path, lang: str) -> None:
    run = made(home)
    finetune.describe(run.id, "local", name=HOSTILE[:100], note=HOSTILE * 30)
    shown = listed(lang)
    assert "<img" not in shown and "&lt;img" in shown
    assert len(shown) < 4000, "a note is cut"
    assert "90.0" in shown and translate(lang, "metric.accuracy") in shown


def test_what_is_ticked_stays_in_sight_and_no_more_than_six_are(home: Path) -> None:
    runs = [made(home, name=f"run {number}") for number in range(8)]
    shown = listed(words="run 3", chosen=[runs[5].id])
    assert {run.id for run in runs if run.id in shown} == {runs[3].id, runs[5].id}
    assert shown.count(" checked") == 1
    full = listed(chosen=[run.id for run in runs[: history.MOST_SIDE_BY_SIDE]])
    assert (full.count(" checked"), full.count(" disabled")) == (6, 2)
    assert runs_table.ticked(" ".join(run.id for run in runs)) == [run.id for run in runs[:6]]


def test_curves_are_laid_over_one_another_and_have_names_of_their_own(home: Path) -> None:
    first, second = made(home, training=TrainingParams(epochs=2)), made(home, score=0.8, steps=3)
    both = history.side_by_side([first.id, second.id], "local")
    shown = side_by_side.contents(both, "time", "en")
    assert list(shown) == list(side_by_side.PARTS)
    assert shown["over_loss"]["value"][0] == [3.0, 1.0, "films.csv (1)"]
    assert {point[2] for point in shown["over_held_out"]["value"]} == {"films.csv (1)", "films.csv (2)"}
    assert len(shown["over_loss"]["value"]) == 8
    assert not shown["over_held_out_loss_box"]["visible"]
    assert shown["side_table"]["value"]["headers"] == ["", "films.csv (1)", "films.csv (2)"]
    assert ["accuracy", "90.0 %", "80.0 %"] in shown["side_table"]["value"]["data"]
    assert [translate("en", "number.epochs"), "2", "–"] in shown["side_table"]["value"]["data"]
    assert translate("en", "ui.side.same_rows") in shown["side_told"]["value"]
    assert side_by_side.contents(both, "<b>", "en")["over_loss"]["value"][0][0] == 1, "steps where nothing else fits"
    assert side_by_side.contents(history.side_by_side([first.id], "local"), "step", "zh") == side_by_side.EMPTY


def test_nobody_sees_or_moves_anothers_runs_from_the_page(home: Path) -> None:
    theirs, mine = made(home, owner="ann", name="zebra diary"), made(home)
    thrown = made(home, owner="ann", name="zebra diary 2")
    trash.throw_away(thrown.id, "ann")
    with gr.Blocks(analytics_enabled=False):
        panel = RunPanel("en", gr.Tabs(), {})
    visitor = Visitor("local", "en", {})
    asked = (mine.id, {}, "", "", "", "", "step")
    event = SimpleNamespace(_data={"chosen": [theirs.id, mine.id, 7, thrown.id]})
    assert panel.on_chosen(visitor, *asked, event)[0] == mine.id
    for hostile in ({"chosen": "x"}, {}, None, {"chosen": [None, {}]}):
        assert panel.on_chosen(visitor, *asked, SimpleNamespace(_data=hostile))[0] == ""
    drawn = panel.on_tick(visitor, mine.id, {}, chosen=f"{theirs.id} {mine.id}")
    assert "zebra" not in str(drawn)
    # What was thrown away or is another's is not drawn, and no error comes up every two seconds.
    assert panel.on_tick(visitor, theirs.id, {})[0] == ""
    for call in (
        lambda: panel.on_throw(visitor, theirs.id), lambda: panel.on_save(visitor, theirs.id, "x", "y"),
        lambda: panel.on_open(visitor, SimpleNamespace(_data={"run": theirs.id})),
        lambda: panel.trash.on_restore(visitor, thrown.id),
    ):  # fmt: skip
        with pytest.raises(finetune.PlaygroundError):
            call()
    panel.trash.on_really(visitor)
    assert [view.id for view in trash.thrown_away("ann")] == [thrown.id]


@pytest.fixture
def runs(server: Server) -> Iterator[list[Run]]:
    """Two runs in the server's folder, newest last; nothing of them is left."""
    found = [made(server.home / "runs", name="first try"), made(server.home / "runs", data="tickets.csv", score=0.7)]
    yield found
    for run in found:
        rmtree(run.dir, ignore_errors=True)
        rmtree(server.home / "trash" / run.id, ignore_errors=True)


def row(page: Page, run: Run) -> Any:
    return page.locator(f'table.runs tr:has(input[value="{run.id}"])')


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.slow)])
def test_runs_are_found_opened_and_laid_over_one_another(
    open_browser: Callable[..., Watched], runs: list[Run], width: int
) -> None:
    first, second = runs
    watched = open_browser(width=width)
    page = watched.open(f"/en?run={first.id}")
    expect(page.locator("#run-head h3")).to_have_text("first try")
    row(page, second).get_by_role("button").click()
    expect(page.locator("#run-head h3")).to_have_text("tickets.csv")
    words = page.locator("#runs-words textarea, #runs-words input")
    words.fill("TRY")
    expect(row(page, second)).to_have_count(0)
    row(page, first).get_by_role("checkbox").check()
    expect(page.locator("#runs-count")).to_contain_text(translate("en", "ui.side.one_more"))
    words.fill("")
    row(page, second).get_by_role("checkbox").check()
    expect(page.locator("#side-table")).to_contain_text("70.0 %")
    for chart in ("over-loss", "over-held_out"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.wait_for_function(f"(id) => ({LINES})(id) === 2", arg=chart)
        expect(page.locator(f"#{chart}")).to_contain_text("first try")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (watched.foreign, watched.errors, watched.dialogs) == ([], [], [])


def test_a_run_is_named_thrown_away_and_taken_back(open_browser: Callable[..., Watched], runs: list[Run]) -> None:
    watched = open_browser()
    page = watched.open(f"/zh?run={runs[1].id}")
    expect(page.locator("#run-head h3")).to_have_text("tickets.csv")
    page.get_by_role("button", name=translate("zh", "ui.about")).click()
    page.locator("#about-name input, #about-name textarea").fill(HOSTILE)
    page.locator("#about-note textarea").fill("第一次尝试")
    page.wait_for_timeout(500)  # what has just been unfolded is still being put together, and a click on it may be lost
    page.get_by_role("button", name=translate("zh", "ui.about.save"), exact=True).click()
    expect(page.locator("#run-head h3")).to_have_text(HOSTILE)
    expect(row(page, runs[1])).to_contain_text("第一次尝试")

    page.get_by_role("button", name=translate("zh", "ui.trash.throw"), exact=True).click()
    expect(row(page, runs[1])).to_have_count(0)
    expect(page.locator("#thrown")).to_contain_text(translate("zh", "ui.trash.thrown", name=HOSTILE))
    page.get_by_role("button", name=translate("zh", "ui.trash.undo"), exact=True).click()
    expect(page.locator("#run-head h3")).to_have_text(HOSTILE)
    assert runs[1].dir.is_dir()

    page.get_by_role("button", name=translate("zh", "ui.trash.throw"), exact=True).click()
    page.get_by_role("button", name=translate("zh", "ui.trash", count=1)).click()
    page.get_by_role("button", name=translate("zh", "ui.trash.empty"), exact=True).click()
    expect(page.locator("#trash-sure")).to_contain_text(translate("zh", "ui.trash.sure", count=1))
    page.get_by_role("button", name=translate("zh", "ui.trash.really"), exact=True).click()
    expect(page.locator("#trash")).to_be_hidden()
    assert not list((runs[1].dir.parents[1] / "trash").iterdir())
    assert (watched.foreign, watched.errors, watched.dialogs) == ([], [], [])


def test_the_form_is_filled_as_it_was_for_a_run(open_browser: Callable[..., Watched], server: Server) -> None:
    numbers = TrainingParams(epochs=7, batch_size=8, learning_rate=2e-3, held_out=0.2)
    reasons = {name: {"key": f"autopilot.{name}", "values": {}} for name in ("batch_size", "held_out")}
    run = made(server.home / "runs", name="first try", preset="thorough", training=numbers, reasons=reasons)
    watched = open_browser()
    page = watched.open(f"/en?run={run.id}")
    page.get_by_role("button", name=translate("en", "ui.again"), exact=True).click()
    expect(page.locator("#data-summary")).to_contain_text("first try")
    expect(page.locator("#checked li.fine")).to_contain_text("40")
    expect(page.locator("#run-name textarea, #run-name input")).to_have_value("first try")
    expect(page.get_by_label(translate("en", "ui.preset.thorough"))).to_be_checked()
    expect(page.locator("#base-model input")).to_have_value(translate("en", "ui.scratch.mlp"))
    expect(page.locator("#number-epochs input, #number-epochs textarea")).to_have_value("7.0")
    batch = page.locator("#number-batch_size input, #number-batch_size textarea")
    expect(batch).to_have_value("")
    expect(batch).to_have_attribute("placeholder", translate("en", "number.auto_was", value="8"))
    expect(page.get_by_role("button", name=translate("en", "ui.start"), exact=True)).to_be_enabled()
    assert (watched.foreign, watched.errors, watched.dialogs) == ([], [], [])
    rmtree(run.dir)
