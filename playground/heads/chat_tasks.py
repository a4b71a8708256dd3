"""The heads by which a causal language model with a chat template does the tasks of specialists, tuned or as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import BaseModel

from playground.fields import USER, Row
from playground.heads import chat as chats
from playground.heads.base import Head, Loaded, Prediction
from playground.heads.causal_examples import SOME_DAY, rendered
from playground.heads.causal_lm import HEAD as CAUSAL_LM
from playground.heads.causal_lm import CausalLM, Writer, writes
from playground.heads.generating import Bounds
from playground.heads.prompted import PROMPT, Asked, AskedText, LocalChat
from playground.heads.tunable import Trained
from playground.models.resolve import Resolved
from playground.models.trunk import Features, Trunk
from playground.settings import settings

ENDS = 4
"""Tokens for the marks behind an answer."""
CUT_SHARE = 0.9


class Plainly(BaseModel):
    """Knobs of what is said without chance."""

    max_new_tokens: int
    temperature: float = 0.0


@dataclass
class ChatWriter(Writer):
    """A chat model of the pool that does a task. `tuned`: whether it learned to do it by the task's own prompt."""

    asked: Asked | None = None
    tuned: bool = False

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        return self._answers(rows, params, stop or threading.Event())

    def answer(self, head: Head, row: Row, params: BaseModel, stop: threading.Event | None = None) -> Prediction:
        return self._answers([row], params, stop or threading.Event(), strict=True)[0]

    def _answers(
        self, rows: Sequence[Row], params: BaseModel, stop: threading.Event, strict: bool = False
    ) -> list[Prediction]:
        assert self.asked
        asked = asked_rows(self.asked, rows, params, self.tuned)
        return self.asked.answers(self._chat(stop, strict), asked, self.labels, params, strict=strict)

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """A text as it grows; every other output at once."""
        if not isinstance(self.asked, AskedText):
            yield from self._answers([row], params, bounds.stop, strict=True)
            return
        [asked] = asked_rows(self.asked, [row], params, self.tuned)
        plainly = Plainly(max_new_tokens=bounds.max_new_tokens)
        written = Writer.stream(self, {"messages": self.asked.question(asked, ())}, plainly, bounds)
        yield from self.asked.grown(self._chat(bounds.stop, strict=True), asked, written, params)

    def _chat(self, stop: threading.Event, strict: bool) -> LocalChat:
        """This model as one that can be talked to, for one piece of work."""

        def write(row: Row, most: int) -> Prediction:
            *_, last = Writer.stream(self, row, Plainly(max_new_tokens=most), self._bounds(most, stop))
            return last

        def marks(asked: Sequence[Row]) -> list[np.ndarray]:
            return CAUSAL_LM.marks_of(replace(self, max_length=self.context()), asked, whole=True)

        return LocalChat(write, marks, strict)

    def context(self) -> int:
        """Most tokens that the model reads, whatever it was trained on."""
        return writes(self.trunk.model, self.trunk.tokenizer, self._forward, self.trunk.call).context

    def _bounds(self, most: int, stop: threading.Event) -> Bounds:
        return Bounds(most, settings().generate_seconds, stop)


def asked_rows(asked: Asked, rows: Sequence[Row], params: BaseModel, tuned: bool = False) -> list[Row]:
    """Rows with what else an answer depends on.

    tuned  whether the model learned by the task's own prompt, which is then not asked by its translation
    """
    prompt = str(getattr(params, PROMPT, "")).strip()
    known = {PROMPT: "" if tuned and asked.is_own(prompt) else prompt}
    knobs = {name: getattr(params, name) for name in ("min_score", "allow_none") if hasattr(params, name)}
    return [{**row, **known, **knobs} for row in rows]


class ChatTask(CausalLM):
    """A causal language model that is asked a task."""

    def __init__(self, name: str, asked: Asked) -> None:
        self.name, self.asked = name, asked

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        loaded = super().load(trunk, resolved, name)
        return ChatWriter(
            loaded.trunk, loaded.adapter, loaded.read, resolved.labels, loaded.max_length, asked=self.asked,
            tuned=resolved.task == self.asked.task,
        )  # fmt: skip

    def extra_tokens(self, rows: Sequence[Row]) -> list[str]:
        return []

    def examples(self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]) -> list[Features]:
        return super().examples(tokenizer, self.turns(tokenizer, rows, max_length, labels), max_length, labels)

    def numbered(
        self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> tuple[list[Features], list[int]]:
        return super().numbered(tokenizer, self.turns(tokenizer, rows, max_length, labels), max_length, labels)

    def turns(self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]) -> list[Row]:
        """Rows with their right answers as conversations to learn from, each of at most `max_length` tokens.

        What is cut is the row's long text, and never the instruction: of a context a stretch around the answer stays,
        and entities that are cut off are not asked for.
        """
        [empty] = chats.render(tokenizer, [([{"role": USER, "content": "x"}], True)], SOME_DAY)
        room = max_length - len(rendered(tokenizer, empty)) - ENDS
        shortened = [self._shortened(tokenizer, row, room, labels) for row in rows]
        return [{"messages": self.asked.question(row, labels), "completion": self.asked.gold(row)} for row in shortened]

    def _shortened(self, tokenizer: Any, row: Row, room: int, labels: Sequence[str]) -> Row:
        content = self.asked.question(row, labels)[0]["content"]
        over = len(rendered(tokenizer, content)) + len(rendered(tokenizer, self.asked.gold(row))) - room
        if over <= 0:
            return row
        text = row[self.asked.long]
        count = len(rendered(tokenizer, text))
        # In characters, a little less than the tokens' share: those of a text are not all of one length.
        chars = int(len(text) * max(0, count - over) / max(1, count) * CUT_SHARE)
        start = max(0, min(len(text) - chars, self.asked.wanted(row) - chars // 2))
        return self.asked.cut(row, start, start + chars)

    def answers(
        self,
        trained: Trained,
        rows: Sequence[Row],
        params: BaseModel,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> list[Prediction]:
        # Asked as they will be: whole, as far as the model reads.
        context = writes(trained.model, trained.tokenizer, lambda _: None, lambda function: function()).context
        wide = replace(trained, max_length=context)

        def write(row: Row, most: int) -> Prediction:
            return CAUSAL_LM.answers(wide, [row], Plainly(max_new_tokens=most), on_batch)[0]

        def marks(asked: Sequence[Row]) -> list[np.ndarray]:
            return CAUSAL_LM.marks(wide, asked, on_batch, batch_rows, whole=True)

        return self.asked.answers(LocalChat(write, marks), rows, trained.labels, params)
