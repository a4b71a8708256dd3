"""The example datasets: each is read whole by its task, and described in their README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playground.data import Checked, Table, check, propose, read, rows_of
from playground.data.rows import same_text
from playground.fields import Answer, Row
from playground.tasks import TASKS
from playground.tasks.spec import Task

DATASETS = Path(__file__).resolve().parent.parent / "examples" / "datasets"
MAX_BYTES = 200_000
EXPECTED_FAULTS = {"data.fault.answer_none"}
Example = tuple[Task, Path, Table, Checked, list[Row]]
FILES = [(task, path) for task in TASKS for path in sorted((DATASETS / task.id).iterdir())]


@pytest.fixture(params=FILES, ids=lambda pair: pair[1].name)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    task, path = request.param
    table = read(path, directory=tmp_path)
    columns = {proposal.field: proposal.columns for proposal in propose(table, task.fields)}
    return task, path, table, check(table, columns, task.fields), list(rows_of(table, columns, task.fields))


def test_every_task_has_a_dataset() -> None:
    assert [task.id for task in TASKS if not any(task is owner for owner, _ in FILES)] == []


def test_every_row_is_read_and_nothing_is_amiss(example: Example) -> None:
    _, path, table, checked, rows = example
    assert path.stat().st_size < MAX_BYTES
    assert checked.ok and checked.rows == table.rows == len(rows)
    assert {fault.message.key for fault in checked.faults} <= EXPECTED_FAULTS


def test_no_row_comes_twice(example: Example) -> None:
    task, _, _, _, rows = example
    texts = [same_text(row, [field.name for field in task.inputs]) for row in rows]
    assert sorted(texts) == sorted(set(texts))


def test_the_readme_tells_what_is_in_it(example: Example) -> None:
    task, path, table, checked, rows = example
    [line] = [line for line in readme() if line.startswith(f"| `{task.id}/{path.name}` |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert int(cells[1]) == table.rows
    if isinstance(task.output, Answer):
        answered = sum(bool(row[task.output.name]) for row in rows)
        assert list(map(int, re.findall(r"\d+", cells[4]))) == [answered, len(rows) - answered]
    else:
        assert sorted(cells[4].split(", ")) == checked.labels


def test_the_readme_names_no_dataset_that_is_not_there() -> None:
    named = [match[1] for line in readme() if (match := re.match(r"\| `(.+?)` \|", line))]
    assert [name for name in named if not (DATASETS / name).is_file()] == []


def readme() -> list[str]:
    return (DATASETS / "README.md").read_text(encoding="utf-8").splitlines()
