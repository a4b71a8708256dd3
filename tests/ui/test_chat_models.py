"""A chat model, here and elsewhere, in the tab of a specialist: chosen, asked by its prompt, in the same form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from playground.i18n import translate
from tests.heads import language_models
from tests.ui.conftest import Watched
from tests.ui.server import Server

READY = {"en": "Ready", "zh": "已就绪"}
Open = Callable[..., Watched]


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_labels_by_a_chat_model_and_an_endpoint_that_is_added_and_removed(
    server: Server, open_browser: Open, tmp_path: Path, lang: str
) -> None:
    folder = language_models.save_base("qwen2", tmp_path / "chat", context=2048)
    watched = open_browser(width=390 if lang == "en" else 1280)
    page = watched.open(f"/{lang}")
    picker = page.locator("#model-classification input")
    expect(page.locator(".model-state .note").first).to_contain_text(READY[lang], timeout=90_000)
    picker.fill(str(folder))
    picker.press("Enter")
    labels = page.get_by_label(translate(lang, "field.candidate_labels").capitalize(), exact=True)
    labels.fill("good, bad")
    page.get_by_label(translate(lang, "field.text").capitalize(), exact=True).first.fill("The old dog ran.")
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(page.locator(".scores:visible")).to_contain_text("good", timeout=60_000)
    expect(page.locator(".scores:visible")).to_contain_text("%")
    # Its prompt is there to be changed.
    page.get_by_role("button", name=translate(lang, "ui.advanced")).locator("visible=true").first.click()
    prompt = page.locator(".prompt:visible textarea")
    expect(prompt).to_have_value(translate(lang, "prompt.classification"))
    # A server that is not there: added, chosen, and said not to answer.
    panel = page.locator("#endpoint-classification")
    panel.get_by_role("button", name=translate(lang, "ui.endpoint")).first.click()
    where = panel.get_by_label(translate(lang, "ui.endpoint.provider"))
    for choice, address in (("together", 0), (translate(lang, "ui.endpoint.server"), 1)):
        where.click()
        page.get_by_role("option", name=choice, exact=True).click()
        expect(panel.get_by_label(translate(lang, "ui.endpoint.url"), exact=True)).to_have_count(address)
    typed = {"http://127.0.0.1:8000/v1": "http://127.0.0.1:9/v1", "Qwen/Qwen2.5-7B-Instruct": "m"}
    for placeholder, value in {**typed, "local-qwen": f"gone-{lang}"}.items():
        panel.get_by_placeholder(placeholder).fill(value)
    key = panel.locator("input[type=password]")
    key.fill("sk-x")
    panel.get_by_role("button", name=translate(lang, "ui.endpoint.add")).click()
    expect(panel).to_contain_text(translate(lang, "ui.endpoint.added"))
    expect(key).to_have_value("")
    expect(picker).to_have_value(translate(lang, "ui.model.endpoint", title=f"gone-{lang}"))
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(page.get_by_text(f"gone-{lang}").filter(has_text="127.0.0.1:9").first).to_be_visible(timeout=60_000)
    # It is removed, and the picker goes back to a model of this machine.
    panel.get_by_role("button", name=translate(lang, "ui.endpoint.remove")).click()
    expect(panel).to_contain_text(translate(lang, "ui.endpoint.removed"))
    expect(picker).not_to_have_value(translate(lang, "ui.model.endpoint", title=f"gone-{lang}"))
    assert "sk-x" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= (390 if lang == "en" else 1280)
    assert watched.errors == []
