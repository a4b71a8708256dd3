"""Chat templates: as the library renders them, and without harm where they come from somebody who means it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from playground.errors import PlaygroundError
from playground.fields import Messages, Row, Turn
from playground.heads import causal_examples, chat
from playground.heads.causal_lm import HEAD
from playground.services.metrics import likelihood

from .language_models import CHATML, tokenizer_of

TURNS: list[Turn] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is <b>blue</b>? 天空！"},
    {"role": "assistant", "content": "The sky."},
    {"role": "user", "content": "And else?"},
]
LLAMA3 = (
    "{{- bos_token }}{%- if strftime_now is defined %}{{- strftime_now('%d %b %Y') }}{%- endif %}"
    "{%- for message in messages %}{%- if loop.first and message.role == 'system' %}{%- continue %}{%- endif %}"
    "{{- '<|start|>' + message['role'] + '\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start|>assistant\\n\\n' }}{%- endif %}"
)
BLOCKS = """{% for message in messages %}
    {% if message['role'] == 'assistant' %}
        {% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}
    {% else %}
        [{{ message['role'] }}] {{ message | tojson }}
    {% endif %}
{% endfor %}"""
HOSTILE = {
    "endless": "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a * b %}{% endfor %}{% endfor %}",
    "long": "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    "huge": "{{ 'x' * 10 ** 10 }}",
    "wide": "{{ '%9999999999d' % 1 }}",
    "number": "{{ 9 ** (9 ** 9) }}",
}
ESCAPES = {
    "attribute": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ raise_exception.__globals__['sys'].modules }}",
    "file": "{% include '/etc/passwd' %}",
    "change": "{{ messages.append(1) }}",
    "refused": "{{ raise_exception('no system turns') }}",
    "broken": "{% if %}",
}


def tokenizer_with(template: str) -> PreTrainedTokenizerFast:
    made = tokenizer_of("gpt2")
    made.chat_template = template
    return made


@pytest.mark.parametrize("template", [CHATML, LLAMA3, BLOCKS])
@pytest.mark.parametrize("prompt", [True, False])
def test_a_chat_is_rendered_as_the_library_does(template: str, prompt: bool) -> None:
    tokenizer = tokenizer_with(template)
    expected = tokenizer.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=prompt)
    assert chat.render(tokenizer, [(TURNS, prompt), (TURNS[:2], prompt)])[0] == expected


def test_the_day_is_the_one_that_is_told() -> None:
    assert chat.render(tokenizer_with(LLAMA3), [(TURNS, True)], datetime(2001, 2, 3))[0].startswith(
        "<|endoftext|>03 Feb"
    )


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_template_that_would_not_end_is_refused_in_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(PlaygroundError) as refused:
        chat.render(tokenizer_with(HOSTILE[kind]), [(TURNS, True)])
    assert refused.value.code in ("chat_template_unbounded", "chat_template_failed")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", ESCAPES)
def test_a_template_reaches_nothing_outside(kind: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        chat.render(tokenizer_with(ESCAPES[kind]), [(TURNS, True)])
    assert refused.value.code == "chat_template_failed"
    assert "root:" not in str(refused.value)


def parse(*roles: str, content: Any = "x") -> list[Turn]:
    return Messages(name="messages").parse([{"role": role, "content": content} for role in roles])


def test_messages_are_turns_in_order() -> None:
    assert len(parse("system", "user", "assistant", "user")) == 4
    assert parse() == [] == Messages(name="messages").parse(None)
    wrong = {
        "messages_order": [("assistant",), ("user", "user"), ("user", "system", "user"), ("system", "system", "user")],
        "messages_end": [("user", "assistant"), ("system",)],
        "messages_role": [("user", "tool"), ("root",)],
        "messages_many": [("user",) * 101],
    }
    for code, cases in wrong.items():
        for roles in cases:
            with pytest.raises(PlaygroundError) as refused:
                parse(*roles)
            assert refused.value.code == code, roles
            assert refused.value.text("zh") and refused.value.text("en")


@pytest.mark.parametrize(
    "value", ["hello", [1], {"role": "user"}, [{"role": "user"}], [{"role": "user", "content": 3}]]
)
def test_what_is_no_conversation_is_refused(value: Any) -> None:
    with pytest.raises(PlaygroundError):
        Messages(name="messages").parse(value)


def test_parts_of_text_are_joined_and_others_are_refused() -> None:
    assert parse("user", content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])[0]["content"] == "a\nb"
    wrong = {
        "messages_empty": ["", " ", None, [], [{"type": "text", "text": " "}]],
        "messages_not_text": [3, {"text": "a"}, ["a"], [{"type": "text"}], [{"type": "image_url", "text": "a"}]],
    }
    for code, contents in wrong.items():
        for content in contents:
            with pytest.raises(PlaygroundError) as refused:
                parse("user", content=content)
            assert refused.value.code == code, content
            assert refused.value.text("zh") and refused.value.text("en")


def test_a_long_conversation_is_refused_before_it_is_read() -> None:
    with pytest.raises(PlaygroundError, match="20000 is the most"):
        parse("user", content="x" * 20_001)


def learned(tokenizer: PreTrainedTokenizerFast, row: dict[str, Any], max_length: int = 200) -> list[str]:
    """Text of each example's tokens that are learned."""
    features, _ = causal_examples.examples(tokenizer, [row], max_length)
    found = []
    for one in features:
        assert len(one["input_ids"]) == len(one["labels"]) == len(one["attention_mask"]) <= max_length
        assert all(label in (token, -100) for token, label in zip(one["input_ids"], one["labels"], strict=True))
        found.append(tokenizer.decode([label for label in one["labels"] if label != -100]))
    return found


def test_of_a_chat_only_what_the_assistant_says_is_learned() -> None:
    tokenizer = tokenizer_of("qwen2")
    row = {"messages": TURNS, "completion": "The sea."}
    assert learned(tokenizer, row) == ["The sky.<|im_end|>The sea.<|im_end|>"]
    whole = causal_examples.examples(tokenizer, [row], 200)[0][0]["input_ids"]
    answered = [*TURNS, {"role": "assistant", "content": "The sea."}]
    rendered = tokenizer.apply_chat_template(answered, tokenize=False)
    assert whole == tokenizer(rendered.removesuffix("\n"), add_special_tokens=False)["input_ids"]
    asked = causal_examples.rendered(tokenizer, chat.render(tokenizer, [(TURNS, True)])[0])
    assert whole[: len(asked)] == asked, "it is asked as it was trained"
    assert likelihood.characters(row, "completion") == len("The sky.The sea.")


def test_a_template_that_drops_earlier_turns_gives_an_example_a_turn() -> None:
    forgets = (
        "{% for message in messages[-1:] %}<{{ message.role }}>{{ message.content }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    found = learned(tokenizer_with(forgets), {"messages": TURNS, "completion": "The sea."})
    assert found == ["The sky.<|endoftext|>", "The sea.<|endoftext|>"]


def test_a_text_is_a_users_turn_where_a_model_knows_chats_and_is_joined_elsewhere() -> None:
    row = {"text": "What is blue?", "completion": "The sky."}
    assert learned(tokenizer_of("qwen2"), row) == ["The sky.<|im_end|>"]
    assert learned(tokenizer_of("llama"), row) == ["\nThe sky.<|endoftext|>"]
    assert learned(tokenizer_of("llama"), {**row, "text": "Blue is "}) == ["The sky.<|endoftext|>"]
    # Whoever has only texts learns all of them.
    for family in ("qwen2", "llama"):
        assert learned(tokenizer_of(family), {"completion": "The sky."}) == ["The sky.<|endoftext|>"]


def test_the_characters_of_a_row_are_those_of_the_tokens_that_are_scored() -> None:
    rows: list[Row] = [
        {"text": "What is blue?", "completion": "The sky."},
        {"text": "Blue is ", "completion": "The sky."},
        {"text": "Blue is", "completion": " The sky."},
        {"completion": "The sky."},
    ]
    for family, added in (("qwen2", [0, 0, 0, 0]), ("llama", [1, 0, 0, 0])):
        tokenizer = tokenizer_of(family)
        assert HEAD.added_characters(tokenizer, rows, 512) == added
        for row, more in zip(rows, added, strict=True):
            [text] = learned(tokenizer, row)
            written = text.removesuffix("<|im_end|>").removesuffix("<|endoftext|>")
            found = likelihood.of_rows([row], "completion", [np.zeros(1)], [more])
            assert found[0]["characters"] == len(written), (family, row)


def test_a_row_of_no_tokens_gives_no_example() -> None:
    tokenizer = tokenizer_of("llama")
    tokenizer.bos_token = tokenizer.eos_token = None
    assert causal_examples.examples(tokenizer, [{"completion": ""}, {"text": "a", "completion": " b"}], 16)[1] == [1]
    # Nothing stands before the first token of a text alone that could tell it.
    features, _ = causal_examples.examples(tokenizer, [{"completion": "The old dog"}], 16)
    ids, labels = features[0]["input_ids"], features[0]["labels"]
    assert labels == [-100, *ids[1:]]


@pytest.mark.parametrize("family", ["qwen2", "llama"])
@pytest.mark.parametrize("prompt", ["", "Why? " * 30])
def test_every_token_of_a_long_text_is_learned_once(family: str, prompt: str) -> None:
    tokenizer, text = tokenizer_of(family), "The old dog ran to the river, and the cat sat. " * 10
    parts = learned(tokenizer, {"text": prompt, "completion": text}, max_length=16)
    assert len(parts) > 3
    end = "<|im_end|>" if prompt and family == "qwen2" else "<|endoftext|>"
    assert "".join(parts) == text + end
