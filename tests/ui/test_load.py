"""Many visitors at once while a fine-tune runs. How fast they are answered is measured by benchmarks/load.py."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.load import BAR_MS, put_under_load, start_a_run
from playground.runs import Run
from tests.ui.server import Public, wait_for


@pytest.mark.slow
def test_fifty_visitors_are_answered_or_told_that_it_is_busy(tmp_path: Path) -> None:
    server = Public(tmp_path)
    server.start()
    try:
        run = Run(server.home / "runs" / start_a_run(server))
        before = len(run.metrics())
        load = put_under_load(server, users=50, requests=4)
        assert load.unanswered == {} and load.answers["answered"]
        # Half of them; how soon the slowest come is measured on an idle machine.
        assert 1000 * statistics.median(load.pages) <= BAR_MS
        # It goes on beside them, or behind them where they leave it no time. status() looks at its process, too.
        assert run.status().state == "running"
        wait_for(lambda: len(run.metrics()) > before, 60, "a step of training")
    finally:
        server.stop()
        server.end_runs()
