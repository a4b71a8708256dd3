"""What language models are tuned on: prompts and completions, texts alone, conversations in the usual forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from playground.data import Checked, Table, check, propose, rows_of
from playground.fields import Field, Row
from playground.i18n import LANGUAGES, render
from playground.tasks.generation import TASK
from tests.data.parts import parts

ReadTable = Callable[..., Table]
FIELDS: tuple[Field, ...] = TASK.fields
ASKED = [f"What is {number} and one?" for number in range(12)]
ANSWERS = [f"It is {number + 1}." for number in range(12)]
PAIRS = list(zip(ASKED, ANSWERS, strict=True))
OPENAI = {"system": "role", "content": "content"}


def jsonl(entries: list[Any]) -> str:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


def chat(*said: tuple[str, str], role: str = "role", content: str = "content") -> list[dict[str, str]]:
    return [{role: who, content: text} for who, text in said]


def mapped(table: Table) -> dict[str, list[str]]:
    """{field: columns} as proposed, after asserting that every reason can be said."""
    proposals = propose(table, FIELDS)
    assert [proposal.field for proposal in proposals] == [field.name for field in FIELDS]
    assert all(render(proposal.reason, lang) for proposal in proposals for lang in LANGUAGES)
    return {proposal.field: proposal.columns for proposal in proposals if proposal.columns}


def checked(table: Table) -> tuple[Checked, dict[str, list[int]]]:
    """The check's result and its codes with their rows, after asserting that all can be shown."""
    result = check(table, mapped(table), FIELDS)
    assert all(
        render(said, lang) for fault in result.faults for said in (fault.message, fault.remedy) for lang in LANGUAGES
    )
    return result, {fault.message.key.removeprefix("data.fault."): fault.rows for fault in result.faults}


def rows(table: Table) -> list[Row]:
    return list(rows_of(table, mapped(table), FIELDS))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"prompt": "?", "completion": "!"}, {"text": ["prompt"], "completion": ["completion"]}),
        (
            {"instruction": "?", "input": "x", "output": "!"},
            {"text": ["instruction", "input"], "completion": ["output"]},
        ),
        ({"input": "x", "output": "!"}, {"text": ["input"], "completion": ["output"]}),
        ({"question": "x", "answer": "!", "id": "1"}, {"text": ["question"], "completion": ["answer"]}),
        ({"text": "x", "response": "!"}, {"text": ["text"], "completion": ["response"]}),
        ({"prompt": "x", "text": "!"}, {"text": ["prompt"], "completion": ["text"]}),
        ({"text": "x"}, {"completion": ["text"]}),
        ({"title": "x", "text": "!"}, {"completion": ["text"]}),
        ({"提示": "x", "回答": "!"}, {"text": ["提示"], "completion": ["回答"]}),
        ({"first": "x", "second": "!"}, {"text": ["first"], "completion": ["second"]}),
        ({"n": "1", "first": "x", "second": "the longest"}, {"completion": ["second"]}),
    ],
)
def test_prompt_and_completion_are_proposed(table: ReadTable, entry: dict[str, str], expected: dict[str, Any]) -> None:
    found = mapped(table(jsonl([entry] * 12), "data.jsonl"))
    assert found == expected


def test_alpaca_s_input_follows_its_instruction_where_there_is_one(table: ReadTable) -> None:
    entries = [
        {"instruction": f"Add one. {number}", "input": "7" if number % 2 else "", "output": str(number)}
        for number in range(12)
    ]
    found = rows(table(jsonl(entries), "alpaca.jsonl"))
    assert found[0] == {"text": "Add one. 0", "completion": "0"}
    assert found[1] == {"text": "Add one. 1\n7", "completion": "1"}
    assert rows(table(json.dumps(entries), "alpaca.json")) == found


def test_a_column_that_is_the_whole_example_is_no_prompt(table: ReadTable) -> None:
    entries = [
        {"instruction": f"Name animal {n}", "input": "", "output": f"dog {n}", "text": f"Name animal {n}\n###\ndog {n}"}
        for n in range(12)
    ]
    assert mapped(table(json.dumps(entries), "alpaca.json")) == {"text": ["instruction"], "completion": ["output"]}


def test_what_stands_beside_a_prompt_and_is_not_read_is_told(table: ReadTable) -> None:
    entry = {"instruction": "?", "output": "!", "system": "You are a pirate.", "history": [["q", "a"]]}
    empty = {"instruction": "?", "output": "!", "system": "", "history": []}
    reasons = [
        next(one.reason for one in propose(table(jsonl([rows] * 12), "a.jsonl"), FIELDS) if one.field == "text")
        for rows in (entry, empty)
    ]
    assert reasons[0].key == "data.reason.prompt_without" and reasons[0].values["ignored"] == ["system", "history"]
    assert reasons[1].key == "data.reason.name"


def test_prompts_and_answers_may_both_be_turns(table: ReadTable) -> None:
    asked, answer = chat(("user", "?")), chat(("assistant", "!"))
    found = table(jsonl([{"prompt": asked, "completion": answer}] * 12), "trl.jsonl")
    assert mapped(found) == {"messages": ["prompt", "completion"]}
    row = {"messages": asked, "completion": "!"}
    assert rows(found)[0] == row
    whole = table(jsonl([{"prompt": asked, "chosen": asked + answer, "rejected": asked}] * 12), "dpo.jsonl")
    assert mapped(whole) == {"messages": ["chosen"]} and rows(whole)[0] == row


def test_a_turn_that_is_not_to_be_learned_is_told(table: ReadTable) -> None:
    turns = [
        *chat(("user", "?")),
        {"role": "assistant", "content": "bad", "weight": 0},
        *chat(("user", "?"), ("assistant", "!")),
    ]
    found = propose(table(jsonl([{"messages": turns}] * 12), "weights.jsonl"), FIELDS)
    assert next(one.reason.key for one in found if one.field == "messages") == "data.reason.conversations_weighed"


@pytest.mark.parametrize(
    ("name", "role", "content", "who"),
    [
        ("messages", "role", "content", ("user", "assistant")),
        ("conversations", "from", "value", ("human", "gpt")),
        ("dialog", "speaker", "text", ("User", "bot")),
    ],
)
def test_conversations_of_the_usual_forms(
    table: ReadTable, name: str, role: str, content: str, who: tuple[str, str]
) -> None:
    user, assistant = who
    entries = [
        {name: chat((user, "Hi."), (assistant, "Hello."), (user, ask), (assistant, answer), role=role, content=content)}
        for ask, answer in PAIRS
    ]
    read = table(jsonl(entries), "chats.jsonl")
    assert mapped(read) == {"messages": [name]}
    result, faults = checked(read)
    assert result.ok and result.rows == 12 and not faults
    assert rows(read)[0] == {
        "messages": chat(("user", "Hi."), ("assistant", "Hello."), ("user", ASKED[0])),
        "completion": ANSWERS[0],
    }


def test_a_csv_may_hold_conversations_as_json(table: ReadTable) -> None:
    cells = [json.dumps(chat(("user", ask), ("assistant", answer))).replace('"', '""') for ask, answer in PAIRS]
    read = table("id,turns\n" + "".join(f'{number},"{cell}"\n' for number, cell in enumerate(cells)))
    assert mapped(read) == {"messages": ["turns"]}
    assert rows(read)[0] == {"messages": chat(("user", ASKED[0])), "completion": ANSWERS[0]}


def test_what_stands_behind_the_last_answer_is_left_out(table: ReadTable) -> None:
    entries = [{"messages": chat(("user", ask), ("assistant", a), ("user", "Thanks."))} for ask, a in PAIRS]
    assert rows(table(jsonl(entries), "chats.jsonl"))[0]["completion"] == ANSWERS[0]


def test_every_fault_of_a_conversation_is_named_with_its_rows(table: ReadTable) -> None:
    good = [{"messages": chat(("system", "Count."), ("user", ask), ("assistant", a))} for ask, a in PAIRS]
    bad = [
        {"messages": chat(("user", "a"), ("tool", "b"), ("assistant", "c"))},
        {"messages": chat(("user", "a"), ("user", "b"), ("assistant", "c"))},
        {"messages": chat(("assistant", "a"), ("user", "b"), ("assistant", "c"))},
        {"messages": chat(("user", "a"))},
        {"messages": chat(("user", "a"), ("assistant", " "))},
        {"messages": "not a list"},
        {"messages": chat(("user", "a" * 30_000), ("assistant", "b"))},
    ]
    result, faults = checked(table(jsonl(good + bad), "chats.jsonl"))
    assert result.ok and result.rows == 12
    assert faults == {
        "turns_role": [13], "turns_order": [14, 15], "turns_unanswered": [16], "turns_empty": [17],
        "turns_unreadable": [18], "turns_long": [19],
    }  # fmt: skip


def test_parts_of_text_are_a_turn_and_other_parts_are_named(table: ReadTable) -> None:
    def parts(*texts: str) -> list[dict[str, str]]:
        return [{"type": "text", "text": text} for text in texts]

    good = [
        {"messages": [{"role": "user", "content": parts("Count.", ask)}, {"role": "assistant", "content": parts(a)}]}
        for ask, a in PAIRS
    ]
    image = [*parts("What is it?"), {"type": "image_url", "image_url": {"url": "data:,"}}]
    bad: list[Any] = [
        {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "A cat."}]}
        for content in (image, {"text": "a"}, [], None)
    ]
    read = table(jsonl(good + bad), "chats.jsonl")
    result, faults = checked(read)
    assert result.rows == 12 and faults == {"turns_not_text": [13, 14], "turns_empty": [15, 16]}
    assert rows(read)[0] == {"messages": chat(("user", f"Count.\n{ASKED[0]}")), "completion": ANSWERS[0]}


@pytest.mark.parametrize(("system", "ignored"), [("Be brief.", True), ("", False)])
def test_a_system_s_column_beside_conversations_is_told_to_be_ignored(
    table: ReadTable, system: str, ignored: bool
) -> None:
    entries = [
        {"conversations": chat(("human", ask), ("gpt", a), role="from", content="value"), "system": ""}
        for ask, a in PAIRS * 30
    ]
    entries[-1]["system"] = system
    found = table(jsonl(entries), "sharegpt.jsonl")
    assert mapped(found) == {"messages": ["conversations"]}
    [reason] = [proposal.reason for proposal in propose(found, FIELDS) if proposal.field == "messages"]
    assert ("“system” beside it is not read" in render(reason, "en")) == ignored


def test_empty_completions_are_left_out_and_other_answers_to_a_prompt_are_told(table: ReadTable) -> None:
    entries = [{"prompt": ask, "completion": answer} for ask, answer in PAIRS]
    entries += [{"prompt": "x", "completion": ""}, {"prompt": "", "completion": "alone"}]
    entries += [{"prompt": ASKED[0], "completion": "Who knows?"}, {"prompt": ASKED[1], "completion": ANSWERS[1]}]
    result, faults = checked(table(jsonl(entries), "data.jsonl"))
    assert result.ok and result.rows == 15
    assert faults == {"empty": [13], "several_completions": [15], "repeated": [16]}


def test_nothing_to_write_is_said(table: ReadTable) -> None:
    read = table(jsonl([{"prompt": ask} for ask in ASKED]), "data.jsonl")
    faults = check(read, {"text": ["prompt"]}, FIELDS).faults
    assert [fault.message.key for fault in faults] == ["data.fault.no_column"]


def test_texts_alone_are_not_taken_for_repeats_of_one_another_and_can_be_split(table: ReadTable) -> None:
    read = table(jsonl([{"text": text} for text in [*ASKED, ASKED[0]]]), "texts.jsonl")
    result, faults = checked(read)
    assert result.rows == 13 and faults == {"repeated": [13]}
    train, held_out = parts(
        rows(read), label=None, inputs=["text", "messages"], together=TASK.kept_together, held_out=0.3, seed=0
    )
    assert len(held_out) >= 3
    assert not {row["completion"] for row in train} & {row["completion"] for row in held_out}


PROSE = "The old dog ran to the river, and the cat, who was tired, slept.\nIt rained all day, he said.\n"
COLUMNS = ["column 1", "column 2"]
CHINESE = "从前有一只小猫，它坐在垫子上。\n它很高兴，天天唱歌。\n"


@pytest.mark.parametrize(("text", "lines"), [(PROSE, 2), (CHINESE, 2)])
def test_a_file_of_running_text_gives_a_row_a_line_or_a_paragraph(table: ReadTable, text: str, lines: int) -> None:
    read = table(text * 6, "story.txt")
    assert (read.columns, read.rows) == (["text"], 6 * lines)
    assert mapped(read) == {"completion": ["text"]}
    apart = table((text + "\n") * 12, "story.txt")
    assert apart.rows == 12
    assert rows(apart)[0] == {"completion": text.strip()}


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("text\tlabel\n" + "It was a very good film\tpos\n" * 12, ["text", "label"]),
        ("text,label\n" + "It was a very good film,pos\n" * 12, ["text", "label"]),
        ("text\n" + "It was a very good film\n" * 12, ["text"]),
        ("".join(f"It was a very good film {n}\tpos\nIt was a bad film {n}\tneg\n" for n in range(6)), COLUMNS),
    ],
)
def test_a_table_that_is_called_txt_stays_a_table(table: ReadTable, content: str, columns: list[str]) -> None:
    assert table(content, "table.txt").columns == columns
