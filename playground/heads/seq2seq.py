"""An encoder and a decoder, AutoModelForSeq2SeqLM, whole or with LoRA: translating, or following instructions."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from peft import TaskType
from pydantic import BaseModel
from transformers import AutoModelForSeq2SeqLM

from playground.fields import Row
from playground.heads import instructed
from playground.heads.base import Head, Loaded, Prediction, longest_input
from playground.heads.dialects import Dialect, Direction, dialect_of, target_mark
from playground.heads.directions import direction
from playground.heads.generating import Bounds, GenerativeHead
from playground.heads.translating import BATCH_PIECES, UNBOUNDED, Translation
from playground.heads.tunable import Trained
from playground.models.resolve import Resolved
from playground.models.trunk import BASE, Features, Trunk
from playground.settings import settings


def positions(model: Any) -> int:
    """Places that a model has for tokens, on either side; UNBOUNDED where they are told by their distance."""
    return int(getattr(model.config, "max_position_embeddings", 0) or UNBOUNDED)


class TrunkWriter:
    """A translation model of the pool: a trunk, and an adapter on it."""

    def __init__(self, trunk: Trunk, adapter: str, reads: int, directions: Sequence[Direction]) -> None:
        self.trunk, self.adapter = trunk, adapter
        self.dialect = dialect_of(trunk.tokenizer, trunk.model, tuned=adapter != BASE or bool(directions)).taught(
            directions
        )
        self.longest = reads, positions(trunk.model) - 1

    def call(self, function: Callable[[], Any]) -> Any:
        return self.trunk.call(function)

    def generate(self, features: Sequence[Features], **options: Any) -> Any:
        inputs = self.trunk.tokenizer.pad(list(features), return_tensors="pt").to(self.trunk.device.torch_device)
        return self.trunk.generate(inputs, self.adapter, **options)


class TrainedWriter:
    """A translation model of this process alone."""

    def __init__(self, trained: Trained) -> None:
        self.model, self.tokenizer = trained.model, trained.tokenizer
        self.dialect: Dialect = dialect_of(self.tokenizer, self.model, tuned=True)
        self.longest = min(trained.max_length, positions(self.model)), positions(self.model) - 1

    def call(self, function: Callable[[], Any]) -> Any:
        with torch.no_grad():
            return function()

    def generate(self, features: Sequence[Features], **options: Any) -> Any:
        inputs: Mapping[str, torch.Tensor] = self.tokenizer.pad(list(features), return_tensors="pt")
        device = next(self.model.parameters()).device
        return self.model.generate(**{name: value.to(device) for name, value in inputs.items()}, **options)


@dataclass
class Translator(Loaded):
    """A translation model of the pool. `directions`: what it was trained on, where that is known."""

    directions: tuple[Direction, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 codes that it can be told."""
        return self._writer.dialect.languages

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        return self._answers(rows, params, stop or threading.Event())

    def answer(self, head: Head, row: Row, params: BaseModel, stop: threading.Event | None = None) -> Prediction:
        return self._answers([row], params, stop or threading.Event(), strict=True)[0]

    def _answers(
        self, rows: Sequence[Row], params: BaseModel, stop: threading.Event, strict: bool = False
    ) -> list[Prediction]:
        if _is_instruction(params):
            return [self._followed(row, params, stop) for row in rows]
        bounds = Bounds(_most_tokens(params), settings().generate_seconds * max(1, len(rows)), stop)
        work = Translation(self._writer, params, bounds)
        # Of the rows of a table some may be translated already.
        asked = work.asked(rows, strict)
        for _ in work.run(asked):
            pass
        return [work.prediction(row) for row in asked]

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """The translation as it grows, sentence by sentence; what an instruction asks for, token by token."""
        if _is_instruction(params):
            yield from instructed.instructed(self.trunk, self.adapter, self.max_length, row, params, bounds)
            return
        work = Translation(self._writer, params, bounds)
        asked = work.asked([row], strict=True)
        for _ in work.run(asked, size=1):
            yield work.prediction(asked[0])
        if not asked[0].written:  # nothing to translate, or no time
            yield work.prediction(asked[0])

    def _followed(self, row: Row, params: BaseModel, stop: threading.Event) -> Prediction:
        bounds = Bounds(_most_tokens(params), settings().generate_seconds, stop)
        return instructed.follow(self.trunk, self.adapter, self.max_length, row, params, bounds)

    @cached_property
    def _writer(self) -> TrunkWriter:
        return TrunkWriter(self.trunk, self.adapter, self.max_length, self.directions)


class Seq2Seq(GenerativeHead):
    """The head of translation models."""

    name = "seq2seq"
    auto_class = AutoModelForSeq2SeqLM
    peft_task = TaskType.SEQ_2_SEQ_LM

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        limit = min(resolved.max_length or longest_input(trunk), positions(trunk.model))
        adapter = BASE if resolved.kind == "model" else name
        loaded = Translator(trunk, adapter, lambda output, _: output, (), limit, directions=resolved.directions)
        if resolved.kind == "adapter" and not trunk.whole:
            self.put_adapter(loaded, resolved)
        return loaded

    def check(self, rows: Iterable[Row]) -> None:
        instructed.check_prompts(row for row in rows if "translation" not in row)

    def learned(self, rows: Sequence[Row]) -> dict[str, Any]:
        told = {(row.get("source") or "", row.get("target") or "") for row in rows}
        return {"directions": sorted(pair for pair in told if all(pair))}

    def extra_tokens(self, rows: Sequence[Row]) -> list[str]:
        """A token for each language that is written."""
        return [target_mark(language) for language in sorted({row.get("target") or "" for row in rows} - {""})]

    def examples(self, tokenizer: Any, rows: Sequence[Row], max_length: int, labels: Sequence[str]) -> list[Features]:
        if not any("translation" in row for row in rows):
            return instructed.examples(tokenizer, rows, max_length)
        dialect = dialect_of(tokenizer)
        features: list[Features] = [{} for _ in rows]
        by_direction: dict[Direction, list[int]] = {}
        for index, row in enumerate(rows):
            said = direction(dialect, row["text"], row.get("source") or "", row.get("target") or "")
            by_direction.setdefault(said, []).append(index)
        for said, indices in by_direction.items():
            sources = dialect.sources([rows[index]["text"] for index in indices], *said, max_length)
            targets = dialect.targets([rows[index]["translation"] for index in indices], said[1], max_length)
            for index, source, target in zip(indices, sources, targets, strict=True):
                features[index] = {**source, "labels": target}
        return features

    def added_characters(self, tokenizer: Any, rows: Sequence[Row], max_length: int) -> list[int]:
        return [-cut for cut in instructed.cut_characters(tokenizer, rows, max_length)]

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
            if _is_instruction(params):
                return instructed.follow_trained(trained, rows, params, on_batch)
            work = Translation(TrainedWriter(trained), params, Bounds(_most_tokens(params), math.inf))
            asked = work.asked(rows)
            for _ in work.run(asked, batch_rows or BATCH_PIECES):
                on_batch()
        finally:
            trained.model.train(was_training)
        return [work.prediction(row) for row in asked]


def _is_instruction(params: BaseModel) -> bool:
    """Whether a text is to be followed rather than translated: the knobs of generation have a temperature."""
    return hasattr(params, "temperature")


def _most_tokens(params: BaseModel) -> int:
    return int(params.max_new_tokens)  # type: ignore[attr-defined]


HEAD = Seq2Seq()
