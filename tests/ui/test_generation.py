"""The generation tab and its chat in a browser: with the starter, and with a tiny model that has a chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translate
from playground.services.snippets import KINDS
from tests.heads.language_models import save_base
from tests.ui.conftest import Watched
from tests.ui.server import Server
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
SAID = re.compile(r"[\w\u4e00-\u9fff]")
"""A browser's word characters are those of ASCII alone."""
OPENING = "Once upon a time there was a little fox"
QUESTION = "<b>a<b</b> <img src=//x.test>"
"""Short: the tiny model reads 96 tokens, of which a letter is one."""


def opened(page: Page, lang: str = "en") -> None:
    page.get_by_role("tab", name=translate(lang, "task.generation")).click()


def button(page: Page, key: str, lang: str = "en") -> None:
    page.get_by_role("button", name=translate(lang, key), exact=True).and_(page.locator(":visible")).click()


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.slow)])
def test_a_text_is_continued_and_its_tokens_are_looked_into(open_browser: Open, lang: str) -> None:
    """On a telephone, with nothing chosen."""
    watched = open_browser(width=390, locale="zh-CN" if lang == "zh" else "en-US")
    page = watched.open(f"/{lang}")
    opened(page, lang)
    opening = {"en": OPENING, "zh": "春风又绿江南岸，"}[lang]  # each page begins with a model of its language
    page.locator("textarea:visible").first.fill(opening)
    button(page, "ui.run", lang)
    written = page.locator(".written:visible textarea")
    expect(written).to_have_value(SAID, timeout=60_000)
    tokens = page.locator(".tokens:visible .token")
    expect(tokens.nth(2)).to_be_visible(timeout=60_000)
    expect(page.locator(".counts:visible .note")).to_contain_text(re.compile(r"\d+"))
    tokens.nth(2).click()
    table = page.locator(".table-wrap:visible").first
    expect(table).to_contain_text(re.compile(r"(\d+\.\d%.*){5}", re.DOTALL))
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if lang == "zh":
        shown = {cell.strip() for cell in [*tokens.all_inner_texts(), *table.locator("td").all_inner_texts()]}
        parts = [part for text in visible(page) for part in text.split(" · ")]
        texts = [text for text in parts if text.strip() not in shown]
        assert strangers(texts, "zh", {opening, written.input_value(), "poem-zh"}) == []
    assert (watched.foreign, watched.errors) == ([], [])


def test_stop_ends_it_and_keeps_what_is_there(open_browser: Open) -> None:
    watched = open_browser()
    page = watched.open("/en")
    opened(page)
    page.locator(".label-wrap:visible").filter(has_text=translate("en", "ui.advanced")).click()
    most = page.get_by_label(translate("en", "param.max_new_tokens"), exact=True).and_(page.locator(":visible")).first
    most.fill("1024")
    seed = page.get_by_label(translate("en", "param.seed"), exact=True).and_(page.locator(":visible")).first
    seed.fill("8")  # of which nearly 500 tokens come
    seed.press("Tab")
    page.locator("textarea:visible").first.fill(OPENING)
    button(page, "ui.run")
    written = page.locator(".written:visible textarea")
    expect(written).to_have_value(re.compile(r"\w"), timeout=60_000)
    stop = page.get_by_role("button", name=translate("en", "ui.write.stop"), exact=True).and_(page.locator(":visible"))
    stop.dispatch_event("click")  # a click waits for what moves to stand still, and the text may end before that
    expect(stop).to_be_hidden()
    page.wait_for_timeout(1000)
    there = written.input_value()
    page.wait_for_timeout(1000)
    assert written.input_value() == there
    tokens = page.locator(".counts:visible .note").first.inner_text()
    assert int(re.findall(r"\d+", tokens)[0]) < 450
    assert watched.errors == []


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base("qwen2", tmp_path_factory.mktemp("chat-model"))


def said(page: Page, who: str) -> list[str]:
    return page.locator(f"#chat .message.{who}").all_inner_texts()


def test_a_chat_is_streamed_undone_edited_exported_and_imported(
    server: Server, open_browser: Open, chat_model: Path, tmp_path: Path
) -> None:
    watched = open_browser()
    page = watched.open(f"/en?model={chat_model}")
    opened(page)
    expect(page.locator("#model-generation input")).to_have_value(str(chat_model))  # what the page loads, it chooses
    page.locator(".chat-panel .label-wrap").click()
    page.locator("#chat-system textarea, #chat-system input").first.fill("Be brief")
    message = page.locator("#chat-message textarea")
    message.fill(QUESTION)
    button(page, "ui.chat.send")
    user, bot = page.locator("#chat .message.user"), page.locator("#chat .message.bot")
    expect(user).to_have_text(QUESTION)
    expect(bot).to_have_count(1, timeout=60_000)
    stop = page.locator(".chat-panel").get_by_role("button", name=translate("en", "ui.write.stop"), exact=True)
    expect(stop).to_be_hidden(timeout=60_000)
    expect(message).to_have_value("")
    with page.expect_download() as download:
        button(page, "ui.chat.export")
    path = tmp_path / "chat.json"
    download.value.save_as(path)
    saved = json.loads(path.read_text(encoding="utf-8"))["messages"]
    assert [turn["role"] for turn in saved] == ["system", "user", "assistant"]
    assert saved[1]["content"] == QUESTION
    button(page, "ui.chat.retry")
    stop.wait_for(state="visible")
    expect(stop).to_be_hidden(timeout=60_000)
    expect(bot).to_have_count(1)
    page.locator(".chat-panel .code-panel .label-wrap").click()
    for kind in KINDS:
        expect(page.locator(f".chat-panel .codes .{kind} code")).to_contain_text("Be brief")
    button(page, "ui.chat.edit")
    expect(message).to_have_value(QUESTION)
    expect(user).to_have_count(0)
    page.locator(".chat-panel input[type=file]").set_input_files(path)
    expect(user).to_have_count(1)
    # Another model, which knows no chats: what was said stays.
    page.locator("#model-generation input").fill("starter/story-en")
    page.keyboard.press("Enter")
    button(page, "ui.chat.retry")
    expect(page.locator(".toast-body")).to_contain_text("chat template", timeout=60_000)
    expect(bot).to_have_count(1)
    button(page, "ui.chat.undo")
    expect(user).to_have_count(0)
    assert (watched.foreign, watched.errors) == ([], [])


def test_a_model_without_a_chat_template_says_so_and_loses_nothing(open_browser: Open) -> None:
    page = open_browser().open("/zh")
    opened(page, "zh")
    page.locator(".chat-panel:visible .label-wrap").click()
    page.locator("#chat-message textarea").fill("你好")
    button(page, "ui.chat.send", "zh")
    expect(page.locator(".toast-body")).to_contain_text("对话", timeout=60_000)
    expect(page.locator("#chat-message textarea")).to_have_value("你好")
    expect(page.locator("#chat .message")).to_have_count(0)
