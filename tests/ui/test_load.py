"""Many visitors at once while a fine-tune runs. How fast they are answered is measured by benchmarks/load.py."""

from __future__ import annotations

import json
import secrets
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.load import BAR_MS, ask, kind, put_under_load, start_a_run
from playground.errors import PlaygroundError
from playground.runs import Run
from playground.ui.server import CONCURRENT_CALLS, QUEUED_CALLS
from tests.ui.server import Public, answer, wait_for


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


@pytest.mark.slow
def test_who_finds_the_queue_full_is_told_and_is_answered_later(tmp_path: Path) -> None:
    server = Public(tmp_path)
    server.start()

    def call(endpoint: str, **values: object) -> tuple[int, str]:
        """Of a new visitor, who does not wait for the answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secrets.token_hex(16)}"}
        status, _, body = answer(
            f"{server.url}/gradio_api/call/v2/{endpoint}", data=json.dumps(values).encode(), headers=headers
        )
        return status, body

    try:
        # So many at a time are at work on long texts, and only then is one of the queue taken.
        wishes = {"text": "Once upon a time", "model": "starter/story-en", "max_new_tokens": 1024}
        with ThreadPoolExecutor(20) as threads:
            said = list(
                threads.map(lambda _: call("generation", **wishes), range(CONCURRENT_CALLS + QUEUED_CALLS + 50))
            )
        refused = [body for status, body in said if status != 200]
        assert refused and {status for status, _ in said} == {200, 503}
        assert {json.loads(body)["detail"] for body in refused} == {PlaygroundError("queue_full").text("en")}
        assert {kind(body) for body in refused} == {"busy"}
        wait_for(lambda: kind(ask(server, secrets.token_hex(16), "I liked it.")) == "answered", 120, "an answer")
    finally:
        server.stop()
