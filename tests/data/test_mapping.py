"""Proposals: by name, by content, never the same column twice, always with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from playground.data import Table, propose, read
from playground.i18n import LANGUAGES, render
from tests.data.conftest import FIELDS

EXAMPLES = Path(__file__).parents[2] / "examples" / "datasets" / "classification"
ReadTable = Callable[..., Table]


def mapped(table: Table) -> tuple[list[str], list[str]]:
    """(proposed text columns, proposed label columns)"""
    text, _, label, _ = propose(table, FIELDS)
    assert (text.field, label.field) == ("text", "label")
    assert all(render(proposal.reason, lang) for proposal in (text, label) for lang in LANGUAGES)
    return text.columns, label.columns


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("text,category", "text", "category"),
        ("id,Sentence ,Labels", "Sentence", "Labels"),
        ("label,text", "text", "label"),
        ("评论,情感", "评论", "情感"),
        ("title,text,topic", "text", "topic"),
    ],
)
def test_a_column_is_found_by_its_name(table: ReadTable, header: str, text: str, label: str) -> None:
    row = ",".join("abc"[: header.count(",") + 1])
    assert mapped(table(f"{header}\n{row}\n{row}\n")) == ([text], [label])


def test_the_example_datasets_need_no_change_by_hand(tmp_path: Path) -> None:
    assert mapped(read(EXAMPLES / "support-tickets.csv", directory=tmp_path)) == (["message"], ["topic"])
    assert mapped(read(EXAMPLES / "reviews-zh.csv", directory=tmp_path)) == (["评论"], ["情感"])


def test_without_names_the_content_decides_and_says_why(table: ReadTable) -> None:
    lines = [f"{n},v{n % 4},a much longer text with the number {n},{n * 7}" for n in range(1200)]
    found = table("one,two,three,four\n" + "\n".join(lines))
    assert mapped(found) == (["three"], ["two"])
    text, _, label, _ = propose(found, FIELDS)
    assert render(label.reason, "en") == "“two” has 4 different short values in 1,200 rows"
    assert "longest text of all columns" in render(text.reason, "en")


def test_a_name_for_one_field_leaves_the_other_to_the_content(table: ReadTable) -> None:
    found = table("sentiment,n,words\n" + "".join(f"pos,{n},some words {n}\nneg,{n},more\n" for n in range(9)))
    assert mapped(found) == (["words"], ["sentiment"])


def test_what_looks_like_nothing_is_left_to_the_user(table: ReadTable) -> None:
    assert mapped(table("a\nunlike\nevery\nother\n")) == (["a"], [])
    assert mapped(table("a\nx\ny\nx\ny\n")) == ([], ["a"])


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("sentence1,sentence2,label", "sentence1", "sentence2"),
        ("idx,premise,hypothesis,label", "premise", "hypothesis"),
        ("句子1,句子2,标签", "句子1", "句子2"),
    ],
)
def test_two_texts_that_are_compared_are_found_by_their_names(
    table: ReadTable, header: str, first: str, second: str
) -> None:
    row = ",".join("abcd"[: header.count(",") + 1])
    text, pair, _, _ = propose(table(f"{header}\n{row}\n{row}\n"), FIELDS)
    assert (text.columns, pair.columns) == ([first], [second])


def test_a_second_text_is_not_guessed(table: ReadTable) -> None:
    text, pair, _, _ = propose(table("text,notes,label\n" + "a,a long note on it,x\nb,another,y\n" * 9), FIELDS)
    assert (text.columns, pair.columns) == (["text"], [])
