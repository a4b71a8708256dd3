"""Which columns hold a conversation, or a prompt and what is to be written, proposed with reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from playground.data.proposal import Proposal, by_name
from playground.data.table import Table
from playground.data.turns import begins, is_conversation
from playground.fields import ASSISTANT, Field, Generated, Messages
from playground.i18n import Message, msg

SAMPLE_ROWS = 200
WEIGHT = re.compile(r"""["']weight["']\s*:\s*["']?0\b""")
"""How OpenAI's form marks a turn that is not to be learned."""
EMPTY = ("", "[]", "null")
MORE = {"instruction": ("input",), "指令": ("输入",)}
"""Prompt column -> the column that goes on with it, in Alpaca's form."""
SYSTEMS = ("system", "system_prompt", "系统提示")
"""Columns that hold a system's turn beside the conversations, in some of ShareGPT's forms, or beside the prompt."""
EARLIER = ("history", "历史")
"""Columns that hold earlier turns beside the prompt, in some of Alpaca's forms."""


def propose_written(table: Table, free: Sequence[str], fields: Sequence[Field]) -> Iterator[Proposal]:
    """One proposal for each of the fields: Messages, a Text for the prompt, a Generated."""
    chats = next(wanted for wanted in fields if isinstance(wanted, Messages))
    output = next(wanted for wanted in fields if isinstance(wanted, Generated))
    prompt = next(wanted for wanted in fields if wanted not in (chats, output))
    found = _conversations(table, chats, (prompt, output))
    if found:
        yield Proposal(chats.name, found, _why(table, found))
        for wanted in (prompt, output):
            yield Proposal(wanted.name, [], msg("data.reason.in_conversations", column=" + ".join(found)))
        return
    yield Proposal(chats.name, [], msg("data.reason.no_conversations"))
    yield from _texts(table, [name for name in free if name not in table.nested], prompt, output)


def _why(table: Table, found: list[str]) -> Message:
    """Why columns hold the conversations; what is not heeded is told: a system's turn beside them, weights of turns."""
    for name in [name for name in table.columns if name not in found and name.casefold().strip() in SYSTEMS]:
        if _is_filled(table, name):
            return msg("data.reason.conversations_without", column=" + ".join(found), ignored=name)
    cells = (cell for name in found for batch in table.batches([name]) for cell in batch.column(name).to_pylist())
    weighed = any(WEIGHT.search(cell) for cell in cells)
    return msg(
        "data.reason.conversations_weighed" if weighed else "data.reason.conversations", column=" + ".join(found)
    )


def _conversations(table: Table, wanted: Field, apart: Sequence[Field]) -> list[str]:
    """A column of turns, by its name or any other; it is not nested where a csv holds the turns as JSON.

    Two columns where the turns of the prompt and those of the answer stand `apart`.
    """
    for batch in table.batches(list(table.columns), size=SAMPLE_ROWS):
        cells = {name: [cell for cell in batch.column(name).to_pylist() if cell.strip()] for name in table.columns}
        found = [name for name, some in cells.items() if some and sum(map(is_conversation, some)) * 2 > len(some)]
        if own := by_name(wanted, found):
            return [own]
        output, prompt = (by_name(field, found) for field in reversed(apart))
        if prompt and output and begins(next(filter(is_conversation, cells[output]))) == ASSISTANT:
            return [prompt, output]
        return [output] if output else found[:1]
    return []


def _texts(table: Table, free: Sequence[str], prompt: Field, output: Field) -> Iterator[Proposal]:
    filled = _filled(table, free)
    written = by_name(output, list(filled))
    asks = [name for name in filled if name != written]
    asked = by_name(prompt, asks)
    # In Alpaca's own file one column, `text`, is the whole example, the answer too.
    while asked and written and (other := by_name(prompt, [name for name in asks if name != asked])):
        if not _holds(table, asked, (written, other)):
            break
        asks.remove(asked)
        asked = other
    if written is None:
        others = [name for name in filled if name != asked]
        # Two columns without names that tell: what is asked comes first.
        if asked is None and len(others) == 2:
            asked, others = others[0], others[1:]
        written = max(others, key=lambda name: filled[name], default=None)
        reason = msg("data.reason.longest", column=written, chars=filled[written]) if written else None
    else:
        reason = msg("data.reason.name", column=written)
    if asked is None:
        yield Proposal(prompt.name, [], msg("data.reason.no_prompt"))
    else:
        more = [name for name in filled if name.casefold() in MORE.get(asked.casefold(), ()) and name != written]
        unread = [name for name in table.columns if name.casefold().strip() in (*SYSTEMS, *EARLIER) and name != asked]
        unread = [name for name in unread if name not in more and _is_filled(table, name)]
        kind = msg("data.reason.prompt_without", column=asked, ignored=unread) if unread else None
        yield Proposal(prompt.name, [asked, *more], kind or msg("data.reason.name", column=asked))
    yield Proposal(output.name, [written] if written else [], reason or msg("data.reason.no_text"))


def _is_filled(table: Table, name: str) -> bool:
    """Whether any row has something there; all are looked at, as many have nothing."""
    return any(cell.strip() not in EMPTY for batch in table.batches([name]) for cell in batch.column(name).to_pylist())


def _holds(table: Table, whole: str, parts: Sequence[str]) -> bool:
    """Whether a column's cells hold, in most rows of a sample, what stands in each of the others."""
    for batch in table.batches([whole, *parts], size=SAMPLE_ROWS):
        rows = zip(*(batch.column(name).to_pylist() for name in (whole, *parts)), strict=True)
        found = [all(cell and cell in text for cell in cells) for text, *cells in rows]
        return sum(found) * 2 > len(found)
    return False


def _filled(table: Table, free: Sequence[str]) -> dict[str, int]:
    """Column -> mean length of its cells that are not empty, in a sample; without columns that are all empty."""
    found: dict[str, int] = {}
    for batch in table.batches(list(free), size=SAMPLE_ROWS) if free else ():
        for name in free:
            lengths = [len(cell) for cell in batch.column(name).to_pylist() if cell.strip()]
            if lengths:
                found[name] = round(sum(lengths) / len(lengths))
        break
    return found
