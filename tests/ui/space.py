"""The playground as a Space: published to a Hub, then started there as a fresh user in a clean folder, in a frame.

The page around the frame is the Hub's own address, answered by the test: elsewhere nobody may frame a Space.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from playground.i18n import translate
from playground.services.publish import publish
from playground.settings import settings
from tests.hub_server import running_hub, use_hub
from tests.ui.server import Server, wait_for

NOBODY = 65534
AS_NOBODY = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip
"""A user who owns nothing but a home: may read (this Python may lie in root's own folder), and write nowhere else."""
START_SECONDS = 300
AROUND = "https://huggingface.co/spaces/someone/playground"
FLAGS = ("--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",)
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


@contextmanager
def running_space(there: Path) -> Iterator[Space]:
    """A Space that was published and started, with a user's home beside it."""
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


def in_frame(page: Page, url: str, around: str = AROUND) -> Page:
    """The page with that address in a frame of it; what is asked of a page is asked of the frame."""
    body = f'<iframe src="{url}" style="position: fixed; inset: 0; width: 100%; height: 100%; border: 0"></iframe>'
    page.unroute_all()
    page.route(f"{around}**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(around)
    framed: Any = InFrame(page)
    return framed


class InFrame:
    """A page whose contents are in its only frame."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def __getattr__(self, name: str) -> Any:
        frame = self.page.frames[1]
        return getattr(frame if hasattr(frame, name) else self.page, name)
