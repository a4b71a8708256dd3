"""A real server and a real Chromium for the tests of this folder. A missing browser is an error, never a skip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Playwright, expect, sync_playwright

from tests.ui.server import Server
from tests.ui.space import AROUND, FLAGS, in_frame, running_space

IN_SPACE = os.environ.get("PLAYGROUND_TEST_SPACE") == "1"
"""Whether the tests of this folder are to be run on a Space, in a frame: see test_space.py."""
SYSTEM_CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)  # the default of 5 s is short on a busy machine


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if IN_SPACE:
        with running_space(tmp_path_factory.mktemp("hub")) as space:
            space.home /= ".nlp-playground"
            yield space
        return
    running = Server(tmp_path_factory.mktemp("home"))
    running.start()
    yield running
    running.stop()
    running.end_runs()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with started(playwright, *(FLAGS if IN_SPACE else ())) as chromium:
        yield chromium


@contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """Debian's Chromium where there is one, else Playwright's own."""
    with sync_playwright() as playwright, started(playwright, *flags) as chromium:
        yield chromium


@contextmanager
def started(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """The same where a Playwright runs already: there may be one in a process."""
    chromium = playwright.chromium.launch(
        executable_path=SYSTEM_CHROMIUM if SYSTEM_CHROMIUM.exists() else None,
        args=[*flags, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])],
    )
    yield chromium
    chromium.close()


class Watched:
    """A page, and everything it did that it should not have."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self._request(request.url))
        page.on("console", lambda message: self._said(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, text: str) -> None:
        # In a frame of another origin no field takes the focus by itself, which Chromium notes as an error.
        if not (IN_SPACE and text.startswith("Blocked autofocusing")):
            self.errors.append(text)

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:", "blob:", *([AROUND] if IN_SPACE else []))):
            self.foreign.append(url)

    def open(self, path: str) -> Page:
        page = self.page
        if IN_SPACE:
            page = in_frame(page, self.origin + path)
        else:
            page.goto(self.origin + path)
        page.wait_for_selector(".run-button", state="attached")
        return page


def winner(page: Page) -> Locator:
    """The label that a result says is the likeliest: the page shows all, best first."""
    return page.locator(".scores:visible .confidence-set dt").first


@pytest.fixture(scope="session")
def idle() -> dict[str, list[BrowserContext]]:
    """Browsers that a test has left, by locale: loading and compiling Gradio anew is half of what a page costs."""
    return {}


@pytest.fixture
def open_browser(
    server: Server, browser: Browser, idle: dict[str, list[BrowserContext]]
) -> Iterator[Callable[..., Watched]]:
    """open_browser(locale=..., width=...) -> Watched: a browser of its own, with no cookies."""
    taken: list[tuple[str, BrowserContext]] = []

    def new(*, locale: str = "en-US", width: int = 1280) -> Watched:
        waiting = idle.setdefault(locale, [])
        context = waiting.pop() if waiting else browser.new_context(locale=locale)
        taken.append((locale, context))
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        return Watched(page, server.url)

    yield new
    for locale, context in taken:
        for page in context.pages:
            page.close()
        context.clear_cookies()
        idle[locale].append(context)
