"""A dataset of the Hub in a browser: named, looked up, downloaded, opened like a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from playground.i18n import translate
from tests.hub_server import Hub, Repository, running_hub
from tests.ui.conftest import Watched
from tests.ui.server import Server, server_beside
from tests.ui.test_finetune import DATASET
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
NAME = "someone/tickets"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    shutil.copy(DATASET, folder / "train.csv")
    with running_hub({f"datasets/{NAME}": Repository(folder, {"cardData": {"license": "mit"}})}) as running:
        yield running


@pytest.fixture(scope="module")
def server(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server_beside(hub.url, tmp_path_factory.mktemp("home")) as own:
        yield own


@pytest.mark.parametrize(("lang", "width"), [pytest.param("zh", 390, marks=pytest.mark.slow), ("en", 1280)])
def test_a_dataset_is_looked_up_downloaded_and_opened(open_browser: Open, hub: Hub, lang: str, width: int) -> None:
    watched = open_browser(width=width)
    page = watched.open(f"/{lang}")
    page.get_by_role("tab", name=translate(lang, "ui.tab.finetune")).click()
    page.get_by_role("button", name=translate(lang, "ui.hub_data")).click()
    panel = page.locator("#hub-data")
    name = panel.get_by_label(translate(lang, "ui.hub_data.name"))
    name.fill("no name")
    name.press("Enter")
    expect(page.locator(".toast-wrap")).to_contain_text(
        translate(lang, "error.bad_dataset_id", model="no name"), ignore_case=True
    )
    name.fill(NAME)
    panel.get_by_role("button", name=translate(lang, "ui.hub_data.look"), exact=True).click()
    first = not any("/resolve/" in path for path in hub.paths("GET"))
    if first:  # the second visitor finds it on this machine
        expect(panel).to_contain_text(translate(lang, "hub.licence", licence="mit"))
        assert not any("/resolve/" in path for path in hub.paths("GET"))
        page.get_by_role("button", name=translate(lang, "gradio.close")).first.click()
        if lang == "zh":
            allowed = {path.name for path in DATASET.parent.glob("*.*")} | {f"datasets/{NAME}", "owner/name", "mit"}
            assert strangers(visible(page, without=".run-panel, .toast-wrap"), lang, allowed) == []
        panel.get_by_role("button", name=translate(lang, "ui.download.start"), exact=True).click()
    expect(page.locator("#checked li.fine")).to_be_visible(timeout=90_000)
    expect(page.locator("#column-classification-label input")).to_have_value("topic")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.errors == [] and watched.foreign == []
