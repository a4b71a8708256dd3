"""The dry run in a browser: what a fine-tune would take is told before it is started, and nothing of it stays."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from playground.i18n import translate
from playground.runs import TrainingParams
from tests.ui.conftest import Watched
from tests.ui.server import ROOT, Server, wait_for
from tests.ui.test_finetune import DATASET, upload
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
DRY_MS = 120_000


def left(server: Server) -> list[str]:
    """Dry runs and runs that are in the server's folder."""
    return [path.name for place in ("dry", "runs") for path in (server.home / place).glob("*-*")]


@pytest.mark.slow
def test_time_memory_and_every_number_are_told_on_a_telephone(server: Server, open_browser: Open) -> None:
    before = left(server)
    watched = open_browser(width=390)
    page = watched.open("/zh")
    upload(page, DATASET, "zh")
    page.get_by_role("button", name=translate("zh", "ui.dry.start"), exact=True).click()
    told = page.locator("#dry-run")
    expect(told).to_contain_text(re.compile(r"\d+ (秒|分)"), timeout=DRY_MS)
    expect(told).to_contain_text(re.compile(r"\d[\d.,]* ?[MG]B"))
    for name in ("epochs", "batch_size", "learning_rate", "max_length", "seed"):
        expect(told).to_contain_text(translate("zh", f"number.{name}"))
    allowed = {path.name for path in (ROOT / "examples/datasets/classification").iterdir()} | {
        "message", "topic", "account · billing · shipping", "account", "billing", "shipping",
    }  # fmt: skip
    numbers = tuple(translate("zh", f"number.{name}") + "：" for name in TrainingParams.model_fields)
    texts = [text for text in visible(page, without=".run-panel") if not text.startswith(numbers)]
    assert strangers(texts, "zh", allowed) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert left(server) == before
    assert watched.errors == []


def test_who_does_not_wait_stops_it(server: Server, open_browser: Open) -> None:
    before = left(server)
    page = open_browser().open("/en")
    upload(page, DATASET)
    page.get_by_role("button", name=translate("en", "ui.dry.start"), exact=True).click()
    stop = page.get_by_role("button", name=translate("en", "ui.dry.stop"), exact=True)
    wait_for(lambda: left(server) != before, 60, "a dry run")
    stop.click()
    expect(stop).to_be_hidden()
    expect(page.locator("#dry-run")).to_be_empty()
    wait_for(lambda: left(server) == before, 30, "the end of the dry run")
