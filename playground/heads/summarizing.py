"""An encoder and a decoder that write a summary, token by token: BART, Pegasus, T5, and our own from nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase

from playground.fields import Row
from playground.heads import instructed
from playground.heads.base import Head, Loaded, Prediction, longest_input
from playground.heads.generating import Bounds
from playground.heads.seq2seq import Seq2Seq, positions
from playground.heads.tunable import Trained
from playground.models.resolve import Resolved
from playground.models.trunk import BASE, Features, Trunk
from playground.settings import settings

PREFIX = "summarize: "
"""How T5 is told what to do (Raffel et al. 2020). mT5, with its eight times as many tokens, never was."""
MOST_TOKENS_OF_T5 = 50_000


def prefix(tokenizer: PreTrainedTokenizerBase) -> str:
    """What stands before a text."""
    is_t5 = type(tokenizer).__name__.startswith("T5Tokenizer") and len(tokenizer) < MOST_TOKENS_OF_T5
    return PREFIX if is_t5 else ""


def asked(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> list[Row]:
    """Rows as instructions, with their completions where there are such."""
    said = prefix(tokenizer)
    return [
        {"text": said + row["text"], **({"completion": row["summary"]} if "summary" in row else {})} for row in rows
    ]


def _named(found: Prediction) -> Prediction:
    return Prediction({"summary_text": found.output["generated_text"].strip()}, found.details)


@dataclass
class Summarizer(Loaded):
    """A model of the pool that writes summaries; of a text that is longer than it reads, it reads the beginning."""

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        most, seconds = int(params.max_new_tokens), settings().generate_seconds  # type: ignore[attr-defined]
        found = []
        for row in rows:
            *_, last = self.stream(row, params, Bounds(most, seconds, stop or threading.Event()))
            found.append(last)
        return found

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """The summary as it grows."""
        [prompt] = asked(self.trunk.tokenizer, [row])
        grown = instructed.instructed(self.trunk, self.adapter, self.max_length, prompt, params, bounds, cuts=True)
        yield from map(_named, grown)


class Summarizing(Seq2Seq):
    """The head of models that write summaries."""

    name = "summarizing"

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        limit = min(resolved.max_length or longest_input(trunk), positions(trunk.model))
        loaded = Summarizer(trunk, BASE if resolved.kind == "model" else name, lambda output, _: output, (), limit)
        if resolved.kind == "adapter" and not trunk.whole:
            self.put_adapter(loaded, resolved)
        return loaded

    def check(self, rows: Iterable[Row]) -> None:
        return

    def learned(self, rows: Sequence[Row]) -> dict[str, Any]:
        return {}

    def examples(self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]) -> list[Features]:
        return instructed.examples(tokenizer, asked(tokenizer, rows), max_length)

    def added_characters(self, tokenizer: Any, rows: Sequence[Row], max_length: int) -> list[int]:
        return [-cut for cut in instructed.cut_characters(tokenizer, asked(tokenizer, rows), max_length)]

    def answers(
        self,
        trained: Trained,
        rows: Sequence[Row],
        params: BaseModel,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> list[Prediction]:
        was_training = trained.model.training
        trained.model.eval()
        try:
            prompts = asked(trained.tokenizer, rows)
            return [
                _named(found)
                for found in instructed.follow_trained(trained, prompts, params, on_batch, trained.max_length)
            ]
        finally:
            trained.model.train(was_training)


HEAD = Summarizing()
