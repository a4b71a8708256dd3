"""The playground as a Space: used in a frame, by this file and by the browser tests of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from playground.i18n import translate
from tests.ui.conftest import started, winner
from tests.ui.server import ROOT
from tests.ui.space import AROUND, FLAGS, Space, in_frame, running_space
from tests.ui.test_tasks import EACH_TASK, called

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SLOW_MS = 240_000
"""A Space has two cores."""
STRANGER = "https://evil.example/"
IN_A_FRAME = (
    *(f"tests/ui/test_tasks.py::test_a_dataset_becomes_a_model_that_answers[{called(one)}]" for one in EACH_TASK),
    "tests/ui/test_tasks.py::test_the_starters_mark_what_they_find", "tests/ui/test_zero_shot.py",
    "tests/ui/test_translation.py", "tests/ui/test_generation.py",
    "tests/ui/test_check.py", "tests/ui/test_finetune.py",
    "tests/ui/test_batch.py::test_a_file_is_predicted_and_downloaded",
    "tests/ui/test_documents.py::test_a_file_is_asked_in_the_tab_of_questions",
)  # fmt: skip
"""Browser tests that visitors can follow: checks, fine-tunes, answers, files and documents, both languages."""
NOT_OFFERED = "tests/ui/test_generation.py::test_a_chat_is_streamed_undone_edited_exported_and_imported"
"""Its model is a folder of the machine, which visitors are not offered."""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with running_space(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture(scope="module")
def framing(playwright: Playwright) -> Iterator[Browser]:
    with started(playwright, *FLAGS) as chromium:
        yield chromium


def framed(browser: Browser, space: Space, around: str = AROUND) -> Page:
    """A new visitor's page with the Space in a frame."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(SLOW_MS)
    return in_frame(page, f"{space.url}/en", around)


def test_the_page_works_in_a_frame_and_knows_its_visitor_again(space: Space, framing: Browser) -> None:
    frame = framed(framing, space)
    expect(frame.locator(".model-state .note").first).to_contain_text("Ready", timeout=SLOW_MS)
    frame.get_by_label("Text", exact=True).fill("I love it. The best dinner in years!")
    frame.get_by_role("button", name="Run", exact=True).click()
    expect(winner(frame)).to_have_text("positive", timeout=SLOW_MS)
    frame.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    frame.get_by_role("button", name="support-tickets.csv").click()
    expect(frame.locator("#checked li.fine")).to_be_visible(timeout=SLOW_MS)
    frame.get_by_label(translate("en", "ui.method.linear_probe")).check()
    frame.get_by_role("button", name=translate("en", "ui.start"), exact=True).click()
    expect(frame.locator("#verdict")).to_contain_text("Accuracy", timeout=600_000)
    frame.reload()
    frame.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    expect(frame.locator("#run-head h3")).to_have_text("support-tickets.csv", timeout=SLOW_MS)
    # Another visitor sees nothing of it.
    other = framed(framing, space)
    other.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    expect(other.locator(".run-panel")).to_contain_text(translate("en", "ui.runs.none"), timeout=SLOW_MS)


def test_a_page_of_a_stranger_may_not_frame_it(space: Space, framing: Browser) -> None:
    frame = framed(framing, space, STRANGER)
    frame.wait_for_timeout(2000)
    assert frame.locator(".run-button").count() == 0


@pytest.mark.timeout(3600)
def test_the_browser_tests_pass_in_a_frame_too() -> None:
    """On a Space of their own, by a visitor who is told apart from others and has limits."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *IN_A_FRAME, "--deselect", NOT_OFFERED],
        cwd=ROOT, env={**os.environ, "PLAYGROUND_TEST_SPACE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


def test_nothing_is_written_outside_the_data_folder_and_the_token_nowhere(space: Space) -> None:
    assert [path.name for path in space.home.iterdir() if path.name != ".nlp-playground"] == []
    assert not [path for path in space.folder.rglob("*") if re.search(r"pycache|\.pyc|/runs/|/uploads/", str(path))]
    for path in space.home.rglob("*"):
        if path.is_file() and path.stat().st_size < 10**6:
            assert b"hf_secret" not in path.read_bytes(), path
    assert "hf_secret" not in space.printed() + space.errors()
    assert "Traceback" not in space.errors()
