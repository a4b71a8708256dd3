"""The translation tab in a browser, with the starter."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translate
from tests.ui.conftest import Watched
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
LETTER = "I am very happy.\n\nWhere do you live? It is a big house.\n"


def opened(page: Page, lang: str) -> tuple[Locator, Locator]:
    """The text's box and that of its translation."""
    page.get_by_role("tab", name=translate(lang, "task.translation")).click()
    text = page.get_by_label(translate(lang, "field.text").capitalize(), exact=True).and_(page.locator(":visible"))
    return text.first, page.locator(".written:visible textarea")


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.slow), "zh"])
def test_a_letter_is_translated_line_by_line_and_back(open_browser: Open, lang: str) -> None:
    """On a telephone, with nothing chosen; then the other way round with one click."""
    watched = open_browser(width=390, locale="zh-CN" if lang == "zh" else "en-US")
    page = watched.open(f"/{lang}")
    text, written = opened(page, lang)
    text.fill(LETTER)
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    note = page.locator(".counts:visible .note")
    ways = {"en": ("English → Chinese", "Chinese → English"), "zh": ("英语 → 中文", "中文 → 英语")}[lang]
    expect(note).to_contain_text(ways[0], timeout=60_000)
    expect(written).to_have_value(re.compile(r"^[^\n]*[\u4e00-\u9fff][^\n]*\n\n[^\n]+\n?$"), timeout=60_000)
    expect(page.get_by_role("button", name=translate(lang, "ui.write.stop"), exact=True)).to_be_hidden()
    expect(page.locator(".table-wrap:visible").first).to_contain_text("Where do you live?")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if lang == "zh":
        allowed = {"translate-en-zh", "I am very happy.", "Where do you live?", "It is a big house."}
        assert strangers(visible(page), "zh", allowed) == []
    chinese = written.input_value()
    page.locator(".swap:visible").click()
    expect(text).to_have_value(chinese)
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(note).to_contain_text(ways[1], timeout=60_000)
    expect(written).to_have_value(re.compile("[a-z]"))
    assert (watched.foreign, watched.errors) == ([], [])


def test_stop_ends_a_long_text_and_keeps_what_is_there(open_browser: Open) -> None:
    watched = open_browser()
    page = watched.open("/en")
    text, written = opened(page, "en")
    text.fill("We went to the market and bought apples, bread and a lot of fish. " * 100)
    page.get_by_role("button", name=translate("en", "ui.run"), exact=True).click()
    stop = page.get_by_role("button", name=translate("en", "ui.write.stop"), exact=True)
    expect(written).to_have_value(re.compile("."), timeout=60_000)
    stop.click()
    expect(stop).to_be_hidden()
    page.wait_for_timeout(1500)
    there = written.input_value()
    page.wait_for_timeout(1500)
    assert written.input_value() == there
    text.fill("Thank you.")
    page.get_by_role("button", name=translate("en", "ui.run"), exact=True).click()
    expect(written).not_to_have_value(there, timeout=20_000)
    assert watched.errors == []


def test_a_language_that_the_model_lacks_is_named(open_browser: Open) -> None:
    page = open_browser().open("/en")
    text, _ = opened(page, "en")
    text.fill("Good morning.")
    target = page.get_by_label(translate("en", "field.target").capitalize()).and_(page.locator("input:visible")).first
    target.fill("French")
    target.press("Enter")
    page.get_by_role("button", name=translate("en", "ui.run"), exact=True).click()
    expect(page.locator(".toast-body")).to_contain_text("French", timeout=60_000)
    expect(page.locator(".toast-body")).to_contain_text("Chinese")
