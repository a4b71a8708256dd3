"""Answers in any form that datasets use, each found in its context; and rows that say which side they are on."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.data import Table, check, propose, read, rows_of
from playground.errors import PlaygroundError
from playground.fields import Row
from playground.i18n import LANGUAGES, render
from playground.tasks import get_task
from tests.data.parts import parts

ReadTable = Callable[..., Table]
FIELDS = get_task("qa").fields
CONTEXT = "The mill was built in 1804. It burnt down in 1871 and was built again in 1875."
SQUAD: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Mill",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {"id": "1", "question": "When did it burn?", "answers": [{"text": "1871", "answer_start": 45}]},
                        {"id": "2", "question": "Who built it?", "is_impossible": True, "answers": []},
                    ],
                }
            ],
        }
    ],
}


def columns_of(table: Table) -> dict[str, list[str]]:
    return {proposal.field: proposal.columns for proposal in propose(table, FIELDS)}


def rows(table: Table) -> list[Row]:
    return list(rows_of(table, columns_of(table), FIELDS))


def faults(table: Table) -> dict[str, list[int]]:
    result = check(table, columns_of(table), FIELDS)
    said = [text for fault in result.faults for text in (fault.message, fault.remedy)]
    assert all(render(text, lang) for text in said for lang in LANGUAGES)
    return {fault.message.key.removeprefix("data.fault."): fault.rows for fault in result.faults}


@pytest.mark.parametrize("indent", [None, 2])
def test_squads_json_in_one_line_or_many(table: ReadTable, indent: int | None) -> None:
    found = table(json.dumps(SQUAD, indent=indent), "data.json")
    assert found.columns == ["question", "context", "answers", "title", "id"] and found.nested == ["answers"]
    assert rows(found) == [
        {"question": "When did it burn?", "context": CONTEXT, "answer": [{"text": "1871", "start": 45}]},
        {"question": "Who built it?", "context": CONTEXT, "answer": []},
    ]


def test_cmrcs_other_form(table: ReadTable) -> None:
    entry = {
        "context_text": "磨坊建于1804年。",
        "qas": [{"query_text": "何时建成？", "query_id": "x", "answers": ["1804年"]}],
    }
    (row,) = rows(table(json.dumps([entry]), "data.json"))
    assert row == {"question": "何时建成？", "context": "磨坊建于1804年。", "answer": [{"text": "1804年", "start": 4}]}


FORMS: dict[str, dict[str, Any]] = {
    "text": {"answer": "1871"},
    "text and start": {"answer": "1871", "answer_start": 45},
    "objects": {"answers": [{"text": "1871", "answer_start": 45}]},
    "two lists": {"answers": {"text": ["1871"], "answer_start": [45]}},
    "texts": {"answers": ["1871"]},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_answer(table: ReadTable, form: str) -> None:
    line = {"question": "When?", "context": "  " + CONTEXT, **FORMS[form]}
    (row,) = rows(table(json.dumps(line) + "\n", "data.jsonl"))
    assert row["answer"] == [{"text": "1871", "start": 47}] and row["context"][47:51] == "1871"


def test_a_csv_with_or_without_starts(table: ReadTable) -> None:
    found = table(f'question,context,answer,start\nWhen?,"{CONTEXT}",built,58\nWhat?,"{CONTEXT}",,\n')
    assert columns_of(found)["answer"] == ["answer", "start"]
    assert [row["answer"] for row in rows(found)] == [[{"text": "built", "start": 58}], []]


def test_every_fault_of_answers_at_once(table: ReadTable) -> None:
    good = [
        {"question": f"When {n}?", "context": CONTEXT, "answers": [{"text": "1871", "answer_start": 45}]}
        for n in range(12)
    ]
    bad = [
        {"question": "a?", "answers": [{"text": "1900", "answer_start": 3}]},
        {"question": "b?", "answers": [{"text": "1875", "answer_start": 70}]},
        {"question": "c?", "answers": [{"text": "THE  mill", "answer_start": 0}]},
        {"question": "d?", "answers": []},
        {"question": "e?", "answers": [{"text": "1804", "answer_start": 22}, {"text": "1900", "answer_start": 0}]},
        {"question": "f?", "context": "long " * 300 + "1804", "answers": ["1804"]},
        {"question": "When 0?", "answers": ["1804"]},
    ]
    lines = [*good, *({"context": CONTEXT, **line} for line in bad)]
    found = table("\n".join(map(json.dumps, lines)), "data.jsonl")
    assert faults(found) == {
        "answer_absent": [13],
        "answer_moved": [14],
        "answer_loose": [15],
        "answer_none": [16],
        "answer_partly": [17],
        "long_context": [18],
        "near_empty": [14, 15, 16, 17, 18],  # their questions
        "contradicted_gold": [19],
    }
    kept = rows(found)
    assert kept[12]["answer"] == [{"text": "1875", "start": 73}] and kept[13]["answer"] == [
        {"text": "The mill", "start": 0}
    ]
    assert kept[15]["answer"] == [{"text": "1804", "start": 22}]


BAD_STARTS = ["9" * 5000, "9" * 400 + ".0", "1e999", "-3", "Infinity", "one"]
BAD_ANSWERS = [
    '{"text": ["1871"], "answer_start": {"0": 0}}',
    '{"text": ["1871"], "answer_start": 5}',
    "{'text': ['1871'], 'start': True}",
    '[{"text": "1871", "answer_start": true}]',
]


@pytest.mark.parametrize(
    ("answer", "start"), [("1871", bad) for bad in BAD_STARTS] + [(bad, "") for bad in BAD_ANSWERS]
)
def test_a_start_that_is_no_number_counts_as_none(table: ReadTable, answer: str, start: str) -> None:
    with io.StringIO(newline="") as text:
        csv.writer(text).writerows([["question", "context", "answer", "start"], ["When?", CONTEXT, answer, start]] * 2)
        (row, _) = rows(table(text.getvalue()))
    assert row["answer"] == [{"text": "1871", "start": 45}]


def test_answers_as_python_writes_them(table: ReadTable) -> None:
    found = table(
        f"question,context,answers\nWhen?,\"{CONTEXT}\",\"{{'text': ['1871'], 'answer_start': [45]}}\"\nW?,x [1],[1]\n"
    )
    assert [row["answer"] for row in rows(found)] == [[{"text": "1871", "start": 45}], [{"text": "[1]", "start": 2}]]


def test_a_chinese_context_is_long_sooner(table: ReadTable) -> None:
    lines = [
        {"question": f"问{n}？", "context": f"第{n}号" + "磨坊建于一八〇四年" * 40, "answer": "磨坊"} for n in range(12)
    ]
    assert faults(table("\n".join(map(json.dumps, lines)), "data.jsonl")) == {"long_context": list(range(1, 13))}


def test_a_repetitive_context_is_searched_in_a_moment(table: ReadTable) -> None:
    lines = [{"question": f"{n}?", "context": "a " * 100_000, "answer": "a " * 9_000 + "b"} for n in range(12)]
    found = table("\n".join(map(json.dumps, lines)), "data.jsonl")
    start = time.monotonic()
    assert faults(found)["answer_absent"] == list(range(1, 13))
    assert time.monotonic() - start < 10


MEASURED = """
import json, re, sys
from pathlib import Path
from playground.data import check
from playground.data.table import Table
from tests.data.parts import parts
from tests.data.test_answered import FIELDS, columns_of
table = Table.from_json(json.loads(sys.argv[1]))
codes = [fault.message.key for fault in check(table, columns_of(table), FIELDS).faults]
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(json.dumps([codes, int(peak)]))
"""
"""Not getrusage: what that calls the peak is handed down from the parent."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.slow
def test_one_long_context_under_many_questions_stays_within_memory(table: ReadTable) -> None:
    """Its copies, one a question, would take a quarter of a gigabyte and more."""
    asked = [{"question": f"{n}?", "answers": [{"text": "mill", "answer_start": 4}]} for n in range(600)]
    made = {"data": [{"paragraphs": [{"context": "the mill " * 50_000, "qas": asked}]}]}
    found = table(json.dumps(made), "data.json")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, json.dumps(found.to_json())], capture_output=True, text=True, check=True
    )
    codes, kilobytes = json.loads(done.stdout)
    assert "data.fault.too_much_text" in codes and found.rows == 600 and kilobytes < 400_000
    made["data"][0]["paragraphs"][0]["qas"] = [{**asked[0], "question": f"{n}?"} for n in range(2_000)]
    with pytest.raises(PlaygroundError) as refused:  # the child stops where a disk should hold no more
        table(json.dumps(made), "data.json")
    assert refused.value.code == "data_too_much_text"


def test_nothing_but_unanswerable_questions_is_refused(table: ReadTable) -> None:
    lines = [{"question": f"{n}?", "context": CONTEXT, "answer": ""} for n in range(12)]
    assert "no_answers" in faults(table("\n".join(map(json.dumps, lines)), "data.jsonl"))


def test_a_context_that_the_file_itself_puts_on_both_sides_stays_there(table: ReadTable) -> None:
    """Only a question that is repeated is left out, and the check says so."""
    lines = [f"Who {n}?,{CONTEXT},mill,{'test' if n % 4 == 0 else 'train'}" for n in range(20)]
    found = table("question,context,answer,split\n" + "\n".join([*lines, f"who  0?,{CONTEXT},mill,train"]))
    assert faults(found)["leaked"] == [21]
    train, held_out = parts(
        rows(found), label=None, inputs=("question", "context"), together=("context",), held_out=0.1, seed=1
    )
    assert (len(train), len(held_out)) == (15, 5)


def test_contexts_stay_on_one_side() -> None:
    made: list[Row] = [{"question": f"q{n}", "context": f"c{n // 5}", "answer": []} for n in range(200)]
    train, held_out = parts(
        made, label=None, inputs=("question", "context"), together=("context",), held_out=0.2, seed=3
    )
    assert len(held_out) == 40 and not {row["context"] for row in train} & {row["context"] for row in held_out}


def test_rows_that_name_their_side_keep_it(table: ReadTable) -> None:
    lines = [f"text {n},{'ab'[n % 2]},{'train' if n % 4 else 'Test'}" for n in range(40)]
    found = table("text,label,split\n" + "\n".join([*lines, "Text  0,a,train", "odd,b,fifth", "blank,a,"]))
    fields = get_task("classification").fields
    columns = {"text": ["text"], "label": ["label"], "split": ["split"]}
    codes = {fault.message.key: fault.rows for fault in check(found, columns, fields).faults}
    assert codes["data.fault.split_unknown"] == [42] and codes["data.fault.leaked"] == [41]
    made = list(rows_of(found, columns, fields))
    train, held_out = parts(made, label="label", inputs=("text",), together=("text",), held_out=0.1, seed=1)
    assert len(held_out) == 10 and len(train) == 31 and train[-1]["text"] == "blank"
    assert not any(row["text"] == "Text  0" for row in train)


@pytest.mark.parametrize(("cells", "proposed"), [("train,test", ["split"]), ("1,2", []), (",", [])])
def test_a_split_is_proposed_where_its_words_are_known(table: ReadTable, cells: str, proposed: list[str]) -> None:
    first, second = cells.split(",")
    found = table(f"text,label,split\nsome words,a,{first}\nother words,b,{second}\n")
    assert propose(found, get_task("classification").fields)[-1].columns == proposed


@pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")
def test_wrong_places_in_cmrc_are_found(tmp_path: Path) -> None:
    """200 of its 9,657 answers are not where their number says: 193 stand nowhere, 7 elsewhere."""
    path = Path(os.environ["PLAYGROUND_DATA"]) / "train" / "qa_zh" / "cmrc2018_dev.json"
    entries = [q for a in json.loads(path.read_text("utf-8"))["data"] for p in a["paragraphs"] for q in p["qas"]]
    contexts = [
        p["context"] for a in json.loads(path.read_text("utf-8"))["data"] for p in a["paragraphs"] for _ in p["qas"]
    ]
    absent = [
        n
        for n, (q, c) in enumerate(zip(entries, contexts, strict=True), 1)
        if any(a["text"] not in c for a in q["answers"])
    ]
    found = read(path, directory=tmp_path)
    said = {fault.message.key: fault for fault in check(found, columns_of(found), FIELDS).faults}
    partly = said["data.fault.answer_partly"]
    assert partly.message.values["count"] == len(absent) and partly.rows == absent[:100]
    assert "data.fault.answer_moved" in said
