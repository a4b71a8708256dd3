"""Fixes: each takes its fault away, says what it did, and leaves everything else as it was."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from playground.data import FIXES, Checked, Table, check, numbered_rows
from playground.data.survey import is_near_empty
from playground.errors import PlaygroundError
from playground.fields import Row
from playground.i18n import LANGUAGES, catalog, render
from playground.tasks import get_task
from tests.data.conftest import FIELDS, TEXT_LABEL
from tests.data.parts import parts

ReadTable = Callable[..., Table]
GOOD = [f"{feeling} text number {n},{feeling}" for n in range(10) for feeling in ("good", "bad")]


def fixed(
    table: Table, *fixes: str, task: str = "classification", columns: dict[str, list[str]] | None = None
) -> tuple[Checked, list[Row]]:
    """The check with fixes and the rows that are trained on, after asserting that the two agree."""
    columns, fields = columns or {**TEXT_LABEL}, get_task(task).fields
    found = check(table, columns, fields, fixes=fixes)
    numbered = numbered_rows(table, columns, fields, found.mended)
    rows = [row for number, row in numbered if number not in found.mended.surplus]
    assert len(rows) == found.rows and set(found.mended.told) == set(fixes)
    for fault in found.faults:
        assert set(fault.fixes) <= set(FIXES)
    for message in found.mended.told.values():
        assert all(render(message, lang) for lang in LANGUAGES)
    return found, rows


def codes(found: Checked) -> dict[str, list[int]]:
    return {fault.message.key.removeprefix("data.fault."): fault.rows for fault in found.faults}


def told(found: Checked) -> dict[str, int]:
    return {name: message.values["count"] for name, message in found.mended.told.items()}


def csv_of(lines: Sequence[str], header: str = "text,label") -> str:
    return "\n".join([header, *lines]) + "\n"


def test_every_fix_has_its_words() -> None:
    for name, faults in FIXES.items():
        assert {f"fix.{name}.done", *(f"data.fault.{code}" for code in faults)} <= set(catalog())
        assert f"fix.{name}" in catalog() or faults == (name,)


def test_a_name_that_no_fix_has_is_refused(table: ReadTable) -> None:
    with pytest.raises(PlaygroundError) as refused:
        check(table(csv_of(GOOD)), TEXT_LABEL, FIELDS, fixes=["duplicates", "magic"])
    assert refused.value.code == "unknown_fix" and "magic" in refused.value.text("zh")


def test_without_fixes_nothing_is_left_out(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, GOOD[0], "...,good"]))
    assert fixed(read)[0].rows == 22


def test_repeated_rows_are_left_out_but_for_the_first(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, GOOD[0], GOOD[1], " GOOD text  number 0,good"]))
    before, _ = fixed(read)
    assert codes(before) == {"repeated": [21, 22, 23]} and before.faults[0].fixes == ("duplicates",)
    found, rows = fixed(read, "duplicates")
    assert not found.faults and told(found) == {"duplicates": 3} and rows == fixed(table(csv_of(GOOD)))[1]


CONTRADICTED = ["same,good", "same,good", "Same,bad", "tied,good", "tied,bad"]


def test_the_same_text_with_two_labels(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, *CONTRADICTED]))
    before, _ = fixed(read)
    assert codes(before) == {"repeated": [22], "contradicted": [23, 25]}
    assert before.faults[1].fixes == ("majority", "contradictions")
    found, rows = fixed(read, "majority")
    assert codes(found) == {"repeated": [22]} and told(found) == {"majority": 3}
    assert [row["label"] for row in rows if row["text"] == "same"] == ["good", "good"]
    assert not any(row["text"] == "tied" for row in rows)
    found, rows = fixed(read, "contradictions")
    assert not found.faults and told(found) == {"contradictions": 5} and len(rows) == 20


def test_a_repeat_counts_as_a_vote_whatever_the_order_of_the_fixes(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, *CONTRADICTED]))
    for fixes in (("majority", "duplicates"), ("duplicates", "majority")):
        found, rows = fixed(read, *fixes)
        assert not found.faults and told(found) == {"majority": 3, "duplicates": 1}
        assert [row["label"] for row in rows if row["text"] == "same"] == ["good"]


def test_labels_get_the_spelling_that_most_rows_have(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, *(f"more {n},{label}" for n, label in enumerate(["Good", " GOOD ", "BAD"] * 5))]))
    before, _ = fixed(read)
    assert before.labels == ["BAD", "GOOD", "Good", "bad", "good"] and list(codes(before)) == ["spelling"]
    found, rows = fixed(read, "one_spelling")
    assert not found.faults and found.labels == ["bad", "good"] and told(found) == {"one_spelling": 3}
    assert Counter(row["label"] for row in rows) == found.counts == {"good": 20, "bad": 15}


def test_labels_spelled_alike_agree_and_repeat(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, "good text number 0,Good"]))
    assert set(codes(fixed(read)[0])) == {"contradicted", "spelling", "rare"}
    assert codes(fixed(read, "one_spelling")[0]) == {"repeated": [21]}


def test_rare_classes_are_left_out(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, "some,odd", "thing,odd", "else,queer"]))
    before, _ = fixed(read)
    assert codes(before) == {"rare": [21, 22, 23]} and "queer (1), odd (2)" in render(before.faults[0].message, "en")
    found, _ = fixed(read, "rare")
    assert not found.faults and found.labels == ["bad", "good"] and told(found) == {"rare": 3}


def test_no_fix_is_offered_that_would_leave_nothing_to_learn(table: ReadTable) -> None:
    found, _ = fixed(table(csv_of([f"text {n},class {n % 4}" for n in range(12)])))
    assert list(codes(found)) == ["rare"] and found.faults[0].fixes == ()


def test_of_a_text_with_several_translations_the_first_stays(table: ReadTable) -> None:
    pairs = [f"word {n},译文 {n}" for n in range(20)]
    columns = {"text": ["en"], "source": ["=en"], "target": ["=zh"], "translation": ["zh"]}
    read = table(csv_of([*pairs, "word 3,另一种译法"], "en,zh"))
    before, _ = fixed(read, task="translation", columns=columns)
    assert codes(before)["several_translations"] == [21]
    found, rows = fixed(read, "first_of_each", task="translation", columns=columns)
    assert "several_translations" not in codes(found) and told(found) == {"first_of_each": 1} and len(rows) == 20


def test_rows_that_nobody_has_labelled(table: ReadTable) -> None:
    lines = [f"text {n},{('food', 'room')[n % 2]}" for n in range(20)]
    read, columns = table(csv_of([*lines, "quiet,"], "text,labels")), {"text": ["text"], "labels": ["labels"]}
    before, _ = fixed(read, task="multi_label", columns=columns)
    assert codes(before) == {"unlabelled": [21]} and before.faults[0].fixes == ("unlabelled",)
    found, _ = fixed(read, "unlabelled", task="multi_label", columns=columns)
    assert not found.faults and told(found) == {"unlabelled": 1}


def test_a_large_class_gives_rows_up_and_is_the_same_in_every_check(table: ReadTable) -> None:
    read = table(csv_of([*(f"large {n},large" for n in range(100)), *(f"small {n},small" for n in range(8))]))
    before, _ = fixed(read)
    assert list(codes(before)) == ["imbalance"] and "12 times" in render(before.faults[0].message, "en")
    found, rows = fixed(read, "balance")
    assert not found.faults and found.counts == {"large": 24, "small": 8} and rows == fixed(read, "balance")[1]


def test_rows_that_say_next_to_nothing(table: ReadTable) -> None:
    read = table(csv_of([*GOOD, "...,good", "N/A,bad", "x,bad", "无,good", "好,good", "👍,good", "ok,good"]))
    before, _ = fixed(read)
    assert codes(before) == {"near_empty": [21, 22, 23, 24]}
    found, rows = fixed(read, "near_empty")
    assert not found.faults and told(found) == {"near_empty": 4} and [row["text"] for row in rows[20:]] == [
        "好", "👍", "ok",
    ]  # fmt: skip


def test_what_is_written_may_be_a_letter() -> None:
    assert is_near_empty("B", written=False) and not is_near_empty("B", written=True)
    assert is_near_empty("--", written=True) and not is_near_empty("A b", written=False)


SIDES = [f"{line},{'test' if n % 4 == 0 else 'train'}" for n, line in enumerate(GOOD)]


def test_a_text_on_both_sides_of_the_split(table: ReadTable) -> None:
    columns = {**TEXT_LABEL, "split": ["split"]}
    read = table(csv_of([*SIDES, "Good text number 0,good,train"], "text,label,split"))
    before, _ = fixed(read, columns=columns)
    assert codes(before) == {"leaked": [21]} and before.faults[0].fixes == ("leaks",)
    found, rows = fixed(read, "leaks", columns=columns)
    assert not found.faults and told(found) == {"leaks": 1}
    train, held_out = parts(rows, label="label", inputs=["text"], together=["text"], held_out=0.2, seed=0)
    assert (len(train), len(held_out)) == (16, 4) and train[-1]["text"] == "Good text number 0"


def test_balance_leaves_held_out_rows_alone(table: ReadTable) -> None:
    lines = [f"large {n},large,{'test' if n < 40 else 'train'}" for n in range(100)]
    read = table(csv_of([*lines, *(f"small {n},small,train" for n in range(6))], "text,label,split"))
    _, rows = fixed(read, "balance", columns={**TEXT_LABEL, "split": ["split"]})
    assert Counter((row["label"], row["split"]) for row in rows) == {
        ("large", "held_out"): 40, ("large", "train"): 18, ("small", "train"): 6,
    }  # fmt: skip


def test_a_class_that_is_mostly_held_out_takes_no_rows_from_others(table: ReadTable) -> None:
    lines = [f"large {n},large,train" for n in range(60)] + [f"other {n},other,train" for n in range(6)]
    lines += [f"odd {n},odd,{'test' if n else 'train'}" for n in range(9)]
    found, _ = fixed(table(csv_of(lines, "text,label,split")), "balance", columns={**TEXT_LABEL, "split": ["split"]})
    assert found.counts == {"large": 18, "other": 6, "odd": 9}


def test_frequent_types_and_labels_give_rows_up_where_nothing_rare_goes_with_them(table: ReadTable) -> None:
    often = [{"text": f"Ana {n} saw it", "entities": [[0, 3, "PER"]]} for n in range(80)]
    rare = [{"text": f"Ana {n} in Rome", "entities": [[0, 3, "PER"], [10, 14, "LOC"]]} for n in range(10, 16)]
    none = [{"text": f"nobody {n}", "entities": []} for n in range(5)]
    read = table("\n".join(map(json.dumps, [*often, *rare, *none])), "data.jsonl")
    columns = {"text": ["text"], "entities": ["entities"]}
    before, _ = fixed(read, task="ner", columns=columns)
    assert codes(before) == {"imbalance_type": []} and before.faults[0].fixes == ("balance",)
    found, rows = fixed(read, "balance", task="ner", columns=columns)
    assert not found.faults and sum(not row["entities"] for row in rows) == 5
    assert sum(len(row["entities"]) == 2 for row in rows) == 6 and 12 <= found.counts["PER"] <= 18

    lines = [*(f"often {n},a" for n in range(80)), *(f"both {n},a|b" for n in range(6))]
    read = table(csv_of(lines, "text,labels"))
    columns = {"text": ["text"], "labels": ["labels"]}
    before, _ = fixed(read, task="multi_label", columns=columns)
    assert codes(before) == {"imbalance_label": []} and before.faults[0].fixes == ("balance",)
    found, _ = fixed(read, "balance", task="multi_label", columns=columns)
    assert not found.faults and found.counts["b"] == 6 and 12 <= found.counts["a"] <= 24


def test_what_no_fix_mends_has_none(table: ReadTable) -> None:
    """Every text has the frequent type and the rare one: none can be left out."""
    lines = []
    for n in range(12):
        text = f"{'Ana ' * 11}in Rome {n}"
        spans = [[4 * place, 4 * place + 3, "PER"] for place in range(11)] + [[47, 51, "LOC"]]
        lines.append({"text": text, "entities": spans})
    read = table("\n".join(map(json.dumps, lines)), "data.jsonl")
    found, _ = fixed(read, task="ner", columns={"text": ["text"], "entities": ["entities"]})
    assert codes(found) == {"imbalance_type": []} and found.faults[0].fixes == ()


def test_rows_that_lose_their_rare_labels_can_be_left_out_then(table: ReadTable) -> None:
    lines = [*(f"text {n},a|b" for n in range(12)), *(f"more {n},a" for n in range(12)), "odd,c"]
    read = table(csv_of(lines, "text,labels"))
    columns = {"text": ["text"], "labels": ["labels"]}
    found, rows = fixed(read, "rare", task="multi_label", columns=columns)
    assert codes(found) == {"unlabelled": [25]} and rows[24]["labels"] == []
    found, rows = fixed(read, "rare", "unlabelled", task="multi_label", columns=columns)
    assert not found.faults and len(rows) == 24


def test_classes_on_one_side_of_the_split_alone_are_told(table: ReadTable) -> None:
    lines = [f"{label} {n},{label},{'test' if n % 4 == 0 else 'train'}" for n in range(24) for label in "ab"]
    lines += [f"new {n},c,test" for n in range(10)]
    found, _ = fixed(table(csv_of(lines, "text,label,split")), columns={**TEXT_LABEL, "split": ["split"]})
    assert list(codes(found)) == ["rare"] and "c (0)" in render(found.faults[0].message, "en")


def test_no_fix_makes_too_much_text_fit(table: ReadTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check ends where it is too much, so that it cannot tell what repeats in the rest."""
    for name in ("check", "survey"):
        monkeypatch.setattr(sys.modules[f"playground.data.{name}"], "MAX_CHARS", 300)
    read = table(csv_of([*GOOD[:10], *GOOD[:2] * 20]))
    assert "too_much_text" in codes(check(read, TEXT_LABEL, FIELDS, fixes=["duplicates"]))


def test_entity_types_are_spelled_alike_and_rare_ones_unmarked(table: ReadTable) -> None:
    good = [{"text": f"Ana {n} saw Rome", "entities": [[0, 3, "PER"]]} for n in range(12)]
    odd = [
        {"text": "an odd Bob", "entities": [[7, 10, "Per"]]},
        {"text": "Eve in May", "entities": [[0, 3, "PER"], [7, 10, "TIME"]]},
    ]
    read = table("\n".join(map(json.dumps, [*good, *odd])), "data.jsonl")
    columns = {"text": ["text"], "entities": ["entities"]}
    before, _ = fixed(read, task="ner", columns=columns)
    assert codes(before) == {"rare_type": [13, 14], "spelling_type": [13]}
    found, rows = fixed(read, "one_spelling", "rare", task="ner", columns=columns)
    assert not found.faults and found.labels == ["PER"] and len(rows) == 14
    assert rows[12]["entities"] == [{"start": 7, "end": 10, "label": "PER"}]
    assert rows[13]["entities"] == [{"start": 0, "end": 3, "label": "PER"}]


@pytest.mark.parametrize(
    ("tags", "fault"), [("O I-PER O", "tags_broken"), ("O S-PER O", "tags_other"), ("O B-PER|B-LOC O", "tags_double")]
)
def test_sentences_in_another_scheme_are_left_out(table: ReadTable, tags: str, fault: str) -> None:
    sentences = [(f"Ana saw Rome{n}", "B-PER O B-LOC") for n in range(12)]
    lines = ["\n".join(map(" ".join, zip(text.split(), named.split(), strict=True))) for text, named in sentences]
    lines.append("\n".join(map(" ".join, zip(("saw", "Eve", "there"), tags.split(), strict=True))))
    read = table("\n\n".join(lines) + "\n", "data.conll")
    columns = {"text": [read.columns[0]], "entities": [read.columns[1]]}
    before, _ = fixed(read, task="ner", columns=columns)
    assert codes(before) == {fault: [13]} and before.faults[0].fixes == (fault,)
    found, rows = fixed(read, fault, task="ner", columns=columns)
    assert not found.faults and told(found) == {fault: 1} and len(rows) == 12


def test_answers_that_had_to_be_mended_are_left_out(table: ReadTable) -> None:
    context = "The mill was built in 1804."
    lines = [{"question": f"When was it {n}?", "context": context, "answers": ["1804"]} for n in range(12)]
    lines.append({"question": "What was it?", "context": context, "answers": [{"text": "mill", "answer_start": 9}]})
    columns = {"question": ["question"], "context": ["context"], "answer": ["answers"]}
    read = table("\n".join(map(json.dumps, lines)), "data.jsonl")
    before, _ = fixed(read, task="qa", columns=columns)
    assert codes(before) == {"answer_moved": [13]} and before.faults[0].fixes == ("answer_moved",)
    found, rows = fixed(read, "answer_moved", task="qa", columns=columns)
    assert not found.faults and len(rows) == 12


def test_sides_of_a_translation_are_swapped_or_left_out(table: ReadTable) -> None:
    pairs = [f"A short sentence about day {n}\t关于第{n}天的一句话" for n in range(12)]
    read = table("\n".join(["en\tzh", *pairs, "明天会下雨吗\tWill it rain tomorrow?", "Paris\tParis"]), "data.tsv")
    columns = {"text": ["en"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}
    before, _ = fixed(read, task="translation", columns=columns)
    assert codes(before) == {"swapped_sides": [13], "equal_sides": [14]}
    found, rows = fixed(read, "swap", "equal_sides", task="translation", columns=columns)
    assert not found.faults and told(found) == {"swap": 1, "equal_sides": 1} and len(rows) == 13
    assert (rows[12]["text"], rows[12]["translation"]) == ("Will it rain tomorrow?", "明天会下雨吗")


def test_a_row_whose_sides_were_swapped_repeats_the_one_it_is_now(table: ReadTable) -> None:
    pairs = [(f"Where is house number {n}?", f"{n}号房子在哪里？") for n in range(12)]
    lines = ["en\tzh", *("\t".join(pair) for pair in pairs), "\t".join(reversed(pairs[3]))]
    columns = {"text": ["en"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}
    found, rows = fixed(table("\n".join(lines), "data.tsv"), "swap", "duplicates", task="translation", columns=columns)
    assert told(found) == {"swap": 1, "duplicates": 1} and len(rows) == 12


@pytest.mark.parametrize("task", ["qa", "translation", "generation"])
def test_a_fix_for_classes_does_nothing_where_there_are_none(table: ReadTable, task: str) -> None:
    fields = get_task(task).fields
    lines = [{"question": f"Which {n}?", "context": "The mill.", "answer": "mill"} for n in range(66)]
    columns = {
        "qa": {"question": ["question"], "context": ["context"], "answer": ["answer"]},
        "translation": {"text": ["question"], "translation": ["context"]},
        "generation": {"text": ["question"], "completion": ["context"]},
    }[task]
    read = table("\n".join(map(json.dumps, lines)), "data.jsonl")
    assert check(read, columns, fields, fixes=["balance", "leaks"]).rows == 66
