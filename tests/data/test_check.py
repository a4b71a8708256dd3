"""Every fault at once, with rows, expectation, finding and remedy; and the rows that remain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from playground.data import Checked, Fault, Table, check, rows_of
from playground.i18n import LANGUAGES, render
from tests.data.conftest import FIELDS, TEXT_LABEL

ReadTable = Callable[..., Table]
GOOD = [f"{feeling} text number {n},{feeling}" for n in range(10) for feeling in ("good", "bad")]


def checked(table: Table, columns: dict[str, list[str]] | None = None) -> Checked:
    """The check's result, after asserting that it can be shown and agrees with the rows given to training."""
    columns = columns or TEXT_LABEL
    result = check(table, columns, FIELDS)
    for fault in result.faults:
        for lang in LANGUAGES:
            assert render(fault.message, lang) and render(fault.remedy, lang)
    if result.rows:
        rows = list(rows_of(table, columns, FIELDS))
        assert len(rows) == result.rows and sorted({row["label"] for row in rows}) == result.labels
    return result


def codes(faults: list[Fault]) -> list[str]:
    return [fault.message.key.removeprefix("data.fault.") for fault in faults]


def csv_of(*lines: str) -> str:
    return "\n".join(["text,label", *lines]) + "\n"


def test_a_good_table_has_no_fault(table: ReadTable) -> None:
    result = checked(table(csv_of(*GOOD)))
    assert result.ok and not result.faults and (result.rows, result.labels) == (20, ["bad", "good"])


def test_every_fault_of_the_rows_at_once(table: ReadTable) -> None:
    long_text, long_label = "word " * 5000, "label " * 50
    bad = [
        "  ,good",
        "no label,",
        f"{long_text},good",
        f"x,{long_label}",
        GOOD[0],
        "Good  TEXT number 0,bad",
        "odd,ODD",
        "y,Bad",
    ]
    result = checked(table(csv_of(*GOOD, *bad)))
    assert result.ok
    assert {code: fault.rows for code, fault in zip(codes(result.faults), result.faults, strict=True)} == {
        "empty": [22],  # the label's; the text's is asserted below: both have the same code
        "cut": [23],
        "too_long": [24],
        "repeated": [25],
        "contradicted": [26],
        "rare": [27, 28],
        "near_empty": [28],
        "spelling": [28],
    }
    assert codes(result.faults).count("empty") == 2 and result.faults[0].rows == [21]
    assert result.rows == 25 and result.labels == ["Bad", "ODD", "bad", "good"]
    cut = next(row for row in rows_of(table(csv_of(*GOOD, *bad)), TEXT_LABEL, FIELDS) if row["text"].startswith("word"))
    assert len(cut["text"]) == 20_000


def test_a_fault_names_the_first_rows_and_counts_the_rest(table: ReadTable) -> None:
    result = checked(table(csv_of(*GOOD, *[",good"] * 1200)))
    assert len(result.faults[0].rows) == 100 and result.faults[0].rows[:2] == [21, 22]
    sentence = "“text” is empty in 1,200 of 1,220 rows (rows 21, 22, 23, 24, 25 and 1,195 more); they are left out."
    assert render(result.faults[0].message, "en") == sentence


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (GOOD[:9], ["few_rows"]),
        ([",good"] * 12, ["few_rows"]),
        ([f"text {n},same" for n in range(12)], ["one_class"]),
        ([f"text {n},same" for n in range(3)], ["few_rows", "one_class"]),
        ([f"text {n},label {n}" for n in range(12)], ["rare_classes"]),
        ([f"text {n},label {n // 2}" for n in range(2_002)], ["many_classes"]),
    ],
)
def test_what_cannot_be_trained_on_is_refused(table: ReadTable, lines: list[str], expected: list[str]) -> None:
    result = checked(table(csv_of(*lines)))
    assert not result.ok
    assert codes([fault for fault in result.faults if fault.fatal]) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, ["no_column", "no_column"]),
        ({"text": ["text"], "label": ["text"]}, ["column_twice"]),
        ({"text": ["absent"], "label": ["text", "label"]}, ["unknown_column", "many_columns"]),
        ({"text": ["text", "text"], "label": ["label"]}, ["column_twice"]),
        ({"text": ["text"], "label": ["label"], "answer": ["text"]}, ["unknown_field"]),
    ],
)
def test_every_fault_of_a_mapping_at_once(table: ReadTable, columns: dict[str, list[str]], expected: list[str]) -> None:
    result = checked(table(csv_of(*GOOD)), columns or {"text": [], "label": []})
    assert codes(result.faults) == expected and not result.ok


def test_several_text_columns_are_joined_with_a_line_break(table: ReadTable) -> None:
    found = table("title,body,label\n Head , text ,a\n,only text,b\n")
    rows = list(rows_of(found, {"text": ["title", "body"], "label": ["label"]}, FIELDS))
    assert rows == [{"text": "Head\ntext", "label": "a"}, {"text": "only text", "label": "b"}]


def test_a_missing_header_is_said(table: ReadTable) -> None:
    found = table("\n".join(GOOD))
    result = checked(found, {"text": ["column 1"], "label": ["column 2"]})
    assert result.ok and result.rows == 20 and codes(result.faults) == ["no_header"]


def test_curly_brackets_in_names_and_labels_are_only_text(table: ReadTable) -> None:
    found = table("{0.__class__},{label}\n" + "".join(f"{{x}} {n},{{same}}\n" for n in range(12)))
    result = checked(found, {"text": ["{0.__class__}"], "label": ["{label}"]})
    assert "“{same}”" in render(result.faults[0].message, "en")
