"""Looking entities up, and picking the stretch that goes best with a question."""

from __future__ import annotations

import time

import pytest

from playground.fields import Row
from playground.services.baselines import dictionary, sliding_window


def marked(text: str, **names: str) -> Row:
    """A row in which the given names ("_" for a blank) are entities of the given types, wherever they stand."""
    spans = []
    for name, label in names.items():
        surface, start = name.replace("_", " "), -1
        while (start := text.find(surface, start + 1)) >= 0:
            spans.append({"start": start, "end": start + len(surface), "label": label})
    return {"text": text, "entities": sorted(spans, key=lambda span: span["start"])}


def found(train: list[Row], text: str) -> list[tuple[str, str]]:
    (spans,) = dictionary(train, [{"text": text}])
    return [(text[span["start"] : span["end"]], span["label"]) for span in spans]


def test_the_longest_name_wins_at_word_borders() -> None:
    train = [marked("New York is big", New_York="LOC"), marked("the New York Times wrote", New_York_Times="ORG")]
    assert found(train, "The New York Times of New\u00a0York, not of New Yorkshire") == [
        ("New York Times", "ORG"),
        ("New\u00a0York", "LOC"),
    ]


def test_the_most_frequent_type_is_taken() -> None:
    train = [marked("Paris", Paris="PER"), marked("Paris", Paris="LOC"), marked("in Paris", Paris="LOC")]
    assert found(train, "Paris") == [("Paris", "LOC")]


def test_a_word_that_is_seldom_a_name_is_left_alone() -> None:
    train = [marked("I may go"), marked("you may go"), marked("May Smith", May="PER"), marked("the may", may="PER")]
    assert found(train, "may May") == [("May", "PER")]
    # Within a longer name is not "no name".
    train = [marked("Bank of China", Bank_of_China="ORG")] * 3 + [marked("China", China="LOC")]
    assert found(train, "China and the Bank of China") == [("China", "LOC"), ("Bank of China", "ORG")]


def test_names_of_scripts_without_blanks() -> None:
    train = [marked("王小明去了北京", 王小明="PER", 北京="LOC"), marked("北京市很大", 北京市="LOC")]
    assert found(train, "北京市的王小明在北京。") == [("北京市", "LOC"), ("王小明", "PER"), ("北京", "LOC")]


def test_entities_that_end_within_a_word_are_not_looked_up() -> None:
    row: Row = {"text": "Germanys", "entities": [{"start": 0, "end": 7, "label": "LOC"}]}
    assert found([row], "Germany Germanys") == []


def test_nothing_to_look_up() -> None:
    assert dictionary([marked("nobody")], [{"text": "Anna"}, {"text": ""}]) == [[], []]


@pytest.mark.parametrize(
    ("question", "context", "answer"),
    [
        ("Who sold the café?", "It rained. The café was sold by Zoë Brandt. It is old.", "Zoë Brandt"),
        (
            "Where is the tower of Pisa?",
            "The tower of London is in England. The tower of Pisa is in Italy. It leans.",
            "Italy",
        ),
        ("谁发现了印欧语系？", "梵语很古老。后来威廉琼斯发现印欧语系。今天下雨。", "后来威廉琼斯"),
    ],
)
def test_the_answer_stands_beside_the_words_of_the_question(question: str, context: str, answer: str) -> None:
    assert sliding_window([{"question": question, "context": context}]) == [answer]


@pytest.mark.parametrize("context", ["the", "...", "Is it? It is.", "a b\n\nc", "。", "  x  "])
@pytest.mark.parametrize("question", ["", "?", "What is it?", "x"])
def test_any_context_gives_a_part_of_itself(question: str, context: str) -> None:
    (answer,) = sliding_window([{"question": question, "context": context}])
    assert answer in context
    assert answer


def test_a_context_without_a_word_has_no_answer() -> None:
    assert sliding_window([{"question": "Who?", "context": " \n"}]) == [""]


def test_long_contexts_take_time_in_proportion() -> None:
    text = " ".join(f"Row {number} of the list was bought by person {number % 97}." for number in range(3000))
    started = time.perf_counter()
    sliding_window([{"question": "Who bought row 2999?", "context": text}])
    assert time.perf_counter() - started < 5


def test_a_long_row_of_many_entities_takes_time_in_proportion() -> None:
    row = marked(" ".join(f"Ada met Bob{number}." for number in range(4000)), Ada="PER")
    started = time.perf_counter()
    assert len(found([row], row["text"])) == 4000
    assert time.perf_counter() - started < 5
