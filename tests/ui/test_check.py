"""The check of a dataset in a browser: faults, their fixes and their undoing, the charts, and what a run gets."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translate
from tests.ui.conftest import IN_SPACE, Watched
from tests.ui.server import Server
from tests.ui.test_finetune import start, upload
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """30 good rows; three that repeat others, two that contradict, and a class in two spellings."""
    rows = [[f"Parcel {n} has not come", "shipping"] for n in range(15)]
    rows += [[f"Refund {n} is missing", ("billing", "Billing")[n < 6]] for n in range(15)]
    rows += [rows[0], rows[1], rows[2], [rows[3][0], "billing"], [rows[4][0], f"{SCRIPT}{{{{7*7}}}}"]]
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["message", "topic"], *rows])
    return path


def fix(page: Page, name: str) -> Locator:
    return page.locator(f"#checked [data-fix={name}]")


def apply(page: Page, name: str) -> None:
    fix(page, name).first.click()
    expect(page.locator("#checked li.fixed").filter(has=page.locator(f"[data-fix={name}]"))).to_be_visible()


def rows(page: Page, count: int, labels: int, lang: str = "en") -> None:
    sentence = translate(lang, "ui.check.ok.one", rows=str(count), count=labels)
    expect(page.locator("#checked li.fine")).to_contain_text(sentence)


def test_a_fix_is_a_click_and_so_is_its_undo(server: Server, open_browser: Open, tickets: Path) -> None:
    watched = open_browser()
    page = watched.open("/en")
    upload(page, tickets)
    rows(page, 35, 4)
    for chart in ("#chart-labels", "#chart-lengths"):
        expect(page.locator(f"{chart} .vega-embed")).to_be_visible()
    apply(page, "duplicates")
    rows(page, 32, 4)
    expect(page.locator("#checked li.fixed")).to_contain_text(translate("en", "fix.duplicates.done", count=3, total=35))
    apply(page, "one_spelling")
    rows(page, 32, 3)
    apply(page, "contradictions")
    rows(page, 28, 2)
    expect(fix(page, "majority")).to_have_count(0)
    fix(page, "duplicates").click()
    expect(page.locator("#checked li.fixed")).to_have_count(2)
    # Without the repeats the two texts are still contradicted, and the others stand there twice.
    rows(page, 31, 2)
    expect(page.locator("#checked")).to_contain_text("3 of 35 rows repeat an earlier row (rows 31, 32, 33)")
    page.get_by_label(translate("en", "ui.method.linear_probe")).check()
    run_id = start(page)
    spec = json.loads((server.home / "runs" / run_id / "spec.json").read_text())
    assert spec["fixes"] == ["one_spelling", "contradictions"] and spec["labels"] == ["billing", "shipping"]
    if not IN_SPACE:  # its visitors have no command line there
        page.get_by_role("button", name=translate("en", "ui.code")).and_(page.locator(":visible")).click()
        expect(page.locator(".codes .cli code:visible")).to_contain_text("--fix one_spelling --fix contradictions")
    assert watched.dialogs == [] and watched.foreign == [] and watched.errors == []


@pytest.mark.slow
def test_a_fix_is_applied_and_undone_from_the_keyboard(open_browser: Open, tickets: Path) -> None:
    page = open_browser().open("/en")
    upload(page, tickets)
    fix(page, "duplicates").focus()
    for fixed in (1, 0, 1):
        page.keyboard.press("Enter")
        expect(page.locator("#checked li.fixed")).to_have_count(fixed)
        expect(fix(page, "duplicates")).to_be_focused()


def test_files_whose_names_are_the_classes_are_one_dataset(server: Server, open_browser: Open, tmp_path: Path) -> None:
    texts = {"好评": "服务很好，下次再来", "差评": "等了很久，菜也凉了"}
    for label, text in texts.items():
        (tmp_path / f"{label}.txt").write_text("".join(f"{text} {n}\n" for n in range(20)), encoding="utf-8")
    watched = open_browser()
    page = watched.open("/zh")
    page.get_by_role("tab", name=translate("zh", "ui.tab.finetune")).click()
    page.locator("#dataset-file input[type=file]").set_input_files([tmp_path / f"{label}.txt" for label in texts])
    rows(page, 40, 2, "zh")
    expect(page.locator("#column-classification-label input")).to_have_value("label")
    expect(page.locator("#preview")).to_contain_text("好评")
    page.get_by_label(translate("zh", "ui.method.linear_probe")).check()
    run_id = start(page, "zh")
    spec = json.loads((server.home / "runs" / run_id / "spec.json").read_text())
    assert set(spec["labels"]) == set(texts)
    assert watched.dialogs == [] and watched.foreign == [] and watched.errors == []


def test_the_chinese_check_is_from_the_catalog(open_browser: Open, tickets: Path) -> None:
    page = open_browser(locale="en-US", width=390).open("/zh")
    upload(page, tickets, "zh")
    apply(page, "one_spelling")
    apply(page, "majority")
    rows(page, 31, 2, "zh")  # where two rows contradict each other there is no majority
    expect(page.locator("#chart-lengths .vega-embed")).to_be_visible()
    allowed = {"message", "topic", "billing", "Billing", "shipping", tickets.name}
    checked = visible(page)
    told = [text for text in checked if text in page.locator("#checked").inner_text()]
    assert told and strangers(told, "zh", {*allowed, "billing · shipping"}) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
