"""The main job in a browser: upload, map, train, use what came out. What happens in mid-run is in test_runs.py."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from playground.i18n import catalog, msg, translate
from playground.runs import Run, list_runs
from playground.services.finetune import brief
from tests.ui.conftest import IN_SPACE, Watched, winner
from tests.ui.server import ROOT, Server
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
DATASET = ROOT / "examples/datasets/classification/support-tickets.csv"
RUN_MS = 300_000
POINTS = """(number) => {
  const line = document.querySelectorAll(".run-panel .vega-embed")[number]?.querySelector(".mark-line path");
  return line ? line.getAttribute("d").split("L").length : 0;
}"""
"""How many points the line of a chart has: 0 is the loss, 1 the held-out rows."""
ASK = """async (run) => {
  const headers = { "Content-Type": "application/json" };
  const asked = await fetch("/gradio_api/call/v2/run", { method: "POST", headers, body: JSON.stringify({ run }) });
  const answer = await fetch(`/gradio_api/call/run/${(await asked.json()).event_id}`);
  return await answer.text();
}"""
"""What the API says of a run, asked by the visitor of the page."""
SCRIPT = "<img src=x onerror=alert(1)>"


def names_of_runs(server: Server) -> set[str]:
    """What the table of runs shows of what is called by people: also those of other tests stand there."""
    owners = {json.loads(path.read_text())["owner"] for path in server.home.glob("runs/*/spec.json")}
    views = [brief(run) for owner in owners for run in list_runs(server.home / "runs", owner)]
    return {view.title for view in views} | {view.spec.base for view in views}


def upload(page: Page, path: Path, lang: str = "en") -> None:
    page.get_by_role("tab", name=translate(lang, "ui.tab.finetune")).click()
    page.locator("#dataset-file input[type=file]").set_input_files(path)
    expect(page.locator("#checked li").first).to_be_visible()


def start(page: Page, lang: str = "en") -> str:
    """Press Start; the id of the run."""
    before = parse_qs(urlsplit(page.url).query).get("run", [""])[0]
    page.get_by_role("button", name=translate(lang, "ui.start"), exact=True).click()
    # The address may name an earlier run already.
    page.wait_for_function(
        """(before) => {
          const run = new URL(location.href).searchParams.get("run");
          return run?.length > 20 && run !== before;
        }""",
        arg=before,
    )
    expect(page.locator("#run-head h3")).to_be_visible()
    return parse_qs(urlsplit(page.url).query)["run"][0]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class Begun(NamedTuple):
    """A run, and the browser of the visitor who began it: on a Space nobody else may see it."""

    id: str
    context: BrowserContext
    origin: str

    def watched(self) -> Watched:
        return Watched(self.context.new_page(), self.origin)


@pytest.fixture(scope="module")
def run(server: Server, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """A run started in the browser with nothing changed but the file, of a third of its rows."""
    data = tmp_path_factory.mktemp("data") / DATASET.name
    with data.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows_of(DATASET)[:71])
    context = browser.new_context(locale="en-US")
    watched = Watched(context.new_page(), server.url)
    page = watched.open("/en")
    upload(page, data)
    expect(page.locator("#column-classification-text")).to_contain_text("message")
    expect(page.locator("#column-classification-label input")).to_have_value("topic")
    for column in ("message", "topic"):
        reason = translate("en", "ui.proposed", reason=msg("data.reason.name", column=column))
        expect(page.get_by_text(reason, exact=True)).to_be_visible()
    expect(page.locator("#checked li.fatal")).to_have_count(0)
    for row in rows_of(DATASET)[1:6]:
        expect(page.locator("#preview")).to_contain_text(row[0])
    begun = Begun(start(page), context, server.url)
    assert watched.foreign == []
    assert watched.errors == []
    watched.page.close()
    yield begun
    context.close()


def test_the_result_and_use_it(server: Server, run: Begun) -> None:
    watched = run.watched()
    page = watched.open(f"/en?run={run.id}")
    for chart in (0, 1):  # the loss, and the held-out rows
        page.wait_for_function(f"(chart) => ({POINTS})(chart) >= 2", arg=chart, timeout=RUN_MS)
    assert server.status(run.id)["state"] == "running"  # the curves grow while it trains
    expect(page.locator("#verdict")).to_contain_text("Accuracy", timeout=RUN_MS)
    report = json.loads((server.home / "runs" / run.id / "report.json").read_text())
    for scored in ("majority", "linear_probe", "tuned"):
        expect(page.locator("#scores")).to_contain_text(translate("en", f"scored.{scored}"))
        for metric in ("accuracy", "macro_f1"):
            expect(page.locator("#scores")).to_contain_text(f"{100 * report['metrics'][scored][metric]:.1f} %")
    expect_the_rows(page, report)
    with page.expect_download() as download:
        page.get_by_role("button", name=translate("en", "ui.report.save")).click()
    assert json.loads(Path(download.value.path()).read_text("utf-8")) == report
    page.get_by_role("button", name=translate("en", "ui.events")).click()
    expect(page.locator(".events")).to_contain_text(translate("en", "event.done"))
    if not IN_SPACE:  # its visitors have no command line there
        page.get_by_role("button", name=translate("en", "ui.code")).and_(page.locator(":visible")).click()
        code = page.locator(".codes .cli code:visible")
        expect(code).to_contain_text("python -m playground finetune support-tickets.csv")
    page.get_by_role("button", name=translate("en", "ui.log")).click()
    expect(page.locator("#log textarea")).to_have_value(re.compile("loss"))
    with page.expect_download() as download:
        page.get_by_role("button", name=translate("en", "ui.pack")).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "support-tickets/adapter_config.json" in archive.namelist()
    page.get_by_role("button", name=translate("en", "ui.use"), exact=True).click()
    expect(page.get_by_role("tab", name="Classification")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".model-state .note")).to_contain_text("Ready", timeout=60_000)
    page.get_by_label("Text", exact=True).fill("You charged my card twice this month, please refund one payment.")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(winner(page)).to_have_text("billing")
    assert watched.foreign == []
    assert watched.errors == []
    # The same model by its address, on another page.
    other = run.watched().open(f"/en?model=run/{run.id}")
    expect(other.locator("#model-classification input")).to_have_value(f"{DATASET.name} (fine-tuned here)")


def expect_the_rows(page: Page, report: dict[str, Any]) -> None:
    """What is behind the scores: the rows by what they say, filtered by words; a cell of the matrix opens its rows."""
    page.get_by_role("button", name=translate("en", "outcomes")).click()
    outcome, count = max(report["outcomes"].items(), key=lambda item: item[1])
    page.get_by_label(translate("en", f"outcome.{outcome}", count=f"{count:,}")).check()
    rows = [row for row in report["samples"] if row["outcome"] == outcome]
    told = page.locator("#kept")
    expect(told).to_contain_text(translate("en", "outcome.kept", shown=f"{len(rows):,}", count=f"{count:,}"))
    text = rows[0]["inputs"]["text"]
    page.locator("#outcome-words input, #outcome-words textarea").press_sequentially(text)
    expect(told).to_contain_text(translate("en", "outcome.kept", shown="1", count=f"{count:,}"))
    expect(page.locator("#samples")).to_contain_text(text)
    page.get_by_role("button", name=translate("en", "matrix")).click()
    for label in report["labels"]:
        expect(page.locator("#matrix")).to_contain_text(label)
    label = report["labels"][0]
    row = next(row for row in report["samples"] if [0, 0] in row["cells"])
    page.locator("#matrix [role=row]", has_text=label).last.locator("[role=gridcell]").nth(1).click()
    expect(page.locator("#taken")).to_contain_text(f"“{label}”")
    expect(page.locator("#opened")).to_contain_text(row["inputs"]["text"])


def test_the_chinese_run_panel_is_from_the_catalog(server: Server, run: Begun) -> None:
    page = run.watched().open(f"/zh?run={run.id}")
    expect(page.locator("#verdict")).to_contain_text("准确率")
    keys = ("outcomes", "types.of_labels", "matrix", "calibration.title", "ui.events", "ui.log")
    for key in keys if IN_SPACE else (*keys, "ui.code"):
        page.get_by_role("button", name=translate("zh", key)).and_(page.locator(":visible")).click()
    page.wait_for_timeout(500)
    allowed = {path.name for path in DATASET.parent.parent.glob("*/*")} | {
        "account",
        "billing",
        "shipping",
        "message",
        "topic",
        *("BertForSequenceClassification", "dense", "key", "query", "value"),  # what LoRA is put on
        *names_of_runs(server),
    }
    shown = visible(page)
    assert {translate("zh", key) for key in ("state.done", "ui.way.lora", "scored.majority")} <= set(shown)
    assert strangers(shown, "zh", allowed) == []


@pytest.mark.slow
def test_scripts_in_a_dataset_are_shown_as_text(server: Server, open_browser: Open, tmp_path: Path) -> None:
    path = tmp_path / "<svg onload=alert(3)>.csv"
    label = f"<b>good</b>{SCRIPT}"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([f"text {SCRIPT}", f"<script>alert(2)</script> {SCRIPT}", "note"])
        for number in range(24):
            rows.writerow([f"fine day number {number} {SCRIPT}", label, SCRIPT])
            rows.writerow([f"rotten luck number {number} {SCRIPT}", "{{7*7}} [x](javascript:alert(4))", "a.json"])
    watched = open_browser()
    page = watched.open("/en")
    upload(page, path)
    expect(page.locator("#preview")).to_contain_text(f"text {SCRIPT}")
    page.locator("#column-classification-text input").click()
    page.locator("#column-classification-text [role=option]").filter(has_text="note").click()
    page.keyboard.press("Escape")
    page.locator("#column-classification-label input").click()
    page.locator("#column-classification-label [role=option]").filter(has_text="<script>").click()
    expect(page.locator("#checked")).to_contain_text(label)
    page.get_by_label(translate("en", "ui.method.linear_probe")).check()
    page.locator("#run-name textarea, #run-name input").fill(f"mine {SCRIPT}")
    run_id = start(page)
    run = Run(server.home / "runs" / run_id)
    assert run.spec().columns["text"] == [f"text {SCRIPT}", "note"]
    joined = {f"fine day number {n} {SCRIPT}\n{SCRIPT}" for n in range(24)}
    joined |= {f"rotten luck number {n} {SCRIPT}\na.json" for n in range(24)}
    assert {row["text"] for side in ("train", "held_out") for row in run.rows(side)} == joined
    expect(page.locator("#run-head")).to_contain_text(f"mine {SCRIPT}")
    expect(page.locator("#verdict")).to_contain_text("Accuracy", timeout=RUN_MS)
    for key in ("outcomes", "types.of_labels", "matrix"):
        page.get_by_role("button", name=translate("en", key)).click()
    for table in ("#samples", "#types", "#matrix"):
        expect(page.locator(table)).to_contain_text("<b>good</b>")
    page.get_by_role("button", name=translate("en", "ui.use"), exact=True).click()
    page.get_by_role("button", name=translate("en", "ui.card")).click()
    page.get_by_label("Text", exact=True).fill(f"a fine day {SCRIPT}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(winner(page)).to_have_text(label)
    page.wait_for_timeout(500)
    assert watched.dialogs == []
    assert page.locator("img[src=x]").count() == 0
    assert watched.foreign == []
    # As data over the API it is unchanged.
    said = page.evaluate(ASK, run_id)
    assert label in json.loads(said.split("data: ", 1)[1])[0]["report"]["labels"]


def test_an_unusable_dataset_is_refused_with_reason_and_remedy(open_browser: Open, tmp_path: Path) -> None:
    path = tmp_path / "one-class.csv"
    path.write_text("text,label\n" + "\n".join(f"row {n},same" for n in range(30)), encoding="utf-8")
    page = open_browser().open("/zh")
    upload(page, path, "zh")
    expect(page.locator("#checked li.fatal")).to_contain_text("same")
    expect(page.locator("#checked li.fatal small").first).not_to_be_empty()
    expect(page.get_by_role("button", name=translate("zh", "ui.start"), exact=True)).to_be_disabled()
    # A file that is no table at all.
    empty = tmp_path / "empty.csv"
    empty.write_text("", encoding="utf-8")
    page = open_browser().open("/zh")
    page.get_by_role("tab", name=translate("zh", "ui.tab.finetune")).click()
    page.locator("#dataset-file input[type=file]").set_input_files(empty)
    expect(page.locator(".toast-body")).to_contain_text(catalog()["error.data_empty"]["zh"])


@pytest.mark.slow
def test_a_file_stays_when_the_answer_to_the_choice_of_its_task_comes_late(open_browser: Open) -> None:
    page = open_browser().open("/en")
    page.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    held: list[Route] = []

    def hold(route: Route) -> None:
        if '["qa"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.get_by_label(translate("en", "ui.task"), exact=True).first.click()  # the runs have a filter of it
    page.route("**/gradio_api/run/**", hold)
    page.get_by_role("option", name=translate("en", "task.qa"), exact=True).click()
    page.locator("#dataset-file input[type=file]").set_input_files(DATASET.parents[1] / "qa/museum-guide.json")
    expect(page.locator("#checked li.fine")).to_be_visible()
    examples = page.locator(".samples").get_by_role("button", name="museum-guide.json", exact=True)
    expect(examples).to_be_hidden()
    for route in held:
        route.continue_()
    expect(examples).to_be_visible()
    expect(page.locator("#dataset-file")).to_contain_text("museum-guide")
    expect(page.locator("#checked li.fine")).to_be_visible()
    expect(page.get_by_role("button", name=translate("en", "ui.start"), exact=True)).to_be_enabled()
