"""How long the rows of a dataset are in tokens of the base they are to be learned by, and what is cut."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from playground import data
from playground.data import Checked, Fault, Found, Table, fault
from playground.data.tokens import MOSTLY, UNSPACED
from playground.models.catalog import catalog
from playground.models.resolve import Resolved, longest_input
from playground.services import autopilot
from playground.tasks.spec import Task

BINS = (8, 16, 32, 64, 128, 256, 512, 1024)
"""Most tokens of each bar of the chart; the last bar holds what is longer."""
MOST_CHARS = 500_000
"""Of the rows that are looked at: of more text every n-th row, so that they are counted within a second or two."""
BATCH = 256


@dataclass(frozen=True)
class Lengths:
    """Lengths of rows in tokens; a row is as long as the longest of its texts.

    most      tokens that are read at once
    counted   whether tokens of the base were counted; else they are estimated from characters
    rows      how many rows were looked at
    bins      (rows that are read at once, longer rows) for each of BINS, and for what is longer
    longer    rows of more than `most` tokens
    lost      share of all tokens that stand behind the first `most` of their rows, 0 to 1
    improved  `most` with the fix MAX_LENGTH
    chinese   share of all characters that are Chinese or Japanese, 0 to 1
    """

    most: int
    counted: bool
    rows: int
    bins: Sequence[tuple[int, int]]
    longer: Found
    lost: float
    improved: int
    chinese: float = 0.0

    def faults(self, task: Task, base: Resolved | None) -> Iterator[Fault]:
        """That texts are cut, where a task cuts them; that the base is one for another language."""
        entry = catalog().get(base.id) if base else None
        if entry and list(entry.languages) == ["en"] and self.chinese > MOSTLY:
            yield fault("base_reads_english", base=entry.id.rpartition("/")[2])
        # Of a text that goes on, blocks are read; an encoder-decoder has no blocks.
        cuts = task.cuts or autopilot.is_asked(task, base) or (base and base.head == "seq2seq")
        if cuts and self.longer.count:
            fixes = None if self.improved > self.most else ()
            share = f"{100 * self.lost:.1f}"
            yield self.longer.fault("long_text", self.rows, most=self.most, share=share, fixes=fixes)


def measure(
    table: Table, columns: dict[str, list[str]], task: Task, checked: Checked, base: Resolved | None, *,
    given: int | None, whole: bool,
) -> Lengths:  # fmt: skip
    """The lengths of what the check left.

    base   None where it is not on this machine, or learns its tokens from the data
    given  max_length where it was set by hand
    whole  whether the fix MAX_LENGTH is applied
    """
    every = -(-checked.chars // MOST_CHARS) or 1
    numbers, tokens = array("q"), array("q")
    longest, likely, its_number, its_texts = "", 0.0, 0, [""]
    chars = chinese = 0
    count = _counter(base)
    waiting: list[tuple[int, list[str]]] = []
    for place, (number, row) in enumerate(data.numbered_rows(table, columns, task.fields, checked.mended)):
        texts = task.read(row)
        for text in texts:
            # A text has at most one token a character.
            if len(text) > likely and (found := autopilot.likely_tokens(text)) > likely:
                longest, likely, its_number, its_texts = text, found, number, texts
        if place % every == 0:
            numbers.append(number)
            waiting.append((number, texts))
            chars += sum(map(len, texts))
            chinese += sum(len(UNSPACED.findall(text)) for text in texts)
        if len(waiting) == BATCH:
            tokens.extend(count([texts for _, texts in waiting]))
            waiting = []
    tokens.extend(count([texts for _, texts in waiting]))
    sample = len(tokens)
    if every > 1 and its_number not in numbers:  # where anything is cut, it is this one
        numbers.append(its_number)
        tokens.extend(count([its_texts]))
    limit, chat = longest_input(base) if base else 0, autopilot.is_asked(task, base)
    besides = autopilot.asked_besides(task, base, checked.labels, longest)
    tokens = array("q", (found + round(autopilot.likely_tokens(besides)) for found in tokens)) if chat else tokens
    chosen, improved = (
        autopilot.max_length(task, longest + besides, limit, whole=way, chat=chat).value for way in (whole, True)
    )
    summed = _summed(
        numbers, tokens, given or chosen, 0 if given else improved, sample=sample, counted=count is not _likely
    )
    return replace(summed, chinese=chinese / max(1, chars))


def _summed(
    numbers: Sequence[int], tokens: Sequence[int], most: int, improved: int, *, sample: int, counted: bool
) -> Lengths:
    """Behind the `sample`, which alone stands for all rows, may be the longest one."""
    bins = [[0, 0] for _ in (*BINS, None)]
    for found in tokens:
        bins[bisect_left(BINS, found)][found > most] += 1
    lost = sum(found - most for found in tokens[:sample] if found > most)
    return Lengths(
        most=most,
        counted=counted,
        rows=len(numbers),
        bins=[(whole, longer) for whole, longer in bins],
        longer=Found(number for number, found in zip(numbers, tokens, strict=True) if found > most),
        lost=lost / max(1, sum(tokens[:sample])),
        improved=improved,
    )


def _counter(base: Resolved | None) -> Callable[[list[list[str]]], list[int]]:
    """What counts the tokens of rows: the base's tokenizer, or an estimate where it has none that is fast."""
    tokenizer = _tokenizer(base.folder / "tokenizer.json") if base else None
    return _likely if tokenizer is None else partial(_counted, tokenizer)


@lru_cache(maxsize=2)
def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    if not path.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises nothing narrower; the file may be of a later version
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _counted(tokenizer: Any, rows: list[list[str]]) -> list[int]:
    found = iter(tokenizer.encode_batch_fast([text for texts in rows for text in texts]))
    return [max((len(next(found).ids) for _ in texts), default=0) for texts in rows]


def _likely(rows: list[list[str]]) -> list[int]:
    return [max((round(autopilot.likely_tokens(text)) for text in texts), default=0) for texts in rows]
