"""A whole file in a browser: upload, start, reload, the server's end, the table that comes out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import pytest
from gradio.utils import get_upload_folder
from playwright.sync_api import Locator, Page, expect
from pyarrow import parquet

from playground.errors import PlaygroundError
from playground.heads import endpoint
from playground.i18n import translate
from playground.models import endpoints
from playground.runs import LOCAL
from playground.services import batch, limits
from playground.settings import settings
from playground.tasks import get_task
from playground.ui.batch_api import saved
from playground.ui.batch_panel import BatchPanel
from playground.ui.wrapper import Visitor
from tests.chat_server import Moody, running_moody
from tests.ui.conftest import Watched
from tests.ui.server import Server, wait_for
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
SCRIPT = "<img src=x onerror=alert(1)>"
WORK_MS = 240_000


def films(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["review", "note", "sentiment"])
        lines.writerow([SCRIPT, "=1+1", "negative"])
        lines.writerow(["", "+1", "negative"])
        lines.writerows([f"A warm film, number {row}. " * (1 + row % 7), SCRIPT, "positive"] for row in range(rows - 2))
    return path


def button(page: Page, lang: str, key: str) -> Locator:
    return page.get_by_role("button", name=translate(lang, key), exact=True).and_(page.locator(":visible"))


def opened(page: Page, lang: str, path: Path) -> None:
    """The panel of the first tab with a file, whose columns are understood."""
    page.get_by_role("button", name=translate(lang, "ui.batch")).and_(page.locator(":visible")).click()
    page.locator("#batch-file-classification input[type=file]").set_input_files(path)
    expect(page.locator("#batch-classification-text")).to_contain_text("review")
    expect(page.locator("#batch-classification-label input")).to_have_value("sentiment")


def downloaded(page: Page, ending: str, folder: Path) -> Path:
    with page.expect_download(timeout=60_000) as waiting:
        page.locator(".batch-panel:visible").get_by_role("button", name=ending, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == f"classification-predictions.{ending}"
    return path


def test_a_file_is_predicted_and_downloaded(server: Server, open_browser: Open, tmp_path: Path) -> None:
    """In Chinese, on a telephone; what cells hold is text wherever it is shown."""
    watched = open_browser(locale="zh-CN", width=390)
    page = watched.open("/zh?model=starter/sentiment-en")
    opened(page, "zh", films(tmp_path / "films.csv", 30))
    button(page, "zh", "ui.batch.start").click()
    facts = page.locator(".batch-head:visible .facts")
    expect(facts).to_contain_text(translate("zh", "state.done"), timeout=WORK_MS)
    expect(facts).to_contain_text(translate("zh", "batch.failures", failed=1))
    expect(page.locator(".batch-score:visible .verdict")).to_contain_text(translate("zh", "metric.accuracy"))
    expect(page.locator(".batch-preview:visible")).to_contain_text(SCRIPT)
    shown = {SCRIPT, "review", "sentiment", "predicted_label", "films.csv", "csv", "jsonl", "parquet"}
    shown |= {"starter/sentiment-en", "sentiment-en", "predicted_score", "prediction_error"}
    assert strangers(visible(page), "zh", shown) == []
    with downloaded(page, "csv", tmp_path).open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    lines = [json.loads(line) for line in downloaded(page, "jsonl", tmp_path).read_text("utf-8").splitlines()]
    table = parquet.read_table(downloaded(page, "parquet", tmp_path)).to_pylist()
    assert len(cells) == len(lines) == len(table) == 30 and lines == table
    assert [cells[0]["note"], cells[1]["note"]] == ["'=1+1", "'+1"]
    assert cells[1]["prediction_error"] == lines[1]["prediction_error"] == "“文本”是空的。"
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert watched.dialogs == [] and watched.errors == [] and watched.foreign == []


def test_tables_to_download_count_like_uploads(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each click writes one, which is kept for a day."""
    found = batch.open_files(
        films(tmp_path / "films.csv", 5), "classification", model="starter/sentiment-en", owner="ann"
    )
    batch.work_on(found, "ann", lambda _: None)
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_OWNER_MB", "1")
    settings.cache_clear()
    ann = Visitor("ann", "en", {})
    size = saved(found, ann, "csv").stat().st_size
    limits.take_upload("ann", 2**20 - size - 1)
    folder = Path(get_upload_folder())
    before = set(folder.iterdir())
    with pytest.raises(PlaygroundError) as caught:
        saved(found, ann, "csv")
    assert caught.value.code == "uploads_full"
    assert set(folder.iterdir()) == before


@pytest.mark.slow
def test_it_goes_on_after_a_reload_and_after_the_end_of_the_server(
    server: Server, open_browser: Open, tmp_path: Path
) -> None:
    own = Server(tmp_path / "home")
    own.start()
    try:
        page = open_browser().page
        page.goto(own.url + "/en")
        page.wait_for_selector(".run-button", state="attached")
        opened(page, "en", films(tmp_path / "films.csv", 3_000))
        button(page, "en", "ui.batch.start").click()
        page.wait_for_url("**/en?batch=*")
        batch = own.home / "batches" / page.url.rpartition("=")[2]
        results = batch / "results.jsonl"
        wait_for(results.exists, 60, "first results")
        page.reload()
        expect(page.locator(".batch-head:visible h3")).to_have_text("films.csv")
        own.kill()
        done = len(results.read_text("utf-8").splitlines())
        own.start()
        wait_for(lambda: len(results.read_text("utf-8").splitlines()) > done, 120, "more results")
        page.reload()
        button(page, "en", "ui.stop").click()
        button(page, "en", "ui.batch.resume").click()
        expect(page.locator(".batch-head:visible .facts")).to_contain_text(
            translate("en", "state.done"), timeout=WORK_MS
        )
        rows = [json.loads(line)["row"] for line in results.read_text("utf-8").splitlines()]
        assert sorted(rows) == list(range(1, 3_001))
        button(page, "en", "ui.batch.discard").click()
        wait_for(lambda: not batch.exists(), 30, "its removal")
    finally:
        own.stop()


def test_the_page_says_how_often_a_server_was_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the work was taken up again: it is counted by what the rows say."""
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    settings.cache_clear()
    upload = batch.inspect(films(tmp_path / "films.csv", 5), "classification", LOCAL)
    with running_moody() as url, gr.Blocks():
        asked = {"columns": {"text": ["review"]}, "given": {"candidate_labels": "negative, positive"}}
        model = endpoints.add("moody", url=url, model="m")
        begun = batch.begin(upload.id, model=model, owner=LOCAL, **asked)
        Moody.plan = [503, 429]
        panel = BatchPanel(get_task("classification"), "zh", gr.Dropdown(), [])
        for _ in range(2):
            assert batch.work_on(begun, LOCAL, lambda status: None).retries == 2
            _, shown, *_ = panel.on_tick(Visitor(LOCAL, "zh", {}), begun, {})
            assert translate("zh", "batch.retries", retries=2) in shown["head"]["value"]
