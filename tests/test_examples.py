"""The example datasets: each is read whole by its task, and described in their README."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from playground.data import Checked, Table, check, propose, read, rows_of
from playground.data.rows import same_text
from playground.fields import Answer, Generated, Row
from playground.languages import name_of
from playground.services.predict import predict_rows
from playground.tasks import LEARNED
from playground.tasks.spec import Task

DATASETS = Path(__file__).resolve().parent.parent / "examples" / "datasets"
MAX_BYTES = 200_000
EXPECTED_FAULTS = {"data.fault.answer_none", "data.fault.unlabelled"}
Example = tuple[Task, Path, Table, Checked, list[Row]]
FILES = [(task, path) for task in LEARNED for path in sorted((DATASETS / task.id).iterdir())]


@pytest.fixture(params=FILES, ids=lambda pair: pair[1].name)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    task, path = request.param
    table = read(path, directory=tmp_path)
    columns = {proposal.field: proposal.columns for proposal in propose(table, task.fields)}
    return task, path, table, check(table, columns, task.fields), list(rows_of(table, columns, task.fields))


def test_every_task_has_a_dataset() -> None:
    assert [task.id for task in LEARNED if not any(task is owner for owner, _ in FILES)] == []


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
    elif isinstance(task.output, Generated):
        targets = sorted({row["target"] for row in rows if "target" in row})
        assert cells[4].split(", ") == [name_of(target, "en") for target in targets] or not targets
    else:
        assert sorted(cells[4].split(", ")) == checked.labels


def test_the_readme_names_no_dataset_that_is_not_there() -> None:
    named = [match[1] for line in readme() if (match := re.match(r"\| `(.+?)` \|", line))]
    assert [name for name in named if not (DATASETS / name).is_file()] == []


def test_no_review_to_learn_from_is_like_one_of_the_test() -> None:
    with (DATASETS / "classification/reviews-zh.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sides = {side: [thirds(row["评论"]) for row in rows if row["划分"] == side] for side in ("训练", "测试")}
    assert (len(sides["训练"]) >= 1_500, len(sides["测试"])) == (True, 300)
    shared = [len(one & other) / min(len(one), len(other)) for one in sides["训练"] for other in sides["测试"]]
    assert max(shared) < 0.4


PRAISE = [
    "非常满意，质量很好，推荐购买（2222）",
    "很好",
    "好评！",
    "五星好评",
    "物流很快，包装完好",
    "我很喜欢这个",
    "超出预期",
    "电影很好看",
    "手机用了三个月，没出过问题",
    "菜量大，味道正，老板人也好",
    "孩子说老师很温柔，每天都想去上学",
    "酒店离海边很近，早上能看日出",
    "还可以，挺好用的",
    "真香",
]
BLAME = [
    "不好",
    "质量太差了",
    "差评",
    "服务态度很差，再也不来了",
    "不值得购买",
    "很失望",
    "垃圾，退货",
    "电影很难看，浪费时间",
    "房间又脏又小",
    "手机用了三天就坏了",
    "味道一般，价格偏贵",
    "大家别买",
    "客服一直不理人，气得我想砸手机",
    "0分，避雷",
]


def test_plain_praise_and_blame_are_told_apart_in_chinese() -> None:
    """What a visitor types first, much of it learned by heart: the card tells how it does on harder rows."""
    rows = [{"text": text} for text in PRAISE + BLAME]
    found = [output[0]["label"] for output in predict_rows("classification", rows, model="starter/sentiment-zh")]
    right = [label == ("正面" if row["text"] in PRAISE else "负面") for row, label in zip(rows, found, strict=True)]
    assert sum(right) >= 0.9 * len(rows), [row["text"] for row, fine in zip(rows, right, strict=True) if not fine]


def thirds(text: str) -> set[str]:
    """Every three characters in a row, without punctuation."""
    kept = "".join(char for char in text if char.isalnum())
    return {kept[place : place + 3] for place in range(len(kept) - 2)} or {kept}


def readme() -> list[str]:
    return (DATASETS / "README.md").read_text(encoding="utf-8").splitlines()
