"""The rows of a run on the disk: written as they come, read a group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.data.stored import GROUP_ROWS, GROUPS_KEPT, StoredRows, write_rows
from playground.fields import Row
from playground.tasks import get_task

VALUES: dict[str, list[Any]] = {
    "text": ["One.", "二。", "Three 😀."],
    "entities": [[], [], [{"start": 0, "end": 5, "label": "NUMBER"}]],
    "answer": [[], [{"text": "二", "start": 0}], []],
    "labels": [[], ["a", "b"], []],
    "messages": [[], [], [{"role": "user", "content": "Hi"}]],
    "completion": ["x", "y", "z"],
    "split": ["train", "train", "held_out"],
}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("ner", ("text", "entities")), ("qa", ("answer",)), ("multi_label", ("text", "labels")),
        ("generation", ("messages", "completion", "split")),
    ],
)  # fmt: skip
def test_every_value_comes_back_also_where_the_first_ones_are_empty(
    tmp_path: Path, task: str, names: tuple[str, ...]
) -> None:
    rows = [{name: VALUES[name][number] for name in names} for number in range(3)]
    path = tmp_path / "rows.parquet"
    write_rows(path, iter(rows), get_task(task).fields)
    assert list(StoredRows(path)) == rows


def test_a_group_at_a_time_is_in_memory(tmp_path: Path) -> None:
    count = 10 * GROUP_ROWS + 7

    def made() -> Iterator[Row]:
        for number in range(count):
            yield {"text": f"Day {number}", "label": "ab"[number % 2]}

    path = tmp_path / "rows.parquet"
    write_rows(path, made(), get_task("classification").fields)
    rows = StoredRows(path)
    read: list[int] = []
    file = rows._file

    class Watched:
        def read_row_group(self, number: int) -> Any:
            read.append(number)
            return file.read_row_group(number)

    rows._file = Watched()
    assert len(rows) == count and not read
    assert [row["text"] for row in rows] == [f"Day {number}" for number in range(count)]
    assert read == list(range(11)) and rows._group.cache_info().currsize == GROUPS_KEPT
    assert rows[-1]["text"] == f"Day {count - 1}" and rows[GROUP_ROWS]["text"] == f"Day {GROUP_ROWS}"
    assert [row["text"] for row in rows[998:1002]] == ["Day 998", "Day 999", "Day 1000", "Day 1001"]
    for place in (count, -count - 1):
        with pytest.raises(IndexError):
            rows[place]


def test_no_rows_are_no_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "none.parquet", [], get_task("classification").fields)
    assert list(StoredRows(tmp_path / "none.parquet")) == []
