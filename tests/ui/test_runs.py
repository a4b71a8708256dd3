"""The run panel: which run it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shutil import rmtree

import pytest
from playwright.sync_api import expect

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.runs import Run, RunSpec, RunStatus, create_run
from tests.ui.conftest import Watched
from tests.ui.server import Server

Open = Callable[..., Watched]
UNKNOWN = "20990101-000000-0000000000000000"


@pytest.fixture
def ended(server: Server) -> Iterator[Run]:
    """A run that was over before it learned anything."""
    made = create_run(server.home / "runs", RunSpec(task="classification", data="films.csv", name="films"))
    made.write_status(RunStatus(state="stopped"))
    yield made
    rmtree(made.dir)


@pytest.mark.parametrize(("path", "lang"), [("/", "zh"), ("/en", "en"), ("/zh", "zh")])
@pytest.mark.parametrize("wished", [UNKNOWN, "<b>x</b>"])
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
    page.get_by_label(translate(lang, "ui.runs.choose")).click()
    page.get_by_role("option").filter(has_text="films").click()
    expect(page.locator("#run-head h3")).to_have_text("films")
    expect(told).to_be_empty()
    assert watched.errors == []
