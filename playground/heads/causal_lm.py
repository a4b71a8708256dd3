"""Writing on: AutoModelForCausalLM, whole or with LoRA, continuing texts and answering in chats."""

from __future__ import annotations

import inspect
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from peft import PeftModel, TaskType
from pydantic import BaseModel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads import causal_examples
from playground.heads import chat as chats
from playground.heads.base import Head, Loaded, Prediction, longest_input
from playground.heads.decoding import Continuation, Sampling, Writes, rules_of
from playground.heads.generating import IGNORED, Bounds, GenerativeHead
from playground.heads.tunable import Trained
from playground.models.resolve import MOST_TOKENS, Resolved
from playground.models.trunk import BASE, Features, Trunk
from playground.settings import settings

CONTEXT = 4096
"""Most tokens of a model whose files do not say it."""
SAMPLING = tuple(Sampling.__dataclass_fields__)


@dataclass(frozen=True)
class Prompt:
    """chat: rendered by the model's template, so that what comes is one answer and no continuation.

    ids  the tokens where a text does not tell them: what a decoder begins with
    """

    text: str
    chat: bool
    ids: tuple[int, ...] = ()

    def tokens(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        if self.ids:
            return list(self.ids)
        of = causal_examples.rendered if self.chat else causal_examples.plain
        return of(tokenizer, self.text)


def prompt_of(tokenizer: PreTrainedTokenizerBase, row: Row, chat: bool) -> Prompt:
    """A row as the model is asked with it. `chat`: whether a text is a user's turn where a model knows such.

    Raises PlaygroundError for a conversation with a model that knows none, and for a row with nothing in it.
    """
    turns = causal_examples.conversation(row, chat and chats.has_template(tokenizer))
    if turns:
        return Prompt(chats.render(tokenizer, [(turns, True)])[0], chat=True)
    if not row.get("text"):
        raise PlaygroundError("nothing_to_continue")
    return Prompt(row["text"], chat=False)


@dataclass
class Writer(Loaded):
    """A language model of the pool."""

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        found = []
        for row in rows:
            bounds = Bounds(_most_tokens(params), settings().generate_seconds, stop or threading.Event())
            *_, last = self.stream(row, params, bounds)
            found.append(last)
        return found

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """What is written, after each token; the last one says why it ended. May be closed at any time."""
        # Not on the worker: a template is rendered in a process of its own, which others need not wait for.
        prompt = prompt_of(self.trunk.tokenizer, row, bool(getattr(params, "chat", True)))
        trunk = self.trunk
        model = writes(trunk.model, trunk.tokenizer, self._forward, trunk.call, tuned=self.adapter != BASE)
        yield from written(model, prompt, sampling_of(params), bounds)

    def _forward(self, inputs: dict[str, Any]) -> Any:
        ids = torch.tensor([inputs["input_ids"]], device=self.trunk.device.torch_device)
        return self.trunk.forward({**inputs, "input_ids": ids}, self.adapter)


class CausalLM(GenerativeHead):
    """The head of models that write on."""

    name = "causal_lm"
    auto_class = AutoModelForCausalLM
    peft_task = TaskType.CAUSAL_LM

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        limit = resolved.max_length or longest_input(trunk)
        loaded = Writer(trunk, BASE if resolved.kind == "model" else name, lambda output, _: output, (), limit)
        if resolved.kind == "adapter" and not trunk.whole:
            self.put_adapter(loaded, resolved)
        return loaded

    def extra_tokens(self, rows: Sequence[Row]) -> list[str]:
        """Marks of who speaks, where there are conversations."""
        return list(chats.MARKS) if any(row.get("messages") for row in rows) else []

    def finish_tokenizer(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> None:
        if self.extra_tokens(rows):
            tokenizer.chat_template = chats.TEMPLATE

    def examples(self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]) -> list[Features]:
        return causal_examples.examples(tokenizer, rows, max_length)[0]

    def numbered(
        self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> tuple[list[Features], list[int]]:
        return causal_examples.examples(tokenizer, rows, max_length)

    def added_characters(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[int]:
        return causal_examples.line_breaks(tokenizer, rows)

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[..., dict[str, torch.Tensor]]:
        """Pads on the right, whatever side and token a tokenizer pads with: many have no token for it.

        Padding is neither read nor learned, so that an end mark that also pads is learned where it ends a text.
        """
        known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        filled = {"input_ids": next(id for id in known if id is not None), "attention_mask": 0, "labels": IGNORED}

        def collate(features: Sequence[Features]) -> dict[str, torch.Tensor]:
            longest = max(len(row["input_ids"]) for row in features)
            return {
                name: torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in features])
                for name, value in filled.items()
            }

        return collate

    def answers(
        self,
        trained: Trained,
        rows: Sequence[Row],
        params: BaseModel,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> list[Prediction]:
        """The likeliest tokens, one after the other: the same text each time, whatever `params` say of chance."""
        model, device = trained.model, next(trained.model.parameters()).device
        chat = bool(getattr(params, "chat", True))

        def forward(inputs: dict[str, Any]) -> Any:
            on_batch()
            with torch.no_grad():
                return model(**{**inputs, "input_ids": torch.tensor([inputs["input_ids"]], device=device)})

        source = writes(model, trained.tokenizer, forward, lambda function: function())
        found = []
        was_training = model.training
        model.eval()
        try:
            for row in rows:
                prompt = prompt_of(trained.tokenizer, row, chat)
                *_, last = written(source, prompt, Sampling(), Bounds(_most_tokens(params), math.inf))
                found.append(last)
        finally:
            model.train(was_training)
        return found

    def _gold(self, logits: torch.Tensor, labels: torch.Tensor) -> Iterator[np.ndarray]:
        """A token is told by what stands before it."""
        return super()._gold(logits[:, :-1], labels[:, 1:])


def writes(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    forward: Callable[[dict[str, Any]], Any],
    call: Callable[[Callable[[], Any]], Any],
    tuned: bool = False,
) -> Writes:
    """What the loop needs to know of a model. `tuned`: see rules_of."""
    plain = model.get_base_model() if isinstance(model, PeftModel) else model
    config = plain.generation_config
    told = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    ends = causal_examples.ends(tokenizer) | frozenset(id for id in told if id is not None)
    options: dict[str, Any] = {"use_cache": True}
    if "logits_to_keep" in inspect.signature(plain.forward).parameters:
        options["logits_to_keep"] = 1
    return Writes(
        tokenizer=tokenizer,
        forward=forward,
        call=call,
        ends=ends,
        rules=rules_of(config, ends, tuned),
        context=_context(plain, tokenizer),
        options=options,
    )


def _context(model: Any, tokenizer: PreTrainedTokenizerBase) -> int:
    """Most tokens of a text and its continuation: the positions a model has, or what its tokenizer says."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    told = tokenizer.model_max_length
    if positions and positions > 0:  # XLNet's files say -1
        return int(positions)
    return int(told if told < MOST_TOKENS else CONTEXT)


def written(model: Writes, prompt: Prompt, sampling: Sampling, bounds: Bounds) -> Iterator[Prediction]:
    tokens = model.call(lambda: prompt.tokens(model.tokenizer))
    text = Continuation(model, tokens, sampling, bounds)
    began = time.monotonic()
    for _ in text.steps():
        yield _prediction(text, prompt, began)
    yield _prediction(text, prompt, began)


def _prediction(text: Continuation, prompt: Prompt, began: float) -> Prediction:
    seconds, count = time.monotonic() - began, len(text.tokens)
    # An answer stands alone; a continuation is put behind its text, where blanks matter.
    said = text.text.lstrip() if prompt.chat else text.text
    details = {
        "prompt_tokens": len(text.ids) - count, "tokens": count, "seconds": round(seconds, 3),
        "tokens_per_second": round(count / max(seconds, 1e-6), 1), "ended": text.ended, "seed": text.seed,
        "alternatives": list(text.tokens),
    }  # fmt: skip
    return Prediction({"generated_text": said}, details)


def sampling_of(params: BaseModel) -> Sampling:
    given = params.model_dump()
    return Sampling(**{name: given[name] for name in SAMPLING if name in given})


def _most_tokens(params: BaseModel) -> int:
    return int(params.max_new_tokens)  # type: ignore[attr-defined]


HEAD = CausalLM()
