"""Parquet files as the Hub and other programs write them, read in the real child."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Sequence, Translation, Value
from datasets.utils.logging import disable_progress_bar

from playground.data import Table, check, propose, read, rows_of
from playground.tasks import get_task

disable_progress_bar()


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Table]:
    """written(columns, features or schema): what was written by the `datasets` library, or by pyarrow, and read."""

    def written(columns: dict[str, list[Any]], form: Any = None) -> Table:
        path = tmp_path / "data.parquet"
        if isinstance(form, Features):
            Dataset.from_dict(columns, features=form).to_parquet(path)
        else:
            pq.write_table(pa.table(columns, schema=form), path)
        return read(path, directory=tmp_path / "read")

    return written


def test_class_numbers_become_the_names_that_the_hub_gives_them(written: Callable[..., Table]) -> None:
    form = Features({"text": Value("string"), "label": ClassLabel(names=["差评", "好评"])})
    table = written({"text": ["很好", "太差", "?"], "label": [1, 0, -1]}, form)
    assert table.columns == ["text", "label"] and [row["label"] for row in table.preview()] == ["好评", "差评", ""]


def test_tags_of_tokens_too(written: Callable[..., Table]) -> None:
    form = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})
    table = written({"tokens": [["Ada", "Lovelace", "wrote"]], "ner_tags": [[1, 2, 0]]}, form)
    task = get_task("ner")
    columns = {proposal.field: proposal.columns for proposal in propose(table, task.fields)}
    row = next(rows_of(table, columns, task.fields))
    assert row == {"text": "Ada Lovelace wrote", "entities": [{"start": 0, "end": 12, "label": "PER"}]}


def test_squad_as_the_hub_has_it(written: Callable[..., Table]) -> None:
    answers = Sequence({"text": Value("string"), "answer_start": Value("int32")})
    form = Features(
        {"id": Value("string"), "context": Value("string"), "question": Value("string"), "answers": answers}
    )
    context = "The bridge was opened in 1894 by the queen."
    rows = {
        "id": ["1"], "context": [context], "question": ["When was it opened?"],
        "answers": [{"text": ["1894"], "answer_start": [25]}],
    }  # fmt: skip
    table = written(rows, form)
    task = get_task("qa")
    columns = {proposal.field: proposal.columns for proposal in propose(table, task.fields)}
    assert check(table, columns, task.fields, least=1).ok
    assert next(rows_of(table, columns, task.fields))["answer"] == [{"text": "1894", "start": 25}]


def test_a_pair_of_languages_becomes_two_columns(written: Callable[..., Table]) -> None:
    form = Features({"id": Value("int64"), "translation": Translation(languages=["en", "zh"])})
    table = written({"id": [7], "translation": [{"en": "Good morning.", "zh": "早上好。"}]}, form)
    assert table.preview() == [{"id": "7", "en": "Good morning.", "zh": "早上好。"}]


def test_values_of_every_kind_become_text(written: Callable[..., Table]) -> None:
    moment = datetime.datetime(2024, 5, 1, 13, 30, 0, 1)
    kinds = {
        "int": (pa.int16(), [3, None], ["3", ""]),
        "float": (pa.float64(), [0.5, float("nan")], ["0.5", ""]),
        "bool": (pa.bool_(), [True, None], ["true", ""]),
        "money": (pa.decimal128(9, 2), [decimal.Decimal("1.10"), None], ["1.10", ""]),
        "day": (pa.date32(), [moment.date(), None], ["2024-05-01", ""]),
        "time": (pa.timestamp("ns"), [moment, None], ["2024-05-01 13:30:00.000001", ""]),
        "large": (pa.large_string(), ["a\0b", None], ["a\ufffdb", ""]),
        "coded": (pa.dictionary(pa.int8(), pa.string()), ["x", "y"], ["x", "y"]),
        "old": (pa.binary(), ["评论".encode(), None], ["评论", ""]),
        "list": (pa.list_(pa.float32()), [[1.5, None], None], ["[1.5, null]", ""]),
        "struct": (pa.struct([("day", pa.date32())]), [{"day": moment.date()}, None], ['{"day": "2024-05-01"}', ""]),
    }
    schema = pa.schema([(name, kind) for name, (kind, _, _) in kinds.items()])
    table = written({name: values for name, (_, values, _) in kinds.items()}, schema)
    assert table.dataset().to_dict() == {name: cells for name, (_, _, cells) in kinds.items()}
    assert table.nested == ["list", "struct"]


def test_pictures_are_left_out_and_that_is_said(written: Callable[..., Table]) -> None:
    form = Features({"image": Image(), "caption": Value("string"), "sound": Value("binary")})
    table = written(
        {"image": [{"bytes": b"\x89PNG", "path": None}], "caption": ["A dog"], "sound": [b"\xff\xfb"]}, form
    )
    assert table.columns == ["caption"] and table.notes == [["bytes_left_out", {"columns": ["image", "sound"]}]]


def test_more_rows_than_are_read_at_once_keep_their_order(written: Callable[..., Table]) -> None:
    table = written({"n": list(range(2_500)), "text": ["x"] * 2_500})
    assert table.dataset()["n"][:] == [str(n) for n in range(2_500)]


def test_what_the_metadata_says_is_not_trusted(written: Callable[..., Table]) -> None:
    for features in (
        b"[" * 9_999,
        b'{"info": 1}',
        b'{"info": {"features": {"n": {"_type": "ClassLabel", "names": 5}}}}',
    ):
        schema = pa.schema([("n", pa.int64())], metadata={"huggingface": features})
        assert written({"n": [1]}, schema).preview() == [{"n": "1"}]
