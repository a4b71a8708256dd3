"""The first page in both languages, and a prediction."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from playground.i18n import catalog, render, translate
from playground.models.device import choose_device
from playground.tasks import TASKS
from tests.ui.conftest import Watched, winner
from tests.ui.server import ROOT, Server
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
BASE = "sentence-transformers/all-MiniLM-L6-v2"
TAGS = {"en": "en", "zh": "zh-CN"}


@pytest.mark.parametrize(
    ("lang", "locale"),
    [("en", "en-US"), ("zh", "zh-CN"), ("zh", "en-US"), pytest.param("en", "zh-CN", marks=pytest.mark.slow)],
)
def test_first_page(open_browser: Open, lang: str, locale: str) -> None:
    watched = open_browser(locale=locale)
    page = watched.open(f"/{lang}")
    expect(page).to_have_title(translate(lang, "ui.title"))
    expect(page.locator("html")).to_have_attribute("lang", TAGS[lang])
    expect(page.get_by_role("heading", level=1)).to_have_text(translate(lang, "ui.title"))
    page.get_by_role("tab", name=translate(lang, "ui.tab.finetune")).click()
    # Gradio's own words are in the page's language too, whatever the browser's is.
    expect(page.locator("#dataset-file")).to_contain_text({"en": "Drop File Here", "zh": "将文件拖放到此处"}[lang])
    page.wait_for_timeout(1000)
    assert watched.foreign == []
    assert watched.errors == []


COUNTED = """() => {
  const ask = window.requestAnimationFrame.bind(window);
  window.frames_asked = 0;
  window.requestAnimationFrame = (draw) => ((window.frames_asked += 1), ask(draw));
}"""
"""Counts what reaches the browser: it stands before all scripts of the page."""


@pytest.mark.slow
def test_an_open_page_is_at_rest(open_browser: Open) -> None:
    """Gradio's loading mark would ask for every frame for ever: work that a training beside it has not."""
    watched = open_browser()
    watched.page.add_init_script(f"({COUNTED})()")
    page = watched.open("/en")
    expect(page.locator(".model-state .note").first).to_contain_text("Ready")
    page.wait_for_timeout(3000)
    before = page.evaluate("frames_asked")
    page.wait_for_timeout(3000)
    assert page.evaluate("frames_asked") - before <= 3 * 12


def test_the_browser_language_opens_the_page_and_the_link_switches_it(open_browser: Open) -> None:
    watched = open_browser(locale="zh-CN")
    page = watched.open("/")
    assert page.url == f"{watched.origin}/zh"
    page.get_by_role("link", name=translate("zh", "ui.other_language")).click()
    expect(page).to_have_title(translate("en", "ui.title"))
    assert page.url == f"{watched.origin}/en"
    # The choice is remembered.
    page = watched.open("/")
    assert page.url == f"{watched.origin}/en"


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.slow), 390])
def test_nothing_is_wider_than_the_window(open_browser: Open, width: int) -> None:
    page = open_browser(width=width).open("/en")
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_count(len(TASKS) + 1)  # on a telephone too, where Gradio would put the last ones in a menu
    for tab in tabs.all():
        tab.click()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_predict(open_browser: Open) -> None:
    watched = open_browser()
    page = watched.open("/en")
    expect(page.locator(".model-state .note")).to_contain_text("Ready", timeout=90_000)
    expect(page.locator(".model-state .note")).to_contain_text(render(choose_device(1).reason, "en"))  # where, and why
    page.get_by_label("Text", exact=True).fill("I love it. The best dinner in years!")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(winner(page)).to_have_text("positive")
    # Ctrl-Enter runs it too.
    page.get_by_label("Text", exact=True).fill("Dreadful. Broken on arrival, and nobody answers.")
    page.keyboard.press("Control+Enter")
    expect(winner(page)).to_have_text("negative")
    assert watched.errors == []
    assert watched.foreign == []


NOTED = """window.noted = new Set();
new MutationObserver(() => {
  for (const note of document.querySelectorAll(".model-state .note")) noted.add(note.textContent);
}).observe(document, {childList: true, subtree: true, characterData: true});"""
"""Script of a page: everything that was ever said of its models."""


def test_models_load_behind_the_page(browser: Browser, tmp_path: Path) -> None:
    """A server that has just begun: the page is there, says what it waits for, and then that it is done."""
    own = Server(tmp_path / "home")
    own.start()
    try:
        page = browser.new_context().new_page()
        page.add_init_script(NOTED)  # on a slow machine the model may be there before anyone looks
        page.goto(own.url + "/en")
        state = page.locator(".model-state .note").first
        page.get_by_role("tab", name=translate("en", "task.ner")).click()  # it is no picture
        expect(state).to_contain_text("Ready", timeout=90_000)
        assert translate("en", "ui.model.loading") in page.evaluate("[...noted]")
        page.context.close()
    finally:
        own.stop()


def test_an_example_fills_the_input(open_browser: Open) -> None:
    page = open_browser().open("/zh")
    rows = [
        json.loads(line) for line in (ROOT / "examples/classification.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    chinese = next(row["text"] for row in rows if row["lang"] == "zh")
    page.get_by_role("button", name=chinese).click()
    expect(page.get_by_label("文本", exact=True)).to_have_value(chinese)


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.slow), "zh"])
def test_errors_are_in_the_language_of_the_page(open_browser: Open, lang: str) -> None:
    page = open_browser(locale="en-US").open(f"/{lang}")
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    notice = page.locator(".toast-body")
    expect(notice).to_contain_text(translate(lang, "error.field_empty", field=translate(lang, "field.text")))
    expect(notice).to_contain_text(translate(lang, "error.field_empty.hint"))
    expect(notice).to_contain_text(catalog()["gradio.error"][lang])


def test_a_model_named_in_the_address_is_chosen(open_browser: Open) -> None:
    page = open_browser().open("/en?model=run/20990101-000000-0000000000000000")
    expect(page.locator("#model-classification input")).to_have_value("run/20990101-000000-0000000000000000")
    expect(page.locator(".model-state .note")).to_contain_text(translate("en", "error.unknown_run.hint"))


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.slow), "zh"])
def test_the_card_says_whose_base_the_model_stands_on(open_browser: Open, lang: str) -> None:
    watched = open_browser()
    ready = translate(lang, "ui.model.ready", device="").rstrip(" .。")
    page = watched.open(f"/{lang}")
    expect(page.locator(".model-state .note").first).to_contain_text(ready, timeout=90_000)
    page = watched.open(f"/{lang}?model=starter/zero-shot-en")
    page.get_by_role("button", name=translate(lang, "ui.card")).first.click()
    # With sentiment-en at least, and with whatever other tests have loaded.
    shared = [translate(lang, f"sharing.{key}", base=BASE, count="COUNT") for key in ("one", "many")]
    forms = "|".join(re.escape(text).replace("COUNT", r"\d+") for text in shared)
    expect(page.locator("#sharing-classification")).to_have_text(re.compile(forms))


def test_every_string_of_the_chinese_page_is_from_the_catalog(open_browser: Open, server: Server) -> None:
    page = open_browser(locale="en-US").open("/zh")
    samples = {path.name for path in (ROOT / "examples/datasets/classification").glob("*.csv")}
    allowed = samples | {"starter/sentiment-zh", "sentiment-zh"}
    expect(page.locator(".model-state .note")).to_contain_text("已就绪", timeout=90_000)
    page.get_by_role("button", name=translate("zh", "ui.advanced")).click()
    shown = visible(page)
    assert translate("zh", "ui.model.starter", title="sentiment-zh") in shown, "what is chosen is read, too"
    assert strangers(shown, "zh", allowed) == []
    page.get_by_role("button", name=translate("zh", "ui.run"), exact=True).click()
    expect(page.locator(".toast-body")).to_be_visible()
    assert strangers(visible(page), "zh", allowed) == []
    page.locator(".toast-close").click()
    _dataset(page)
    labels = ["account", "billing", "shipping"]  # in the check, and below the bars of its chart
    allowed |= {"message", "topic", *labels, " · ".join(labels), "all-MiniLM-L6-v2"}
    # The run panel has a test of its own; here it shows whatever other tests have trained.
    assert strangers(visible(page, without=".run-panel"), "zh", allowed) == []


def _dataset(page: Page) -> None:
    page.get_by_role("tab", name=translate("zh", "ui.tab.finetune")).click()
    page.get_by_role("button", name="support-tickets.csv").first.click()  # runs may be called like it
    expect(page.locator("#checked li").first).to_be_visible()
    expect(page.locator("#preview [role=gridcell]").first).to_be_visible()
