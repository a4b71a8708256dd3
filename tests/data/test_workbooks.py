"""Spreadsheet workbooks as people have them, written by openpyxl and read in the real child."""

from __future__ import annotations

import datetime
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from playground.data import Table, check, propose, read
from tests.data.conftest import FIELDS, TEXT_LABEL

DATA = os.environ.get("PLAYGROUND_DATA")
Sheets = dict[str, list[list[Any]]]
REVIEWS = [["评论", "情感"], ["这家店的服务很好", "好评"], ["太差了，\n再也不来", "差评"]]


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Table]:
    """workbook({name: rows}, merged, hidden): a workbook of those sheets, read."""

    def workbook(sheets: Sheets, merged: str = "", hidden: str = "", name: str = "data.xlsx") -> Table:
        book = Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
            sheet.sheet_state = "hidden" if title == hidden else "visible"
            if merged:
                sheet.merge_cells(merged)
        book.save(tmp_path / name)
        return read(tmp_path / name, directory=tmp_path / "read")

    return workbook


def test_chinese_reviews(workbook: Callable[..., Table]) -> None:
    table = workbook({"Sheet1": REVIEWS})
    assert (table.name, table.columns, table.rows, table.header) == ("data.xlsx", ["评论", "情感"], 2, True)
    assert [list(row.values()) for row in table.preview()] == REVIEWS[1:]
    assert table.encoding == "" and table.notes == []


@pytest.mark.parametrize("name", ["data.csv", "data.xls", "data"])
def test_the_content_decides_not_the_ending(workbook: Callable[..., Table], name: str, tmp_path: Path) -> None:
    workbook({"Sheet1": REVIEWS})
    shutil.copy(tmp_path / "data.xlsx", tmp_path / name)
    assert read(tmp_path / name, directory=tmp_path / "other").columns == ["评论", "情感"]


def test_a_cell_is_what_it_shows(workbook: Callable[..., Table]) -> None:
    day = datetime.datetime(2024, 5, 1, 13, 30)
    values = [1, 2.5, True, day, day.date(), None, "=1+1", "007", "a\x00b".replace("\x00", "_"), 10**15]
    names = [f"c{number}" for number in range(len(values))]
    table = workbook({"Sheet1": [names, values, ["x"] * len(names)]})
    expected = ["1", "2.5", "true", "2024-05-01 13:30:00", "2024-05-01", "", "", "007", "a_b", str(10**15)]
    assert list(table.preview()[0].values()) == expected


def test_a_title_above_the_table_and_blank_rows_are_passed_over(workbook: Callable[..., Table]) -> None:
    table = workbook({"Sheet1": [["2024 年评论"], [], REVIEWS[0], [], *REVIEWS[1:], []]}, merged="A1:B1")
    assert table.columns == ["评论", "情感"]
    assert [list(row.values()) for row in table.preview()] == REVIEWS[1:]


def test_a_label_that_is_merged_over_rows_stands_in_each_of_them(workbook: Callable[..., Table]) -> None:
    rows = [["label", "text"], ["sport", "a"], [None, "b"], ["news", "c"], ["news", "d"]]
    table = workbook({"Sheet1": rows}, merged="A2:A3")
    assert [list(row.values()) for row in table.preview()] == [
        ["sport", "a"], ["sport", "b"], ["news", "c"], ["news", "d"],
    ]  # fmt: skip


def test_a_header_that_is_merged_over_rows_is_one(workbook: Callable[..., Table]) -> None:
    rows = [["text", "labels"], [None, "first"], ["a", "x"], ["b", "y"]]
    table = workbook({"Sheet1": rows}, merged="A1:A2")
    assert table.columns == ["text", "labels first"] and table.rows == 2


def test_a_name_over_several_columns_stands_before_each_of_theirs(workbook: Callable[..., Table]) -> None:
    rows = [["评论", "标注", None], [None, "甲", "乙"], ["很好", "好评", "好评"], ["不好", "差评", "中评"]]
    table = workbook({"Sheet1": rows}, merged="B1:C1")
    assert table.columns == ["评论", "标注 甲", "标注 乙"] and table.rows == 2


def test_cells_that_are_merged_in_every_row_are_no_header(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    rows = [["评论", None, "情感"], *([f"这是第{n}条评论内容", None, "好评差评"[n % 2 * 2 :][:2]] for n in range(40))]
    for number, row in enumerate(rows, 1):
        sheet.append(row)
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=2)
    book.save(tmp_path / "form.xlsx")
    table = read(tmp_path / "form.xlsx", directory=tmp_path / "read")
    assert table.rows == 40 and {row["情感"] for row in table.preview()} == {"好评", "差评"}


def test_one_name_over_two_columns_takes_no_row_of_the_data(workbook: Callable[..., Table]) -> None:
    rows = [["id", "text", None], *([n, f"text number {n}", "ab"[n % 2]] for n in range(20))]
    table = workbook({"Sheet1": rows}, merged="B1:C1")
    assert table.rows == 20 and table.preview()[0]["id"] == "0"


def test_a_table_that_begins_further_right_with_merged_cells(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for number in range(8):
        sheet.cell(3 + number, 2, ["label", "good", None, "bad", None, "good", None, "bad"][number])
        sheet.cell(3 + number, 3, ["text", *"abcdefg"][number] if number else "text")
    for top in (4, 6, 8):
        sheet.merge_cells(start_row=top, end_row=top + 1, start_column=2, end_column=2)
    book.save(tmp_path / "right.xlsx")
    table = read(tmp_path / "right.xlsx", directory=tmp_path / "read")
    assert [list(row.values()) for row in table.preview()] == [
        ["good", "a"], ["good", "b"], ["bad", "c"], ["bad", "d"], ["good", "e"], ["good", "f"], ["bad", "g"],
    ]  # fmt: skip


def test_without_a_header_the_first_row_is_data(workbook: Callable[..., Table]) -> None:
    table = workbook({"Sheet1": [[f"text number {n}", "ham" if n % 3 else "spam"] for n in range(30)]})
    assert (table.header, table.rows, table.columns) == (False, 30, ["column 1", "column 2"])


def test_sheets_of_one_header_are_one_table_whose_sheets_are_named(workbook: Callable[..., Table]) -> None:
    """A sheet a class is how many Chinese datasets are kept."""
    sheets = {topic: [["sentence"], *([f"{topic}第{n}句"] for n in range(6))] for topic in ("订餐", "天气")}
    table = workbook({**sheets, "empty": []})
    assert table.columns == ["sentence", "sheet"] and table.rows == 12 and table.notes == []
    assert {row["sheet"] for row in table.dataset()} == {"订餐", "天气"}
    columns = {proposal.field: proposal.columns for proposal in propose(table, FIELDS)}
    assert columns["text"] == ["sentence"] and columns["label"] == ["sheet"]


def test_of_different_sheets_the_largest_is_read_and_the_others_are_named(workbook: Callable[..., Table]) -> None:
    rows = [["text", "label"], *([f"text {n}", "ab"[n % 2]] for n in range(20))]
    table = workbook({"说明": [["How to use this file"]], "数据": rows, "old": [["text"], ["x"]]}, hidden="old")
    assert table.columns == ["text", "label"] and table.rows == 20
    told = [fault for fault in check(table, TEXT_LABEL, FIELDS).faults if "sheet" in fault.message.values]
    assert [fault.message.values for fault in told] == [{"sheet": "数据", "others": ["说明"]}]
    assert not told[0].fatal


def test_a_long_sheet_is_no_bomb(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["text", "label"])
    for number in range(20_000):
        sheet.append([f"the same text again, number {number}", "ab"[number % 2]])
    book.save(tmp_path / "long.xlsx")
    assert read(tmp_path / "long.xlsx", directory=tmp_path / "read").rows == 20_000


def test_zip_files_that_are_no_workbook(tmp_path: Path) -> None:
    from playground.data.archive import is_workbook

    (tmp_path / "not.zip").write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(tmp_path / "word.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("word/document.xml", "<x/>")
    assert not is_workbook(tmp_path / "not.zip") and not is_workbook(tmp_path / "word.docx")


@pytest.mark.skipif(DATA is None, reason="PLAYGROUND_DATA is not set")
def test_workbooks_of_other_projects(tmp_path: Path) -> None:
    folder = Path(str(DATA)) / "awkward"
    for ending in ("xlsx", "xls", "ods"):
        table = read(folder / "frictionless" / f"table.{ending}", directory=tmp_path / ending)
        assert [row["name"] for row in table.preview()] == ["english", "中国人"]
    topics = read(folder / "sbert_xlsx" / "source_data.xlsx", directory=tmp_path / "topics")
    assert topics.columns == ["sentence", "sheet"] and topics.rows == 130 + 120 + 108
    titled = read(folder / "csvkit" / "test_skip_lines.xlsx", directory=tmp_path / "titled")
    assert titled.columns[0] == "text" and titled.preview()[0]["date"] == "1971-01-01"
