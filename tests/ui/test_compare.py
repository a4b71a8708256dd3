"""From nothing against from pretrained: one click, two runs on the same split, one table."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from playground.i18n import translate
from tests.ui.conftest import Watched
from tests.ui.server import ROOT, Server, wait_for

TICKETS = ROOT / "examples/datasets/classification/support-tickets.csv"


@pytest.mark.slow
def test_one_click_puts_both_ways_into_one_table(server: Server, open_browser: Callable[..., Watched]) -> None:
    watched = open_browser()
    page = watched.open("/en")
    page.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    page.locator("#dataset-file input[type=file]").set_input_files(TICKETS)
    expect(page.locator("#checked li.fine")).to_be_visible()
    page.get_by_label(translate("en", "ui.preset.quick")).check()
    before = set((server.home / "runs").glob("*"))
    page.get_by_role("button", name=translate("en", "ui.start.both"), exact=True).click()
    wait_for(lambda: len(set((server.home / "runs").glob("*")) - before) == 2, 60, "both runs")
    made = set((server.home / "runs").glob("*")) - before
    wait_for(lambda: all((run / "report.json").exists() for run in made), 600, "both results")
    specs = [json.loads((run / "spec.json").read_text()) for run in made]
    assert {spec["method"] for spec in specs} == {"lora", "scratch"}
    held_out = [pq.read_table(run / "data/held_out.parquet").to_pylist() for run in made]
    assert held_out[0] == held_out[1]
    scores = page.locator("#scores")
    expect(scores).to_contain_text(translate("en", "scored.tuned"), timeout=60_000)
    expect(scores).to_contain_text("for comparison", timeout=60_000)
    assert (watched.foreign, watched.errors) == ([], [])
