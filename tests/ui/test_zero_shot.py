"""Labels typed by the visitor: the box shows only for the model that needs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from playground.i18n import translate
from playground.tasks.classification import TASK
from playground.ui.renderers import field_label
from tests.ui.conftest import Watched, winner
from tests.ui.server import Server

ZERO_SHOT = "starter/zero-shot-en"


@pytest.mark.parametrize(("lang", "width"), [("en", 1280), pytest.param("zh", 390, marks=pytest.mark.slow)])
def test_the_labels_box_belongs_to_the_model(open_browser: Callable[..., Watched], lang: str, width: int) -> None:
    watched = open_browser(width=width)
    page = watched.open(f"/{lang}")
    box = page.get_by_label(field_label(TASK.extra_inputs[0], lang), exact=True)
    expect(page.locator(".model-state .note")).to_contain_text(translate(lang, "ui.model.ready").split("{")[0].strip())
    expect(box).to_be_hidden()
    page = watched.open(f"/{lang}?model={ZERO_SHOT}")
    box = page.get_by_label(field_label(TASK.extra_inputs[0], lang), exact=True)  # of the new page
    expect(box).to_be_visible()
    page.get_by_label(field_label(TASK.inputs[0], lang), exact=True).fill("The striker scored twice.")
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(page.locator(".toast-body")).to_contain_text(translate(lang, "error.candidate_labels.hint"))
    page.locator(".toast-close").click()
    box.fill("cooking，sports")
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).click()
    expect(winner(page)).to_have_text("sports")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.errors == []


def test_the_endpoint_takes_the_labels(server: Server) -> None:
    client = Client(server.url, verbose=False)
    found = client.predict(
        text="The striker scored twice.", candidate_labels="cooking, sports", model=ZERO_SHOT,
        api_name="/classification",
    )  # fmt: skip
    assert [entry["label"] for entry in found] == ["sports", "cooking"]
