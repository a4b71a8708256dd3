"""A real server and a real Chromium for the benchmarks that measure what a person at the page waits for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.ui.conftest import launched
from tests.ui.server import Server
from tests.ui.test_finetune import start, upload


@dataclass
class Trained:
    """A run started by a click: its id, its server, the page, and the moment of the click (time.monotonic)."""

    run: str
    server: Server
    page: Page
    clicked: float

    def since_click(self) -> float:
        return time.monotonic() - self.clicked


@contextmanager
def trained_in_the_browser(dataset: Path, limit_seconds: float) -> Iterator[Trained]:
    """Upload a file, change nothing, press Start, and wait until the result is shown."""
    with tempfile.TemporaryDirectory() as home, launched() as browser:
        server = Server(Path(home))
        server.start()
        try:
            page = browser.new_page(locale="en-US")
            page.goto(server.url + "/en")
            page.wait_for_selector(".run-button", state="attached")
            upload(page, dataset)
            clicked = time.monotonic()
            run = start(page)
            expect(page.locator("#verdict")).to_contain_text("Accuracy", timeout=1000 * limit_seconds)
            yield Trained(run, server, page, clicked)
        finally:
            server.stop()
            server.end_runs()
