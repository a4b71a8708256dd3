"""Text files whose names are the classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from playground.data import check, propose, read
from playground.data.classes import MAX_FILES
from playground.errors import PlaygroundError
from tests.data.conftest import FIELDS

Write = Callable[..., Path]


def test_each_file_is_a_class_and_each_line_a_text(write: Write, tmp_path: Path) -> None:
    good = write("服务很好。\n\n  \n味道，不错；下次再来\n", "好评.txt", "gb18030")
    bad = write("\ufeff太差了\n", "差评.TXT")
    table = read([good, bad], directory=tmp_path / "read", several="classes")
    assert [list(row.values()) for row in table.preview()] == [
        ["服务很好。", "好评"], ["味道，不错；下次再来", "好评"], ["太差了", "差评"],
    ]  # fmt: skip
    assert (table.name, table.encoding) == ("好评.txt + 差评.TXT", "gb18030, utf-8")
    columns = {proposal.field: proposal.columns for proposal in propose(table, FIELDS)}
    assert columns["text"] == ["text"] and columns["label"] == ["label"]


def test_texts_without_classes_follow_one_another(write: Write, tmp_path: Path) -> None:
    files = [write("Call me Ishmael.\nSome years ago.\n", "one.txt"), write("It was the best of times.\n", "two.txt")]
    table = read(files, directory=tmp_path / "read", several="texts")
    assert table.columns == ["text"]
    assert [row["text"] for row in table.preview()] == [
        "Call me Ishmael.", "Some years ago.", "It was the best of times.",
    ]  # fmt: skip


def test_where_blank_lines_part_paragraphs_each_is_a_text(write: Write, tmp_path: Path) -> None:
    files = [
        write("One line\nand its second.\n\nAnother one.\n", "a.txt"),
        write("First, second; third\nfourth\n", "b"),
    ]
    table = read(files, directory=tmp_path / "read", several="classes")
    assert [tuple(row.values()) for row in table.preview()] == [
        ("One line\nand its second.", "a"), ("Another one.", "a"), ("First, second; third", "b"), ("fourth", "b"),
    ]  # fmt: skip


def test_names_are_hostile_too(write: Write, tmp_path: Path) -> None:
    files = [write("x\n" * 9, f"{name}.txt") for name in ("<b>", "a\x1b[31m", "x" * 200)]
    table = read(files, directory=tmp_path / "read", several="classes")
    assert {row["label"] for row in table.dataset()} == {"<b>", "a\ufffd[31m", "x" * 200}
    assert any(fault.rows for fault in check(table, {"text": ["text"], "label": ["label"]}, FIELDS).faults)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("table.csv", b"text,label\na,b\n", "data_table_among_files"),
        ("list.txt", b'[{"text": "a"}]', "data_table_among_files"),
        ("empty.txt", b"", "data_empty"),
        ("book.txt", b"PK\x03\x04", "data_archive"),
        ("nul.txt", b"a\0b\n", "data_nul"),
    ],
)
def test_what_is_no_text_is_refused(write: Write, tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(PlaygroundError) as refusal:
        read([write("fine\n", "a.txt"), write(content, name)], directory=tmp_path / "read", several="classes")
    assert refusal.value.code == code and not (tmp_path / "read").exists()


def test_more_files_than_anybody_names_are_refused(write: Write, tmp_path: Path) -> None:
    files = [write("a\n", f"{number}.txt") for number in range(MAX_FILES + 1)]
    with pytest.raises(PlaygroundError) as refusal:
        read(files, directory=tmp_path / "read", several="classes")
    assert refusal.value.code == "data_many_files"
