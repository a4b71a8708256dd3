"""Pairs of texts: which columns they are, which languages, and what is amiss with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from playground.data import Checked, Table, check, propose, rows_of
from playground.fields import Field, Row
from playground.i18n import LANGUAGES, render
from playground.tasks import get_task

ReadTable = Callable[..., Table]
FIELDS: tuple[Field, ...] = get_task("translation").fields
ENGLISH = [
    "Good morning.", "Where is the station?", "I would like a cup of tea.", "It is raining again.", "See you later!",
    "How much is this?", "My sister lives in Berlin.", "Turn left at the bank.", "Dinner is ready.", "Call me tonight.",
]  # fmt: skip
CHINESE = [
    "早上好。", "车站在哪里？", "我想要一杯茶。", "又下雨了。", "回头见！",
    "这个多少钱？", "我妹妹住在柏林。", "在银行那里左转。", "晚饭好了。", "今晚给我打电话。",
]  # fmt: skip
BY_HAND = {"text": ["en"], "source": ["=en"], "target": ["=中文"], "translation": ["zh"]}


def tsv(*rows: tuple[str, ...], header: str = "") -> str:
    lines = ["\t".join(row) for row in rows]
    return "\n".join([header.replace(" ", "\t"), *lines] if header else lines) + "\n"


def pairs(header: str, *more: tuple[str, ...]) -> str:
    return tsv(*zip(ENGLISH, CHINESE, strict=True), *more, header=header)


def mapped(table: Table) -> dict[str, list[str]]:
    """{field: columns} as proposed, after asserting that every reason can be said."""
    proposals = propose(table, FIELDS)
    assert [proposal.field for proposal in proposals] == [field.name for field in FIELDS]
    assert all(render(proposal.reason, lang) for proposal in proposals for lang in LANGUAGES)
    return {proposal.field: proposal.columns for proposal in proposals if proposal.columns}


def checked(table: Table, columns: dict[str, list[str]] | None = None) -> tuple[Checked, dict[str, list[int]]]:
    """The check's result and its codes with their rows, after asserting that all can be shown."""
    columns = columns or BY_HAND
    result = check(table, columns, FIELDS)
    assert all(
        render(said, lang) for fault in result.faults for said in (fault.message, fault.remedy) for lang in LANGUAGES
    )
    if result.rows:
        assert result.rows == len(list(rows_of(table, columns, FIELDS))) and result.labels == []
    return result, {fault.message.key.removeprefix("data.fault."): fault.rows for fault in result.faults}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("en zh", {"text": ["en"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}),
        ("English 中文", {"text": ["English"], "translation": ["中文"], "source": ["=en"], "target": ["=zh"]}),
        ("source target", {"text": ["source"], "translation": ["target"], "target": ["=zh"]}),
        ("原文 译文", {"text": ["原文"], "translation": ["译文"], "target": ["=zh"]}),
        ("fr zh_Hant", {"text": ["fr"], "translation": ["zh_Hant"], "source": ["=fr"], "target": ["=zh-Hant"]}),
        ("one two", {"text": ["one"], "translation": ["two"], "target": ["=zh"]}),
        # The header says Japanese and Russian; the script of the texts knows better.
        ("ja ru", {"text": ["ja"], "translation": ["ru"], "target": ["=zh"]}),
    ],
)
def test_two_columns_are_told_apart_by_name_or_by_order(
    table: ReadTable, header: str, expected: dict[str, list[str]]
) -> None:
    assert mapped(table(pairs(header), "pairs.tsv")) == expected


def test_the_order_of_two_languages_is_the_direction(table: ReadTable) -> None:
    found = table(tsv(*zip(CHINESE, ENGLISH, strict=True), header="zh en"), "pairs.tsv")
    assert mapped(found) == {"text": ["zh"], "translation": ["en"], "source": ["=zh"], "target": ["=en"]}


def test_a_column_called_source_is_what_it_holds(table: ReadTable) -> None:
    rows = [("en", "zh", a, b) for a, b in zip(ENGLISH, CHINESE, strict=True)]
    found = table(tsv(*rows, header="source target original 译文"), "pairs.tsv")
    columns = mapped(found)
    assert columns == {"text": ["original"], "translation": ["译文"], "source": ["source"], "target": ["target"]}
    assert next(rows_of(found, columns, FIELDS)) == {
        "text": "Good morning.", "source": "en", "target": "zh", "translation": "早上好。",
    }  # fmt: skip


def test_columns_of_languages_are_found_by_name_or_by_what_they_hold(table: ReadTable) -> None:
    rows = [(a, "English", b, "Chinese") for a, b in zip(ENGLISH, CHINESE, strict=True)]
    found = table(tsv(*rows, header="a tgt_lang b other"), "pairs.tsv")
    assert mapped(found) == {"text": ["a"], "translation": ["b"], "target": ["tgt_lang"], "source": ["other"]}


def test_both_directions_in_one_column_have_no_constant(table: ReadTable) -> None:
    rows = [*zip(ENGLISH, CHINESE, strict=True), *zip(CHINESE, ENGLISH, strict=True)]
    assert mapped(table(tsv(*rows, header="en zh"), "pairs.tsv")) == {"text": ["en"], "translation": ["zh"]}


def test_attributions_numbers_ids_and_topics_are_no_sides(table: ReadTable) -> None:
    rows = [
        (
            str(n),
            f"train-{n:05}",
            "travel",
            ENGLISH[n % 10] + f" ({n})",
            CHINESE[n % 10] + f"（{n}）",
            f"by Ann, no. {n}",
        )
        for n in range(60)
    ]
    found = table(tsv(*rows), "pairs.tsv")
    assert mapped(found) == {"text": ["column 4"], "translation": ["column 5"], "target": ["=zh"]}


def test_words_and_their_translations_are_sides(table: ReadTable) -> None:
    words = [("1", "apple", "苹果"), ("2", "pear", "梨"), ("3", "plum", "李子"), ("4", "nut", "坚果")]
    expected = {"text": ["english"], "translation": ["chinese"], "source": ["=en"], "target": ["=zh"]}
    assert mapped(table(tsv(*words, header="id english chinese"), "words.tsv")) == expected


def test_the_split_of_a_file_is_no_side(table: ReadTable) -> None:
    rows = [(("train", "test")[n % 2], a, b) for n, (a, b) in enumerate(zip(ENGLISH, CHINESE, strict=True))]
    columns = mapped(table(tsv(*rows, header="split en zh"), "pairs.tsv"))
    assert (columns["split"], columns["text"], columns["translation"]) == (["split"], ["en"], ["zh"])


def test_japanese_is_told_from_chinese(table: ReadTable) -> None:
    rows = [
        ("猫が好きです", "我喜欢猫"),
        ("今日は雨", "今天下雨"),
        ("東京駅", "东京站"),
        ("お茶をください", "请给我茶"),
    ]
    assert mapped(table(tsv(*rows, header="a b"), "pairs.tsv"))["source"] == ["=ja"]
    assert mapped(table(tsv(*rows, header="a b"), "pairs.tsv"))["target"] == ["=zh"]


def test_a_language_for_all_rows_stands_in_every_row(table: ReadTable) -> None:
    found = table(pairs("en zh"), "pairs.tsv")
    result, codes = checked(found)
    assert result.ok and not codes and result.rows == 10
    row: Row = {"text": "Good morning.", "source": "en", "target": "zh", "translation": "早上好。"}
    assert next(rows_of(found, BY_HAND, FIELDS)) == row
    both = {**BY_HAND, "source": ["=en"], "target": ["=en"]}
    assert list(checked(found, both)[1]) == ["same_language"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"source": ["=elvish"]}, ["constant_unknown"]),
        ({"source": ["=elvish"], "target": ["=en", "=zh"]}, ["constant_unknown", "many_columns"]),
        ({"text": ["=en"]}, ["unknown_column"]),
        ({"source": ["zh"]}, ["column_twice"]),
        ({"translation": []}, ["no_column"]),
    ],
)
def test_an_impossible_mapping_is_refused(table: ReadTable, columns: dict[str, list[str]], expected: list[str]) -> None:
    result, codes = checked(table(pairs("en zh"), "pairs.tsv"), BY_HAND | columns)
    assert not result.ok and list(codes) == expected


def test_languages_are_parsed_and_unknown_ones_leave_their_rows_out(table: ReadTable) -> None:
    tongues = ["EN", "eng_Latn", "英语", "en_XX", "", "elvish", "en", "en", "en", "en"]
    rows = list(zip(tongues, ENGLISH, CHINESE, strict=True))
    found = table(tsv(*rows, ("en", "One more.", "再来一个。"), header="lang en zh"), "pairs.tsv")
    columns = BY_HAND | {"source": ["lang"]}
    result, codes = checked(found, columns)
    assert result.ok and codes == {"language_unknown": [6]} and result.rows == 10
    assert [row["source"] for row in rows_of(found, columns, FIELDS)][:5] == ["en", "en", "en", "en", ""]


def test_rows_without_any_language_can_be_checked(table: ReadTable) -> None:
    found = table(pairs("en zh", (ENGLISH[0], CHINESE[0])), "pairs.tsv")
    result, codes = checked(found, {"text": ["en"], "translation": ["zh"]})
    assert result.ok and codes == {"repeated": [11]}


def test_what_is_amiss_with_pairs_is_said_with_its_rows(table: ReadTable) -> None:
    long_english = [f"{a} And that is number {n} of the list." for n in range(3) for a in ENGLISH]
    long_chinese = [f"{b}这是清单里的第{n}个。" for n in range(3) for b in CHINESE]
    odd = [
        ("Nobody translated this sentence.", "nobody translated  this sentence."),  # 31
        ("Nobody translated that sentence.", "Nobody translated that sentence."),  # 32
        ("10:30", "10:30"),  # 33: no letters, so it is right
        ("我明天要去学校上课。", "I go to school tomorrow."),  # 34
        ("This sentence is rather long and says a lot of things in many words.", "长。"),  # 35
        ("Short, but it goes on.", "短，" * 40),  # 36
        ("No.", "不是这样的，绝对不是。"),  # 37: a few characters more or less say nothing
        (long_english[0], "完全另一种译法，这是清单里的第零个。"),  # 38
        ("", "没有原文"),  # 39
    ]
    rows = [*zip(long_english, long_chinese, strict=True), *odd]
    _, codes = checked(table(tsv(*rows, header="en zh"), "pairs.tsv"))
    assert codes == {
        "empty": [39], "several_translations": [38], "equal_sides": [31, 32], "swapped_sides": [34],
        "wild_length": [35, 36],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "misnamed"),
    [("en zh", ["en", "zh"]), ("zh sr", []), ("ja en", []), ("text zh", ["zh"]), ("zh en", [])],
)
def test_columns_that_are_called_like_another_language_are_told(
    table: ReadTable, header: str, misnamed: list[str]
) -> None:
    """Chinese stands in the first column and English in the second."""
    found = table(tsv(*zip(CHINESE, ENGLISH, strict=True), header=header), "pairs.tsv")
    result, codes = checked(found, mapped(found))
    assert result.ok and ("misnamed_column" in codes) == bool(misnamed)
    faults = [fault for fault in result.faults if fault.message.key.endswith("misnamed_column")]
    assert [fault.message.values["column"] for fault in faults] == misnamed


def test_uneven_languages_have_a_usual_ratio_of_their_own(table: ReadTable) -> None:
    """Chinese is a third as long as English; in a file with both directions neither is wild."""
    rows = [
        (f"{a} And that is number {n} of the list.", f"{b}这是第{n}个。")
        for n in range(6)
        for a, b in zip(ENGLISH, CHINESE, strict=True)
    ]
    both = [*rows, *[(b, a) for a, b in rows]]
    assert (
        "wild_length"
        not in checked(table(tsv(*both, header="en zh"), "p.tsv"), {"text": ["en"], "translation": ["zh"]})[1]
    )
