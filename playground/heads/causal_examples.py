"""What a causal language model is trained on, and asked with: rows as tokens, and which of them it is to learn.

| row                         | read                              | learned                              |
|-----------------------------|-----------------------------------|--------------------------------------|
| text, completion            | the chat template's user turn, or | what the assistant says, or          |
|                             | the text as it is                 | the completion and the end mark      |
| completion alone            | a mark that begins a text         | all of it and the end mark           |
| messages, completion        | the chat template's turns         | what the assistant says in each turn |

A row is never packed together with another. One that is longer than max_length is cut into blocks, each of which
begins with the last token of the one before, so that every token is learned, and scored, exactly once; but for the
first token of a text alone where a tokenizer has neither bos nor eos: nothing stands before it that could tell it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from playground.fields import ASSISTANT, USER, Row, Turn
from playground.heads.chat import Chat, has_template, render
from playground.models.trunk import Features

IGNORED = -100
"""torch's mark of a token without a loss."""
END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<turn|>", "<|end|>", "<|endofturn|>")
"""With what the chat templates of the common families end a turn; a tokenizer may call another token its eos."""
SOME_DAY = datetime(2025, 1, 1)
"""What templates that tell the day are told while they are trained and scored, so that both are the same."""
Part = tuple[list[int], bool]
"""Tokens, and whether they are to be learned."""


def ends(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids of the tokens that end a text or a turn, as a tokenizer tells them."""
    added = tokenizer.get_added_vocab()
    named = {added[name] for name in END_OF_TURN if name in added}
    return frozenset(named | {tokenizer.eos_token_id} - {None})


def plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A text that is to go on, behind the mark that begins one.

    Of tokenizers without such a mark it is that of the end: it stood before each text they were trained on, too.
    """
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    return [*([] if start is None else [start]), *_tokens(tokenizer, text)]


def rendered(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A rendered chat, which has its marks already."""
    return _tokens(tokenizer, text)


def conversation(row: Row, templated: bool) -> list[Turn]:
    """What stands before the completion of a row, as turns; [] where it is a plain text."""
    if row.get("messages"):
        return list(row["messages"])
    if templated and row.get("text"):
        return [{"role": USER, "content": row["text"]}]
    return []


def examples(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int
) -> tuple[list[Features], list[int]]:
    """(input_ids, attention_mask and labels of at most max_length tokens, number of the row each is of)."""
    features: list[Features] = []
    numbers: list[int] = []
    templated = has_template(tokenizer)
    turns = [conversation(row, templated) for row in rows]
    chats = iter(_rendered(tokenizer, rows, turns))
    for number, (row, before) in enumerate(zip(rows, turns, strict=True)):
        for parts in next(chats) if before else [_plain_parts(tokenizer, row)]:
            for block in _blocks(parts, max_length):
                features.append(block)
                numbers.append(number)
    return features, numbers


def _plain_parts(tokenizer: PreTrainedTokenizerBase, row: Row) -> list[Part]:
    written = _tokens(tokenizer, _line_break(row) + row["completion"])
    return [(plain(tokenizer, row.get("text") or ""), False), (_ended(tokenizer, written), True)]


def _line_break(row: Row) -> str:
    """A completion begins on a line of its own, which is learned with it, unless there is a blank already."""
    prompt, completion = row.get("text") or "", row["completion"]
    return "" if not prompt or prompt[-1].isspace() or completion[:1].isspace() else "\n"


def line_breaks(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> list[int]:
    """Characters that are learned in each row and are not its own: the line break before a completion, or none."""
    templated = has_template(tokenizer)
    return [0 if conversation(row, templated) else len(_line_break(row)) for row in rows]


def _rendered(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], turns: Sequence[Sequence[Turn]]
) -> Iterator[list[list[Part]]]:
    """For each row with turns its examples: one where the template only ever adds to what is there, or one a turn."""
    chats: list[Chat] = []
    counts: list[int] = []
    said: list[str] = []
    for row, before in zip(rows, turns, strict=True):
        whole: list[Turn] = [*before, {"role": ASSISTANT, "content": row["completion"]}] if before else []
        places = [index for index, turn in enumerate(whole) if turn["role"] == ASSISTANT]
        chats += [chat for index in places for chat in ((whole[:index], True), (whole[: index + 1], False))]
        said += [whole[index]["content"] for index in places]
        counts += [len(places)] if before else []
    texts = render(tokenizer, chats, SOME_DAY) if chats else []
    answered = list(zip(texts[::2], texts[1::2], said, strict=True))
    for count in counts:
        mine, answered = answered[:count], answered[count:]
        chained = all(after[0].startswith(before[1]) for before, after in pairwise(mine))
        if chained and all(full.startswith(prompt) for prompt, full, _ in mine):
            yield [_chained_parts(tokenizer, mine)]
        else:
            yield [_turn_parts(tokenizer, *one) for one in mine]


def _chained_parts(tokenizer: PreTrainedTokenizerBase, answered: Sequence[tuple[str, str, str]]) -> list[Part]:
    parts: list[Part] = []
    done = 0
    for prompt, full, _ in answered:
        parts += [(rendered(tokenizer, prompt[done:]), False), *_answer(tokenizer, full[len(prompt) :])]
        done = len(full)
    return parts


def _turn_parts(tokenizer: PreTrainedTokenizerBase, prompt: str, full: str, said: str) -> list[Part]:
    """One answer behind the prompt that the model is asked with, whatever the template makes of answers given."""
    written = full[len(prompt) :] if full.startswith(prompt) else said
    return [(rendered(tokenizer, prompt), False), *_answer(tokenizer, written)]


def _answer(tokenizer: PreTrainedTokenizerBase, text: str) -> list[Part]:
    """What an assistant says, to the mark that ends its turn, and what the template puts behind that."""
    tokens, marks = rendered(tokenizer, text), ends(tokenizer)
    end = max((place + 1 for place, token in enumerate(tokens) if token in marks), default=0)
    return [(tokens[:end], True), (tokens[end:], False)] if end else [(_ended(tokenizer, tokens), True)]


def _ended(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> list[int]:
    return tokens if tokenizer.eos_token_id is None else [*tokens, tokenizer.eos_token_id]


def _blocks(parts: Sequence[Part], max_length: int) -> Iterator[Features]:
    """A row cut to size; of a prompt that leaves no room its beginning goes first."""
    ids = [token for tokens, _ in parts for token in tokens]
    labels = [token if learned else IGNORED for tokens, learned in parts for token in tokens]
    known = [place for place, label in enumerate(labels) if label != IGNORED]
    if not known:
        return
    ids, labels = ids[: known[-1] + 1], labels[: known[-1] + 1]
    start = min(max(0, known[0] - 1), max(0, len(ids) - max_length))
    while True:
        block, mine = ids[start : start + max_length], labels[start : start + max_length]
        if any(label != IGNORED for label in mine[1:]):
            yield {"input_ids": block, "attention_mask": [1] * len(block), "labels": [IGNORED, *mine[1:]]}
        if start + max_length >= len(ids):
            return
        start += max_length - 1


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found
