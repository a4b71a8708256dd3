"""The panel that asks documents, in a browser; its model is a small random one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from playground.heads.extractive_qa import HEAD
from playground.i18n import translate
from playground.models.resolve import resolve
from playground.runs import TrainingParams
from tests.data.pdfs import make_pdf
from tests.ui.conftest import PATIENCE_MS, Watched
from tests.ui.server import ROOT, free_port, wait_for
from tests.ui.words import strangers, visible

PAGES = [
    "Stingless bees nest in hollow trees.\nThey feed on the nectar of mangrove flowers.",
    "The bridge over the Lenne was built in 1893\nby the engineer Clara Voss.",
]
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> The bridge </mark> was built in 1893. &lt;b&gt;"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, base, port = tmp_path_factory.mktemp("home"), resolve("sentence-transformers/all-MiniLM-L6-v2"), free_port()
    made, tokenizer = HEAD.new_model(base, [], TrainingParams(lora_r=4, seed=3))
    HEAD.save(made, home / "qa", tokenizer=tokenizer, task="qa", labels=[], base=base, max_length=256)
    with (home / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ui.document_page", str(port), str(home / "qa")],
            cwd=ROOT, env={**os.environ, "PLAYGROUND_HOME": str(home), "OMP_NUM_THREADS": "1"}, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for(lambda: "ready" in (home / "out").read_text() or process.poll() is not None, 120, "the panel")
        assert process.poll() is None, (home / "out").read_text()
        yield f"http://127.0.0.1:{port}"
        assert "Traceback" not in (home / "out").read_text()
    finally:
        process.terminate()
        process.wait(30)


class Panel:
    """The panel on a page in a language."""

    def __init__(self, browser: Browser, address: str, lang: str, width: int) -> None:
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        self.watched, self.page, self.lang = Watched(page, address), page, lang
        self.watched.open(f"/{lang}")

    def text(self, key: str, **values: object) -> str:
        return translate(self.lang, key, **values)

    def upload(self, name: str, content: bytes) -> None:
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.locator("#document-file input[type=file]").set_input_files(file)  # type: ignore[arg-type]

    def says(self, key: str, **values: object) -> None:
        expect(self.page.locator(".document-state .note")).to_contain_text(
            self.text(key, **values), timeout=PATIENCE_MS
        )

    def question(self, words: str) -> None:
        self.page.get_by_label(self.text("ui.documents.question"), exact=True).fill(words)

    def press(self, key: str) -> None:
        self.page.get_by_role("button", name=self.text(key), exact=True).click()


@pytest.mark.parametrize(("lang", "width"), [pytest.param("en", 1280, marks=pytest.mark.slow), ("zh", 390)])
def test_a_pdf_is_asked_and_searched(browser: Browser, address: str, lang: str, width: int) -> None:
    panel = Panel(browser, address, lang, width)
    panel.upload("bees.pdf", make_pdf(PAGES))
    panel.says("document.ready", name="bees.pdf", passages=1)
    panel.question("Who built the bridge?")
    panel.press("ui.documents.find")
    found = panel.page.locator(".passages li")
    expect(found).to_have_count(1)
    # The lines that only the page's width made are joined; the page is told.
    expect(found).to_contain_text("was built in 1893 by the engineer Clara Voss")
    expect(found).to_contain_text(panel.text("document.page", page=1))
    panel.page.keyboard.press("Tab")
    panel.page.get_by_label(panel.text("ui.documents.question"), exact=True).press("Enter")
    expect(panel.page.locator(".passages mark")).to_have_count(1)
    expect(panel.page.locator(".document-found .note")).to_have_text(panel.text("document.scores"))
    title = panel.page.locator(".passages b").inner_text()
    assert " ".join(panel.page.locator(".passages mark").inner_text().split()) == title
    assert panel.page.evaluate("document.documentElement.scrollWidth") <= width
    if lang == "zh":
        shown = visible(panel.page, without=".passages, .file-preview, #document-id")
        model = panel.page.get_by_role("combobox", name="Model").input_value()
        assert strangers(shown, lang, {"Model", model}) == []
    assert panel.watched.errors == [] and panel.watched.foreign == []


def test_what_a_document_holds_is_shown_as_text(browser: Browser, address: str) -> None:
    panel = Panel(browser, address, "en", 1280)
    panel.page.get_by_label(panel.text("ui.documents.text"), exact=True).fill(HOSTILE)
    panel.question("When was the bridge built?")
    for button in ("ui.documents.find", "ui.documents.ask"):
        panel.press(button)
        expect(panel.page.locator(".passages")).to_contain_text(HOSTILE)
    panel.says("document.ready", name=panel.text("document.pasted"), passages=1)
    assert panel.page.locator(".passages img, .passages script").count() == 0
    assert panel.watched.dialogs == [] and panel.watched.errors == []


def test_a_refusal_is_said_and_leaves_the_panel_ready(browser: Browser, address: str) -> None:
    panel = Panel(browser, address, "zh", 1280)
    panel.upload("scan.pdf", make_pdf([""]))
    notice = panel.page.locator(".toast-body")
    expect(notice).to_contain_text(panel.text("error.document_scanned", file="scan.pdf"))
    expect(notice).to_contain_text(panel.text("error.document_scanned.hint"))
    expect(panel.page.get_by_role("button", name=panel.text("ui.documents.stop"))).to_be_hidden()
    expect(panel.page.locator(".document-state .note")).to_have_count(0)


def test_without_a_document_or_a_question_the_remedy_is_said(browser: Browser, address: str) -> None:
    panel = Panel(browser, address, "en", 1280)
    panel.press("ui.documents.ask")
    expect(panel.page.locator(".toast-body")).to_contain_text(panel.text("error.field_empty.hint"))
    panel.page.locator(".toast-close").click()
    panel.question("Who built the bridge?")
    panel.press("ui.documents.ask")
    expect(panel.page.locator(".toast-body")).to_contain_text(panel.text("error.no_document.hint"))


def test_a_long_document_shows_how_far_it_is_and_can_be_stopped(browser: Browser, address: str) -> None:
    panel = Panel(browser, address, "en", 1280)
    panel.upload(
        "long.txt", "".join(f"Paragraph {n} tells of a bridge and its bees.\n\n" for n in range(20_000)).encode()
    )
    state = panel.page.locator(".document-state .note")
    expect(state).to_contain_text(re.compile(r"Indexing [1-9]\d* of \d+ passages"), timeout=PATIENCE_MS)
    panel.press("ui.documents.stop")
    panel.says("document.stopped")
    panel.page.wait_for_timeout(2000)
    panel.says("document.stopped")
    expect(panel.page.get_by_role("button", name=panel.text("ui.documents.stop"))).to_be_hidden()
    # The stopped work holds nothing up.
    panel.page.get_by_label(panel.text("ui.documents.text"), exact=True).fill("The bridge was built in 1893.")
    panel.question("When was it built?")
    panel.press("ui.documents.find")
    expect(panel.page.locator(".passages li")).to_have_count(1, timeout=10_000)


def test_a_file_is_asked_in_the_tab_of_questions(open_browser: Callable[..., Watched]) -> None:
    """The whole page, the starter, and a file with marks of Markdown."""
    watched = open_browser()
    page = watched.open("/en")
    page.get_by_role("tab", name=translate("en", "task.qa"), exact=True).click()
    shown = page.locator("#document-file")
    if not shown.is_visible():
        page.get_by_role("button", name=translate("en", "ui.documents")).click()
    text = "# The mill\n\nIt was *built* in 1804 by Jonas Frey.\n\n## The fire\n\nThe mill burnt down in 1871.\n"
    file = {"name": "mill.md", "mimeType": "text/markdown", "buffer": text.encode()}
    shown.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    ready = translate("en", "document.ready", name="mill.md", passages=1).split("1")[0]
    expect(page.locator(".document-state .note")).to_contain_text(ready, timeout=PATIENCE_MS)
    page.get_by_label(translate("en", "ui.documents.question"), exact=True).fill("When did the mill burn down?")
    page.get_by_role("button", name=translate("en", "ui.documents.ask"), exact=True).click()
    expect(page.locator(".passages mark").first).to_have_text("1871")
    assert watched.errors == [] and watched.foreign == []
