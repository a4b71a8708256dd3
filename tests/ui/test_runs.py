"""The run panel: which run it shows, a run in the middle of its work, Stop and Resume."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from shutil import rmtree

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from playground.errors import PlaygroundError
from playground.i18n import Message, render, translate
from playground.runs import Run, RunSpec, RunStatus, create_run
from tests.ui.conftest import Watched, winner
from tests.ui.server import ROOT, Server, wait_for
from tests.ui.test_finetune import POINTS, start, upload

Open = Callable[..., Watched]
UNKNOWN = "20990101-000000-0000000000000000"
DATASET = ROOT / "examples/datasets/classification/support-tickets.csv"
NUMBERS = {"epochs": 200, "batch_size": 1, "max_length": 16}
"""32,000 steps: on any machine the run goes on for longer than its tests, which stop it."""
RUN_MS = 300_000


@pytest.fixture
def ended(server: Server) -> Iterator[Run]:
    """A run that was over before it learned anything."""
    made = create_run(server.home / "runs", RunSpec(task="classification", data="films.csv", name="films"))
    made.write_status(RunStatus(state="stopped"))
    yield made
    rmtree(made.dir)


@pytest.mark.parametrize(("path", "lang"), [("/", "zh"), ("/en", "en"), ("/zh", "zh")])
@pytest.mark.parametrize("wished", [UNKNOWN, pytest.param("<b>x</b>", marks=pytest.mark.slow)])
def test_a_run_that_does_not_exist_is_said_to_be_missing(
    open_browser: Open, ended: Run, path: str, lang: str, wished: str
) -> None:
    watched = open_browser(locale="zh-CN")
    page = watched.open(f"{path}?run={wished}")
    told = page.locator("#missing-run")
    expect(told).to_be_visible()
    expect(told).to_have_text(PlaygroundError("unknown_run", run=wished).text(lang))
    # No other run stands there as if it were the one that was asked for; one can be chosen.
    expect(page.locator("#run-head")).to_be_hidden()
    page.wait_for_timeout(1500)
    expect(told).to_be_visible()
    page.locator("table.runs button").filter(has_text="films").click()
    expect(page.locator("#run-head h3")).to_have_text("films")
    expect(told).to_be_empty()
    assert watched.errors == []


@pytest.fixture(scope="module")
def run(server: Server, browser: Browser) -> Iterator[str]:
    """A run that is far from its end, begun in the browser: the server is its parent."""
    context = browser.new_context(locale="en-US")
    page = Watched(context.new_page(), server.url).open("/en")
    upload(page, DATASET)
    page.get_by_role("button", name=translate("en", "ui.advanced.numbers")).click()
    for name, value in NUMBERS.items():
        page.locator(f"#number-{name} input, #number-{name} textarea").fill(str(value))
    run_id = start(page)
    context.close()
    asked = json.loads((server.home / "runs" / run_id / "spec.json").read_text())["training"]
    assert {name: asked[name] for name in NUMBERS} == NUMBERS
    wait_for(lambda: server.status(run_id)["step"], 240, "a step of training")
    yield run_id
    server.end_runs()


def test_reload_in_mid_run(server: Server, open_browser: Open, run: str) -> None:
    watched = open_browser(width=390)
    # No run in the address: the newest in progress is shown.
    page = watched.open("/en")
    page.get_by_role("tab", name="Fine-tune").click()
    expect(page.locator("#run-head h3")).to_have_text(DATASET.name)
    page.reload()
    expect(page.locator("#run-head h3")).to_have_text(DATASET.name)
    facts = page.locator("#run-head .facts")
    before = facts.inner_text()
    status = server.status(run)
    # How long still, and where it runs and why.
    expect(facts).to_contain_text(re.compile(translate("en", "ui.time_left", time=r"\d+ (s|min|h)")))
    expect(facts).to_contain_text(render(Message.from_json(status["device"]), "en"))
    expect(facts).not_to_have_text(before, use_inner_text=True)
    drawn = page.evaluate(POINTS, 0)
    page.wait_for_function(f"(drawn) => ({POINTS})(0) > drawn", arg=drawn, timeout=120_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert server.status(run)["state"] == "running"


@pytest.mark.slow
def test_another_run_waits_for_its_turn_and_says_so(server: Server, open_browser: Open, run: str) -> None:
    words = ["finetune", str(DATASET), "--detach", "--json"]
    started = subprocess.run(
        [sys.executable, "-m", "playground", *words], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PLAYGROUND_HOME": str(server.home), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    other = json.loads(started.stdout.splitlines()[-1])["run"]
    page = open_browser().open(f"/en?run={other}")
    expect(page.locator("#run-head .facts")).to_contain_text(translate("en", "state.queued"))
    page.get_by_role("button", name=translate("en", "ui.stop"), exact=True).click()
    expect(page.locator("#run-head .facts")).to_contain_text(translate("en", "state.stopped"), timeout=60_000)
    assert server.status(run)["state"] == "running"


def test_the_run_survives_the_server(server: Server, open_browser: Open, run: str) -> None:
    page = open_browser().open(f"/en?run={run}")
    expect(page.locator("#run-head")).to_contain_text("step")
    before = sum("loss" in row for row in server.metrics(run))  # a point each
    pid, step = server.status(run)["pid"], server.status(run)["step"]
    assert server.process and server.process.pid in [parent.pid for parent in psutil.Process(pid).parents()]
    server.kill()
    server.start()
    # The open page finds the server again by itself, comes back to the run, and shows the curve from its first step.
    page.wait_for_function(f"(least) => ({POINTS})(0) >= least", arg=min(before, 10), timeout=60_000)
    fresh = open_browser().open("/en")
    fresh.get_by_role("tab", name="Fine-tune").click()
    fresh.wait_for_function(f"(least) => ({POINTS})(0) >= least", arg=before, timeout=60_000)
    wait_for(lambda: server.status(run)["step"] > step, 60, "a step after the server's death")
    assert server.status(run)["pid"] == pid


@pytest.fixture(scope="module")
def stopped(server: Server, browser: Browser, run: str) -> Iterator[Page]:
    """The page of that run, after Stop was pressed on it and the run has ended."""
    context = browser.new_context(locale="zh-CN")
    watched = Watched(context.new_page(), server.url)
    page = watched.open(f"/zh?run={run}")
    expect(page.get_by_role("button", name=translate("zh", "ui.resume"), exact=True)).to_be_hidden()
    page.get_by_role("button", name=translate("zh", "ui.stop"), exact=True).click()
    expect(page.get_by_role("button", name=translate("zh", "ui.stopping"), exact=True)).to_be_disabled()
    expect(page.locator("#run-head .facts")).to_contain_text(translate("zh", "state.stopped"), timeout=RUN_MS)
    yield page
    assert watched.errors == []
    context.close()


def test_a_stopped_run_leaves_a_model_to_use(server: Server, stopped: Page, run: str) -> None:
    status = server.status(run)
    assert status["state"] == "stopped"
    assert 0 < status["step"] < status["max_steps"]
    told = stopped.locator("#run-head .why")
    for key in ("run.stopped_on_request", "run.stopped.hint"):
        expect(told).to_contain_text(translate("zh", key))
    expect(stopped.get_by_role("button", name=translate("zh", "ui.stop"), exact=True)).to_be_hidden()
    stopped.get_by_role("button", name=translate("zh", "ui.use"), exact=True).click()
    expect(stopped.locator("#model-classification input")).to_have_value(
        translate("zh", "ui.model.run", title=DATASET.name)
    )
    stopped.get_by_label(translate("zh", "field.text"), exact=True).fill("Please refund the second payment.")
    stopped.get_by_role("button", name=translate("zh", "ui.run"), exact=True).click()
    expect(winner(stopped)).to_have_text("billing", timeout=60_000)


def test_resume_goes_on_from_the_step_of_the_stop(server: Server, stopped: Page, run: str) -> None:
    step, kept = server.status(run)["step"], server.metrics(run)
    stopped.get_by_role("tab", name=translate("zh", "ui.tab.finetune")).click()
    stopped.get_by_role("button", name=translate("zh", "ui.resume"), exact=True).click()
    stopped.get_by_role("button", name=translate("zh", "ui.events")).click()
    expect(stopped.locator(".events")).to_contain_text(translate("zh", "event.resumed", step=step), timeout=120_000)
    expect(stopped.locator("#run-head .facts")).to_contain_text(translate("zh", "state.running"))
    wait_for(lambda: server.status(run)["step"] > step, 120, "a step after the resume")
    assert server.metrics(run)[: len(kept)] == kept
    expect(stopped.get_by_role("button", name=translate("zh", "ui.stop"), exact=True)).to_be_enabled()
