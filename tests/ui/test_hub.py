"""A model of the Hub in a browser: its size and licence first, then the download, its stop, and an answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translate
from playground.models.resolve import resolve
from tests.hub_server import Hub, Repository, running_hub
from tests.models.test_hub import CARD
from tests.ui.conftest import Watched, winner
from tests.ui.server import Server, server_beside
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
MODEL, OTHER = "someone/film-mood", "someone/a-base"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub") / "film-mood"
    shutil.copytree(resolve("starter/sentiment-en").folder, folder)
    with running_hub({MODEL: Repository(folder, CARD), OTHER: Repository(folder, CARD)}) as running:
        yield running


@pytest.fixture(scope="module")
def server(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server_beside(hub.url, tmp_path_factory.mktemp("home")) as own:
        yield own


def choose(page: Page, model: str) -> None:
    """Once the page has filled its picker and the model in it is there."""
    expect(page.locator(".model-state .note.ready").first).to_be_attached(timeout=120_000)
    picker = page.locator("#model-classification input")
    picker.fill(model)
    picker.press("Enter")
    expect(picker).to_have_value(model)
    expect(page.locator(".options")).to_have_count(0)  # the list has faded out


def open_search(page: Page, lang: str) -> Locator:
    expect(page.locator(".model-state .note").first).not_to_be_empty()
    page.get_by_role("button", name=translate(lang, "ui.hub")).first.click()
    return page.locator("#hub-classification")


def test_offline_the_search_is_grey_and_says_what_to_do(hub: Hub, open_browser: Open) -> None:
    page = open_browser(width=390).open("/zh")
    hub.answers = False
    try:
        panel = open_search(page, "zh")
        expect(panel).to_contain_text(translate("zh", "ui.hub.offline"))
        expect(panel.get_by_role("textbox")).to_be_disabled()
        expect(panel.get_by_role("button", name=translate("zh", "ui.hub.search"), exact=True)).to_be_disabled()
    finally:
        hub.answers = True


def test_a_search_by_task_offers_what_it_found(open_browser: Open) -> None:
    page = open_browser(width=390).open("/en")
    panel = open_search(page, "en")
    expect(panel.get_by_role("textbox")).to_be_editable()
    panel.get_by_role("textbox").fill("film")
    panel.get_by_role("button", name=translate("en", "ui.hub.search"), exact=True).click()
    panel.get_by_text(MODEL).click()
    expect(page.locator("#model-classification input")).to_have_value(MODEL)
    expect(page.locator(".download-panel:visible")).to_contain_text(translate("en", "hub.safe"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panel.get_by_role("textbox").fill("no such thing")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text(translate("en", "ui.hub.nothing"))


@pytest.mark.parametrize("lang", ["zh"])
def test_a_model_of_the_hub_is_shown_downloaded_stopped_and_used(hub: Hub, open_browser: Open, lang: str) -> None:
    watched = open_browser(width=390)
    page = watched.open(f"/{lang}")
    choose(page, MODEL)
    panel = page.locator(".download-panel:visible")
    expect(panel).to_contain_text(translate(lang, "hub.licence", licence="mit"))
    expect(panel).to_contain_text(translate(lang, "hub.safe"))
    assert not any("/resolve/" in path for path in hub.paths("GET"))
    assert strangers(visible(page, without=".samples"), lang, {MODEL, "sentiment-en", "mit"}) == []
    hub.bytes_per_second = 2**17
    panel.get_by_role("button", name=translate(lang, "ui.download.start"), exact=True).click()
    expect(panel).to_contain_text(translate(lang, "hub.left", time="").rstrip(" left"))
    expect(panel.locator("progress")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panel.get_by_role("button", name=translate(lang, "ui.download.stop")).click()
    start = panel.get_by_role("button", name=translate(lang, "ui.download.start"), exact=True)
    expect(start).to_be_visible()
    hub.bytes_per_second = 0
    start.click()
    expect(panel).to_be_hidden()
    ready = translate(lang, "ui.model.ready", device="").rstrip(" .。")
    expect(page.locator(".model-state .note").first).to_contain_text(ready, timeout=90_000)
    page.locator("textarea:visible").first.fill("A warm, funny film.")
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(winner(page)).to_have_text("positive", timeout=60_000)
    assert watched.errors == [] and watched.foreign == []


@pytest.mark.slow
def test_a_base_to_tune_is_offered_for_download_too(open_browser: Open) -> None:
    page = open_browser().open("/en")
    page.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    page.get_by_role("button", name="support-tickets.csv").click()
    base = page.locator("#base-model input")
    base.fill(OTHER)
    base.press("Enter")
    expect(page.locator(".download-panel:visible")).to_contain_text(translate("en", "hub.licence", licence="mit"))


def test_a_name_that_the_hub_does_not_know_is_said_below_the_picker(open_browser: Open) -> None:
    page = open_browser().open("/en")
    choose(page, "someone/nothing")
    panel = page.locator(".download-panel:visible")
    expect(panel).to_contain_text(translate("en", "error.not_on_hub", model="someone/nothing"))
    expect(panel.get_by_role("button", name=translate("en", "ui.download.again"))).to_be_visible()
