"""The playground as a Space: published, then started there as a fresh user in a clean folder, and used in a frame.

The page around the frame is the Hub's own address, answered by the test: elsewhere nobody may frame a Space.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from playground.i18n import translate
from playground.services.publish import publish
from playground.settings import settings
from tests.hub_server import running_hub, use_hub
from tests.ui.conftest import launched
from tests.ui.server import Server, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NOBODY = 65534
AS_NOBODY = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip
"""A user who owns nothing but a home: may read (this Python may lie in root's own folder), and write nowhere else."""
START_SECONDS = 300
SLOW_MS = 240_000
"""A Space has two cores."""
AROUND = "https://huggingface.co/spaces/someone/playground"
STRANGER = "https://evil.example/"
FLAGS = ["--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"]
"""Without these Chromium asks before a page of the internet may show one of this machine, which a Space is not."""


class Space(Server):
    """What the Hub starts: `python app.py` in the published folder, with what a Space's environment has, no more."""

    def __init__(self, folder: Path, user_home: Path) -> None:
        self.folder = folder
        super().__init__(user_home)

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1",
            "SYSTEM": "spaces", "SPACE_ID": "someone/playground", "SPACE_HOST": "someone-playground.hf.space",
            "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7860", "PLAYGROUND_PORT": str(self.port),
            "HF_TOKEN": "hf_secret", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        with (self.folder.parent / "server.log").open("w") as out, (self.folder.parent / "server.err").open("w") as err:
            self.process = subprocess.Popen(
                [*(AS_NOBODY if os.geteuid() == 0 else []), sys.executable, "app.py"], cwd=self.folder,
                env=environment, stdout=out, stderr=err, text=True,
            )  # fmt: skip
        wait_for(lambda: translate("en", "app.public") in self.printed() or self.ended(), START_SECONDS, "the Space")
        assert not self.ended(), self.errors()

    def printed(self) -> str:
        return (self.folder.parent / "server.log").read_text()

    def errors(self) -> str:
        return (self.folder.parent / "server.err").read_text()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    there = tmp_path_factory.mktemp("hub")
    with running_hub({}, there) as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_secret")
        settings.cache_clear()
        use_hub(patch, hub, there / "cache")
        publish("someone/playground")
    settings.cache_clear()
    home = there / "user"
    home.mkdir()
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    running = Space(there / "someone/playground", home)
    running.start()
    yield running
    running.stop()
    for path in home.glob(".nlp-playground"):
        running.home = path
        running.end_runs()


@pytest.fixture(scope="module")
def framing() -> Iterator[Browser]:
    with launched(*FLAGS) as chromium:
        yield chromium


def framed(browser: Browser, space: Space, around: str = AROUND, path: str = "/en") -> tuple[Page, Frame]:
    """A page at that address with the Space in a frame, and the frame."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(SLOW_MS)
    body = f'<iframe src="{space.url}{path}" width="1200" height="850"></iframe>'
    page.route(f"{around}**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(around)
    return page, page.frames[1]


def test_the_page_works_in_a_frame_and_knows_its_visitor_again(space: Space, framing: Browser) -> None:
    page, frame = framed(framing, space)
    expect(frame.locator(".model-state .note").first).to_contain_text("Ready", timeout=SLOW_MS)
    frame.get_by_label("Text", exact=True).fill("I love it. The best dinner in years!")
    frame.get_by_role("button", name="Run", exact=True).click()
    expect(frame.locator(".scores")).to_contain_text("positive", timeout=SLOW_MS)
    frame.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    frame.get_by_role("button", name="support-tickets.csv").click()
    expect(frame.locator("#checked li.fine")).to_be_visible(timeout=SLOW_MS)
    frame.get_by_label(translate("en", "ui.method.linear_probe")).check()
    frame.get_by_role("button", name=translate("en", "ui.start"), exact=True).click()
    expect(frame.locator("#verdict")).to_contain_text("Accuracy", timeout=600_000)
    page.reload()
    again = page.frames[1]
    again.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    expect(again.locator("#run-head h3")).to_have_text("support-tickets.csv", timeout=SLOW_MS)
    # Another visitor sees nothing of it.
    _, other = framed(framing, space)
    other.get_by_role("tab", name=translate("en", "ui.tab.finetune")).click()
    expect(other.locator(".run-panel")).to_contain_text(translate("en", "ui.runs.none"), timeout=SLOW_MS)


def test_a_page_of_a_stranger_may_not_frame_it(space: Space, framing: Browser) -> None:
    page, frame = framed(framing, space, STRANGER)
    page.wait_for_timeout(2000)
    assert frame.locator(".run-button").count() == 0


def test_nothing_is_written_outside_the_data_folder_and_the_token_nowhere(space: Space) -> None:
    assert [path.name for path in space.home.iterdir() if path.name != ".nlp-playground"] == []
    assert not [path for path in space.folder.rglob("*") if re.search(r"pycache|\.pyc|/runs/|/uploads/", str(path))]
    for path in space.home.rglob("*"):
        if path.is_file() and path.stat().st_size < 10**6:
            assert b"hf_secret" not in path.read_bytes(), path
    assert "hf_secret" not in space.printed() + space.errors()
    assert "Traceback" not in space.errors()
