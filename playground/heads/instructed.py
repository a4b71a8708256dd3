"""An encoder and a decoder that follow an instruction (FLAN-T5 and the like): the decoder writes token by token."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Prediction
from playground.heads.causal_lm import Prompt, prompt_of, sampling_of, writes, written
from playground.heads.decoding import Sampling
from playground.heads.generating import Bounds
from playground.heads.translating import UNBOUNDED
from playground.heads.tunable import Trained
from playground.models.trunk import BASE, Features, Trunk


@dataclass(frozen=True)
class Instructed:
    """An encoder and a decoder as they are asked.

    forward  the model's output for tensors; run by `call` only
    call     runs a function where the model may be called, and waits for it
    longest  most tokens of an instruction
    cuts     whether the beginning of a longer one is read, rather than none of it
    tuned    see rules_of
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    forward: Callable[[dict[str, Any]], Any]
    call: Callable[[Callable[[], Any]], Any]
    longest: int
    cuts: bool = False
    tuned: bool = False

    def stream(self, row: Row, chat: bool, sampling: Sampling, bounds: Bounds) -> Iterator[Prediction]:
        """What is written for a text, after each token.

        Raises PlaygroundError for a text of more than `longest` tokens, and for a conversation where the model
        knows none.
        """
        prompt = prompt_of(self.tokenizer, row, chat)
        read = self.call(lambda: self._read(prompt))

        def forward(inputs: dict[str, Any]) -> Any:
            ids = torch.tensor([inputs.pop("input_ids")], device=self.device)
            return self.forward({"decoder_input_ids": ids, **read, **inputs})

        model = writes(self.model, self.tokenizer, forward, self.call, self.tuned)
        yield from written(model, Prompt("", prompt.chat, (_first(self.model),)), sampling, bounds)

    def _read(self, prompt: Prompt) -> dict[str, Any]:
        """What the encoder makes of a prompt, and its mask, as each step of the decoder is given them."""
        cut = {"truncation": True, "max_length": self.longest} if self.cuts else {}
        ids = self.tokenizer(prompt.text, **cut)["input_ids"]
        if len(ids) > self.longest:
            raise PlaygroundError("prompt_too_long", tokens=len(ids), most=self.longest)
        tokens = torch.tensor([ids], device=self.device)
        mask = torch.ones_like(tokens)
        start = torch.tensor([[_first(self.model)]], device=self.device)
        # Through the whole model, so that an adapter on the encoder is used: it is one step of the decoder more.
        inputs = {"input_ids": tokens, "attention_mask": mask, "decoder_input_ids": start}
        states = self.forward(inputs).encoder_last_hidden_state
        return {"encoder_outputs": (states,), "attention_mask": mask}


def instructed(
    trunk: Trunk, adapter: str, longest: int, row: Row, params: BaseModel, bounds: Bounds, *, cuts: bool = False
) -> Iterator[Any]:
    """What a model of the pool writes for a text, after each token. `cuts`: as of Instructed."""
    device = trunk.device.torch_device
    asked = Instructed(
        trunk.model, trunk.tokenizer, device, lambda inputs: trunk.forward(inputs, adapter), trunk.call, longest, cuts,
        tuned=adapter != BASE,
    )  # fmt: skip
    return asked.stream(row, _chats(params), sampling_of(params), bounds)


def follow(trunk: Trunk, adapter: str, longest: int, row: Row, params: BaseModel, bounds: Bounds) -> Prediction:
    """The whole of it."""
    *_, last = instructed(trunk, adapter, longest, row, params, bounds)
    return last


def follow_trained(
    trained: Trained, rows: Sequence[Row], params: BaseModel, on_token: Callable[[], None], longest: int = UNBOUNDED
) -> list[Prediction]:
    """The likeliest texts of a model of this process alone, whatever `params` say of chance.

    longest  most tokens of an instruction that are read
    """
    model = trained.model

    def forward(inputs: dict[str, Any]) -> Any:
        on_token()
        return model(**inputs)

    def call(function: Callable[[], Any]) -> Any:
        with torch.no_grad():
            return function()

    device = next(model.parameters()).device
    asked = Instructed(model, trained.tokenizer, device, forward, call, longest, longest < UNBOUNDED)
    found = []
    for row in rows:
        bounds = Bounds(int(params.max_new_tokens), math.inf)  # type: ignore[attr-defined]
        *_, last = asked.stream(row, _chats(params), Sampling(), bounds)
        found.append(last)
    return found


def examples(tokenizer: Any, rows: Sequence[Row], max_length: int) -> list[Features]:
    """Instructions as the encoder reads them; `labels`: the completion and the end mark. At most max_length each.

    Behind a completion that is cut stands no end mark: a model would learn to stop where it does not end.
    """
    prompts = [prompt_of(tokenizer, row, chat=True).text for row in rows]
    read = tokenizer(prompts, truncation=True, max_length=max_length)
    learned = tokenizer(text_target=[row["completion"] for row in rows])["input_ids"]
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": labels[:max_length]}
        for ids, mask, labels in zip(read["input_ids"], read["attention_mask"], learned, strict=True)
    ]


def cut_characters(tokenizer: Any, rows: Sequence[Row], max_length: int) -> list[int]:
    """How many of a completion's characters stand behind its first max_length tokens."""
    completions = [row["completion"] for row in rows]
    learned = tokenizer(text_target=completions, return_offsets_mapping=True)
    return [
        len(text) - places[max_length - 1][1] if len(ids) > max_length and places[max_length - 1][1] else 0
        for text, ids, places in zip(completions, learned["input_ids"], learned["offset_mapping"], strict=True)
    ]


def check_prompts(rows: Iterable[Row]) -> None:
    """Raises PlaygroundError for a row with nothing to read: an encoder has nothing to go on from."""
    empty = [not (row.get("text") or row.get("messages")) for row in rows]
    if any(empty):
        raise PlaygroundError("prompts_missing", bare=sum(empty), rows=len(empty))


def _chats(params: BaseModel) -> bool:
    return bool(getattr(params, "chat", True))


def _first(model: Any) -> int:
    """The token that a decoder begins with."""
    config = model.generation_config if hasattr(model, "generation_config") else model.config
    start = config.decoder_start_token_id
    return int(model.config.decoder_start_token_id if start is None else start)
