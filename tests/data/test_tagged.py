"""Entities in any form that datasets use: the same spans come out, and what is wrong is said with its rows."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.data import Table, check, propose, read, rows_of, tags
from playground.fields import Row
from playground.i18n import LANGUAGES, render
from playground.tasks import get_task

ReadTable = Callable[..., Table]
FIELDS = get_task("ner").fields

TOKENS = ["Ana", "Lopez", "and", "Bo", "Li", "Paris", "London", "saw", "Rome", "."]
TEXT = "Ana Lopez and Bo Li Paris London saw Rome."
SPANS = [(0, 9, "PER"), (14, 19, "PER"), (20, 25, "LOC"), (26, 32, "LOC"), (37, 41, "LOC")]
SCHEMES = {
    "IOB1": "I-PER I-PER O I-PER I-PER I-LOC B-LOC O I-LOC O",
    "IOB2": "B-PER I-PER O B-PER I-PER B-LOC B-LOC O B-LOC O",
    "BIOES": "B-PER E-PER O B-PER E-PER S-LOC S-LOC O S-LOC O",
    "BMES": "B-PER E-PER O B-PER E-PER S-LOC S-LOC O S-LOC O",
    "BILOU": "B-PER L-PER O B-PER L-PER U-LOC U-LOC O U-LOC O",
    "lower": "b-PER i-PER o b-PER i-PER b-LOC b-LOC o b-LOC o",
    "underscore": "B_PER I_PER O B_PER I_PER B_LOC B_LOC O B_LOC O",
}


def spans(row: Row) -> list[tuple[int, int, str]]:
    return [(span["start"], span["end"], span["label"]) for span in row["entities"]]


def rows(table: Table) -> list[Row]:
    columns = {proposal.field: proposal.columns for proposal in propose(table, FIELDS)}
    return list(rows_of(table, columns, FIELDS))


def faults(table: Table) -> dict[str, list[int]]:
    """{fault: rows}, after asserting that each can be said."""
    columns = {proposal.field: proposal.columns for proposal in propose(table, FIELDS)}
    result = check(table, columns, FIELDS)
    assert all(
        render(text, lang) for fault in result.faults for text in (fault.message, fault.remedy) for lang in LANGUAGES
    )
    return {fault.message.key.removeprefix("data.fault."): fault.rows for fault in result.faults}


def conll(tagged: str, tokens: list[str] = TOKENS, separator: str = " ") -> str:
    return "".join(f"{token}{separator}{tag}\n" for token, tag in zip(tokens, tagged.split(), strict=True)) + "\n"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_every_scheme_gives_the_same_spans(table: ReadTable, scheme: str, separator: str) -> None:
    found = table(conll(SCHEMES[scheme], separator=separator) * 2, "data.txt")
    first, second = rows(found)
    assert first["text"] == TEXT and spans(first) == spans(second) == SPANS


def test_documents_comments_more_columns_and_crlf(table: ReadTable) -> None:
    lines = ["-DOCSTART- -X- O O", "", "# a comment", "# NN B-X O"]
    lines += [f"{token} NN x {tag}" for token, tag in zip(TOKENS, SCHEMES["IOB2"].split(), strict=True)] + ["", "", ""]
    found = table("\r\n".join(lines), "data.conll")
    assert found.columns == ["tokens", "column 2", "column 3", "tags"] and found.nested == found.columns
    (row,) = rows(found)
    assert spans(row) == [(start + 1, end + 1, label) for start, end, label in SPANS] and row["text"] == "#" + TEXT


def test_numbered_tokens_and_columns_after_the_tags(table: ReadTable) -> None:
    lines = [
        f"{n}\t{token}\t{tag}\t_" for n, (token, tag) in enumerate(zip(TOKENS, SCHEMES["IOB2"].split(), strict=True))
    ]
    (row,) = rows(table("\n".join(lines) + "\n\n", "data.iob2"))
    assert (row["text"], spans(row)) == (TEXT, SPANS)


def test_chinese_characters_have_no_blanks_between_them(table: ReadTable) -> None:
    (row,) = rows(table(conll("B-PER E-PER O B-LOC M-LOC M-LOC E-LOC O", list("王明在北京大学。")), "data.bmes"))
    assert row["text"] == "王明在北京大学。" and spans(row) == [(0, 2, "PER"), (3, 7, "LOC")]


JSONL: dict[str, dict[str, Any]] = {
    "tags": {"tokens": TOKENS, "ner_tags": SCHEMES["IOB1"].split()},
    "lists": {"text": TEXT, "label": SPANS},
    "labels first": {"text": TEXT, "labels": [(label, start, end) for start, end, label in SPANS]},
    "objects": {"text": TEXT, "entities": [{"start": s, "end": e, "label": label} for s, e, label in SPANS]},
    "offsets": {"text": TEXT, "spans": [{"start_offset": s, "end_offset": e, "type": label} for s, e, label in SPANS]},
    "in an object": {"text": TEXT, "annotations": {"entities": SPANS}},
    "columns": {"text": TEXT, "entities": dict(zip(("start", "end", "label"), zip(*SPANS, strict=True), strict=True))},
    "own schema": {
        "text": TEXT,
        "entities": [{"entity_group": x, "score": 1.0, "word": TEXT[s:e], "start": s, "end": e} for s, e, x in SPANS],
    },
}  # fmt: skip


@pytest.mark.parametrize("form", JSONL)
def test_every_form_of_json_gives_the_same_spans(table: ReadTable, form: str) -> None:
    found = table(json.dumps(JSONL[form]) + "\n" + json.dumps(JSONL[form]) + "\n", "data.jsonl")
    assert [(row["text"], spans(row)) for row in rows(found)] == [(TEXT, SPANS)] * 2
    listed = table(json.dumps([JSONL[form]]), "data.json")
    assert [(row["text"], spans(row)) for row in rows(listed)] == [(TEXT, SPANS)]


def test_tags_in_a_csv(table: ReadTable) -> None:
    found = table('text,tags\nAna saw Bo Li,B-PER O B-PER I-PER\n"in Rome","[""O"", ""B-LOC""]"\nnobody,\n')
    assert [spans(row) for row in rows(found)] == [[(0, 3, "PER"), (8, 13, "PER")], [(3, 7, "LOC")], []]


def test_lists_as_python_writes_them(table: ReadTable) -> None:
    """What pandas leaves in a csv."""
    lines = [
        "text,entities",
        """"['EU', 'rejects', ""Bob's"", 'call']","['B-ORG', 'O', 'B-PER', 'O']\"""",
        """EU rejects,"[(0, 2, 'ORG')]\"""",
        """EU agrees,"[{'start': 0, 'end': 2, 'label': 'ORG'}]\"""",
    ]
    found = rows(table("\n".join(lines)))
    assert [row["text"] for row in found] == ["EU rejects Bob's call", "EU rejects", "EU agrees"]
    assert [spans(row) for row in found] == [[(0, 2, "ORG"), (11, 16, "PER")], [(0, 2, "ORG")], [(0, 2, "ORG")]]


def test_types_without_letters_and_tags_first(table: ReadTable) -> None:
    plain = "EU ORG\nrejects O\nGerman O\nlamb O\n\nAda PER\nLovelace PER\nsaw O\nit O\n\n"
    assert [spans(row) for row in rows(table(plain, "data.conll"))] == [[(0, 2, "ORG")], [(0, 12, "PER")]]
    first = "B-ORG\tEU\nO\trejects\nO\tit\n\nB-PER\tAda\nI-PER\tLovelace\n\n"
    assert [spans(row) for row in rows(table(first, "data.txt"))] == [[(0, 2, "ORG")], [(0, 12, "PER")]]


def test_a_long_list_of_tokens_is_cut_behind_a_token(table: ReadTable) -> None:
    tagged = {"tokens": ["token"] * 7_000, "tags": ["O"] * 10 + ["B-X"] + ["O"] * 6_988 + ["B-X"]}
    found = table("\n".join([json.dumps(tagged)] * 2), "data.jsonl")
    (row, _) = rows(found)
    assert len(row["text"]) == 19_997 and row["text"].endswith("token") and spans(row) == [(60, 65, "X")]
    assert faults(found)["cut"] == [1, 2]


BAD_CELLS = [
    '[{"start": Infinity, "end": 3, "label": "A"}]', '[{"start": 0, "end": 1e999, "label": "A"}]',
    '[[0, "3", {"a": 1}]]', "[[", "{'a': ", "[" * 5000, "[0, 1, 2]", '[null, "O"]', "[(0, 2, 'ORG'", "{}", '{"a": []}',
    '[{"start": "' + "9" * 5000 + '", "end": 3, "label": "A"}]',
]  # fmt: skip


@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_cell_that_holds_no_entities_is_a_fault_and_no_failure(table: ReadTable, cell: str) -> None:
    with io.StringIO(newline="") as text:
        csv.writer(text).writerows(
            [["text", "entities"], *([f"Ana {n} saw it", ""] for n in range(9)), ["Bo saw", cell]]
        )
        found = faults(table(text.getvalue()))
    assert found.pop("no_entities") == []
    assert found.pop("few_rows", []) == [] and list(found.values()) in ([[10]], [])


def test_empty_and_odd_lists_of_tokens(table: ReadTable) -> None:
    odd = [
        {"tokens": [], "tags": []},
        {"tokens": ["", " "], "tags": ["O", "O"]},
        {"tokens": ["a", None], "tags": ["O", "O"]},
    ]
    good = [{"tokens": ["Ana", str(n)], "tags": ["B-PER", "O"]} for n in range(12)]
    found = table("\n".join(map(json.dumps, [*good, *odd])), "data.jsonl")
    assert faults(found) == {"empty": [13, 14], "spans_unreadable": [15]} and len(rows(found)) == 12


@pytest.mark.parametrize(("text", "span"), [("Ada met Bob", [0, 2]), ("Hi 😀 Ada", [6, 8]), ("Über Köln", [5, 7])])
def test_a_span_that_ends_or_begins_inside_a_word_is_said(table: ReadTable, text: str, span: list[int]) -> None:
    lines = [*GOOD, {"text": text, "entities": [[*span, "PER"]]}]
    assert faults(table("\n".join(map(json.dumps, lines)), "data.jsonl")) == {"span_in_word": [13]}


def test_a_mark_inside_a_line_keeps_its_place(table: ReadTable) -> None:
    lines = [json.dumps({"text": "Hi \ufeffAda", "entities": [[4, 7, "PER"]]}, ensure_ascii=False)] * 2
    (row, _) = rows(table("\n".join(lines), "data.jsonl"))
    assert row["text"][4:7] == "Ada"


def test_moved_words_in_a_long_text_are_found_at_once(table: ReadTable) -> None:
    entities = [{"start": 3, "end": 6, "label": "X", "text": f"w{n:03}"} for n in range(100)]
    text = "a " * 9_000 + " ".join(f"w{n:03}" for n in range(100))
    found = table("\n".join(json.dumps({"text": f"{n} {text}", "entities": entities}) for n in range(12)), "data.jsonl")
    start = time.monotonic()
    assert faults(found) == {"span_moved": list(range(1, 13))}
    assert time.monotonic() - start < 5


def test_offsets_count_code_points_in_any_script(table: ReadTable) -> None:
    texts = [("👩‍👩‍👧 Zoë", "Zoë"), ("e\u0301 in Köln", "Köln"), ("شاهدت ليلى القمر", "ليلى"), ("𠮷野家在东京", "东京")]
    lines = [{"text": t, "entities": [[t.index(w), t.index(w) + len(w), "X"]]} for t, w in texts]
    found = rows(table("\n".join(json.dumps(line) for line in lines), "data.jsonl"))
    assert [row["text"][s:e] for row in found for s, e, _ in spans(row)] == [word for _, word in texts]


GOOD = [{"text": f"Ana {n} saw Rome", "entities": [[0, 3, "PER"]]} for n in range(12)]


def test_every_fault_of_spans_at_once(table: ReadTable) -> None:
    bad = [
        {"text": "too short", "entities": [[0, 99, "PER"]]},
        {"text": "word is not there", "entities": [{"start": 0, "end": 3, "label": "PER", "text": "Bob"}]},
        {"text": "no label", "entities": [[0, 3]]},
        {"text": "the moved Bob", "entities": [{"start": 3, "end": 6, "label": "PER", "word": "Bob"}]},
        {"text": "New York City", "entities": [[0, 8, "PER"], [4, 13, "PER"]]},
        {"text": "an odd Case", "entities": [[7, 11, "Per"]]},
        {"text": "numbered tags here", "entities": ["0", "1", "0"]},
        {"text": "more tags than words", "entities": ["O", "B-PER"]},
        {"text": "Ana 0 saw Rome", "entities": []},
    ]
    found = table("\n".join(json.dumps(line) for line in [*GOOD, *bad]), "data.jsonl")
    assert faults(found) == {
        "span_outside": [13, 14],
        "spans_unreadable": [15],
        "span_moved": [16],
        "tags_double": [17],
        "tags_numbers": [19],
        "tags_count": [20],
        "contradicted_gold": [21],
        "rare_type": [18],
        "spelling_type": [18],
    }
    kept = rows(found)
    assert len(kept) == 16 and kept[12]["entities"] == [{"start": 10, "end": 13, "label": "PER"}]
    assert kept[13]["entities"] == [{"start": 0, "end": 8, "label": "PER"}]


@pytest.mark.parametrize(
    ("scheme", "odd", "fault"),
    [
        ("IOB2", "O I-PER O O O O O O O O", "tags_broken"),
        ("IOB2", "B-PER E-PER O O O O O O S-LOC O", "tags_other"),
        ("IOB2", "PER PER O O O O O O LOC O", "tags_other"),
        ("IOB1", "B-PER I-PER O O O O O O O O", "tags_other"),
        ("BIOES", "B-PER I-PER O O O O O O S-LOC O", "tags_broken"),
        ("BIOES", "I-PER E-PER O O O O O O S-LOC O", "tags_broken"),
        ("IOB2", "B-PER|B-LOC I-PER O O O O O O O O", "tags_double"),
    ],
)
def test_tags_that_do_not_fit_the_others_are_said(table: ReadTable, scheme: str, odd: str, fault: str) -> None:
    content = "".join(conll(SCHEMES[scheme], [*TOKENS[:-1], str(n)]) for n in range(12)) + conll(odd)
    assert {name: at for name, at in faults(table(content, "data.conll")).items() if "type" not in name} == {
        fault: [13]
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_in_one_scheme_has_no_fault(table: ReadTable, scheme: str) -> None:
    content = "".join(conll(SCHEMES[scheme], [*TOKENS[:-1], str(n)]) for n in range(12))
    assert faults(table(content, "data.conll")) == {}


def test_what_has_no_entity_is_refused(table: ReadTable) -> None:
    found = table("".join(conll("O O", ["word", str(n)]) for n in range(12)), "data.conll")
    assert "no_entities" in faults(found)


def test_a_classification_tsv_is_no_conll(table: ReadTable) -> None:
    found = table("text\tlabel\n" + "good word\tO\nbad word\tB-1\n" * 9, "data.tsv")
    assert found.columns == ["text", "label"] and found.rows == 18


def test_types_alone_are_entities_where_they_stand_together() -> None:
    assert tags.decode(["PER", "PER", "O", "LOC"]).spans == [(0, 1, "PER"), (3, 3, "LOC")]


@pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")
@pytest.mark.parametrize(
    ("name", "count", "labels"),
    [
        ("ner_en/wikigold/CONLL-format/data/wikigold.conll.txt", 1696, ["LOC", "MISC", "ORG", "PER"]),
        ("ner_zh/zh_gsdsimp-ud-train.iob2", 3997, ["LOC", "ORG", "PER"]),
        ("wnut17/wnut17train.conll", 3394, ["corporation", "creative-work", "group", "location", "person", "product"]),
        ("ner_en/BTC/CONLL-format/data/h.conll", 2000, ["LOC", "ORG", "PER"]),
    ],
)
def test_published_sets_are_read_whole(tmp_path: Path, name: str, count: int, labels: list[str]) -> None:
    found = read(Path(os.environ["PLAYGROUND_DATA"]) / "train" / name, directory=tmp_path)
    columns = {proposal.field: proposal.columns for proposal in propose(found, FIELDS)}
    result = check(found, columns, FIELDS)
    assert (found.rows, result.rows, result.labels) == (count, count, labels) and result.ok
