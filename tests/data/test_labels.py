"""Any number of labels in a row: in lists, with signs between them, or in columns of yes and no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.data import Checked, Table, check, propose, read, rows_of, table_again
from playground.i18n import LANGUAGES, render
from playground.tasks import get_task
from tests.data.parts import parts

ReadTable = Callable[..., Table]
TASK = get_task("multi_label")


def columns_of(table: Table) -> dict[str, list[str]]:
    return {proposal.field: proposal.columns for proposal in propose(table, TASK.fields) if proposal.columns}


def labels(table: Table, *fixes: str) -> list[list[str]]:
    columns = columns_of(table)
    checked = check(table, columns, TASK.fields, least=1, fixes=fixes)
    return [row["labels"] for row in rows_of(table, columns, TASK.fields, checked.mended)]


def faults(table: Table) -> dict[str, str]:
    """{code: sentence}"""
    checked: Checked = check(table, columns_of(table), TASK.fields)
    assert all(render(fault.message, lang) for fault in checked.faults for lang in LANGUAGES)
    return {fault.message.key.rpartition(".")[2]: render(fault.message, "en") for fault in checked.faults}


@pytest.mark.parametrize(
    "cells",
    [
        ("news | sport", "sport", ""),
        ("sport;news", "sport", ""),
        ("news、sport", "sport", ""),
        ('"news, sport"', "sport", ""),
        ('"[""sport"", ""news"", ""news""]"', '"[""sport""]"', "[]"),
        ("\"['sport', 'news']\"", "['sport']", "[]"),
    ],
)
def test_the_labels_of_a_cell(table: ReadTable, cells: tuple[str, ...]) -> None:
    found = table("text,tags\n" + "".join(f"a text {number},{cell}\n" for number, cell in enumerate(cells)))
    assert labels(found) == [["news", "sport"], ["sport"], []]


def test_lists_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"text {n}", "emotions": ["joy", "anger"][: n % 3]} for n in range(9)]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read(path, directory=tmp_path)
    assert columns_of(found) == {"text": ["text"], "labels": ["emotions"]}
    assert labels(found)[:3] == [[], ["joy"], ["anger", "joy"]]


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("true", "False"), ("是", ""), ("1.0", "0.0")])
def test_a_column_for_each_label(table: ReadTable, yes: str, no: str) -> None:
    lines = [f"a longer text {n},{yes if n % 2 else no},{yes if n % 3 else no}" for n in range(12)]
    found = table("comment,rude,funny\n" + "\n".join(lines))
    assert columns_of(found) == {"text": ["comment"], "labels": ["rude", "funny"]}
    assert labels(found)[:4] == [[], ["funny", "rude"], ["funny"], ["rude"]]


def test_a_label_s_column_that_says_neither_is_told_with_its_row(table: ReadTable) -> None:
    lines = [f"a longer text {n},{n % 2},{n % 2}" for n in range(20)]
    found = table("comment,rude,funny\n" + "\n".join([*lines, "one more,perhaps,1"]))
    columns = {"text": ["comment"], "labels": ["rude", "funny"]}
    checked = check(found, columns, TASK.fields)
    (fault,) = [fault for fault in checked.faults if fault.message.key.endswith("labels_unreadable")]
    assert "row 21" in render(fault.message, "en") and checked.ok and checked.rows == 20


def test_labels_with_signs_are_found_without_a_name(table: ReadTable) -> None:
    kinds = ("war", "love", "sea", "war;love", "war;sea", "love;sea;war")
    found = table("one,two\n" + "".join(f"{kinds[n % 6]},a story with the number {n}\n" for n in range(30)))
    assert columns_of(found) == {"text": ["two"], "labels": ["one"]}


def test_rows_without_a_label_rare_labels_and_spellings_are_told(table: ReadTable) -> None:
    kinds = ["a|b"] * 30 + ["A"] * 6 + [""] * 4 + ["a|c"]
    found = table("text,labels\n" + "".join(f"a text {n},{kind}\n" for n, kind in enumerate(kinds)))
    told = faults(found)
    assert told["unlabelled"].startswith("4 of 41 rows have no label at all")
    assert "c (1)" in told["rare_label"] and "a / A" in told["spelling"]
    assert labels(found, "one_spelling", "rare")[30:] == [["a"]] * 6 + [[]] * 4 + [["a"]]


def test_nothing_to_learn_is_refused(table: ReadTable) -> None:
    alike = table("text,labels\n" + "".join(f"a text {n},a\n" for n in range(20)))
    assert "one_class" in faults(alike)
    empty = table("text,labels\n" + "".join(f"a text {n},\n" for n in range(20)))
    assert "no_entities" in faults(empty)
    # One label that some rows have is something to learn.
    assert check(table("text,labels\n" + "".join(f"a text {n},{'a' if n % 2 else ''}\n" for n in range(20))),
                 {"text": ["text"], "labels": ["labels"]}, TASK.fields).ok  # fmt: skip


def test_rare_labels_are_on_both_sides_of_the_split() -> None:
    rows = [{"text": f"text {n}", "labels": ["often", "rare"] if n % 20 == 0 else ["often"]} for n in range(100)]
    train, held_out = parts(rows, label="labels", inputs=["text"], together=["text"], held_out=0.2, seed=3)
    assert [sum("rare" in row["labels"] for row in side) for side in (train, held_out)] == [4, 1]


def test_a_run_s_rows_become_a_table_again(tmp_path: Path) -> None:
    rows = [{"text": "one", "labels": ["a", "b"]}, {"text": "two", "labels": []}]
    again = table_again(rows, rows[:1], TASK.fields, name="x", directory=tmp_path)
    assert list(rows_of(again, {"text": ["text"], "labels": ["labels"]}, TASK.fields)) == [*rows, rows[0]]
