"""What the heads that write text have in common: bounds, loss, LoRA on the whole model, and what is verified.

B rows of a batch, T tokens of the longest, V tokens of the vocabulary.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from peft import PeftModel, TaskType
from pydantic import BaseModel
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Loaded, Prediction
from playground.heads.encoder import ADAPTER_WEIGHTS
from playground.heads.tunable import Trained, TunableHead
from playground.i18n import Message, msg
from playground.models.files import load_adapter_config, load_pretrained, load_weights
from playground.models.resolve import Resolved
from playground.models.trunk import Features

IGNORED = -100
"""torch's mark of a token without a loss."""
MARK_BATCH = 32
MOST_LOGITS = 64 * 2**20
"""Of a batch whose marks are read: a quarter of a GB, which a vocabulary of 50,000 fills with 1,300 tokens."""
Forward = Callable[[Mapping[str, torch.Tensor]], Any]


@dataclass
class Bounds:
    """What ends a generation early: tokens, the clock, or whoever asked for it.

    seconds  from now, of wall clock
    stop     set by whoever has seen enough
    """

    max_new_tokens: int
    seconds: float
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        return self.stop.is_set() or time.monotonic() - self.began > self.seconds

    def criteria(self) -> StoppingCriteriaList:
        """For `generate`: looked at after every token."""
        return StoppingCriteriaList([_Over(self)])


@runtime_checkable
class Streaming(Protocol):
    """A loaded model that can be watched while it writes."""

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """What there is so far, each time there is more; the last value is the whole."""


class _Over(StoppingCriteria):
    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), self.bounds.over, dtype=torch.bool, device=input_ids.device)


class GenerativeHead(TunableHead):
    """A model with a language model head: its adapters bring no weights but LoRA's, so all share the base."""

    bare = False
    curve = "loss"

    def numbered(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> tuple[list[Features], list[int]]:
        """Examples, in the order of the rows, and the number of the row each is of: a head may cut long ones."""
        return self.examples(tokenizer, rows, max_length, labels), list(range(len(rows)))

    def added_characters(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[int]:
        """Of each row what is to be written besides its right text and the end mark, in code points.

        Less than 0 where the right text is cut.
        """
        return [0] * len(rows)

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[..., Any]:
        """Pads inputs on the right, and labels with IGNORED."""
        return DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED)

    def with_head(self, base: Resolved, outputs: Sequence[str], **options: Any) -> tuple[PreTrainedModel, set[str]]:
        model, fresh = super().with_head(base, outputs, **options)
        # Rows that are learned from tell how long their texts are; what it said before is measured without it, too.
        config: Any = model.generation_config
        config.min_length = None
        return model, fresh

    def why_own_base(self, resolved: Resolved) -> Message | None:
        modules = sorted(load_adapter_config(resolved.folder).modules_to_save or ())
        own = msg("sharing.why.modules", modules=modules) if modules else None
        return super().why_own_base(resolved) or own

    def put_adapter(self, loaded: Loaded, resolved: Resolved) -> None:
        """The adapter's weights on the trunk of its base."""
        config = load_adapter_config(resolved.folder)
        config.inference_mode, config.modules_to_save = True, None
        config.task_type = TaskType.FEATURE_EXTRACTION  # a plain PeftModel, whatever the head
        loaded.trunk.add_adapter(loaded.adapter, config, load_weights(resolved.folder / ADAPTER_WEIGHTS))

    def load_whole(self, resolved: Resolved, base: Resolved, **options: Any) -> PeftModel:
        load_adapter_config(resolved.folder)
        load_weights(resolved.folder / ADAPTER_WEIGHTS)  # safetensors, or PEFT would take a pickle
        model = load_pretrained(self.auto_class, base, **options)
        return PeftModel.from_pretrained(model, str(resolved.folder))

    def marks(
        self, trained: Trained, rows: Sequence[Row], on_batch: Callable[[], None] = lambda: None, batch_rows: int = 0,
        whole: bool = False,
    ) -> list[np.ndarray]:  # fmt: skip
        """The log-probability of every token of the right text. `whole`: see _check_whole."""
        features, numbers = self.numbered(trained.tokenizer, rows, trained.max_length, trained.labels)
        _check_whole(features, numbers, trained.max_length, whole)
        device, was_training = next(trained.model.parameters()).device, trained.model.training

        def forward(batch: Mapping[str, torch.Tensor]) -> Any:
            return trained.model(**{name: value.to(device) for name, value in batch.items()})

        trained.model.eval()
        try:
            with torch.no_grad():
                return _by_row(
                    self._marks(trained.tokenizer, features, forward, on_batch, batch_rows), numbers, len(rows)
                )
        finally:
            trained.model.train(was_training)

    def marks_of(self, loaded: Loaded, rows: Sequence[Row], whole: bool = False) -> list[np.ndarray]:
        trunk = loaded.trunk
        features, numbers = trunk.call(lambda: self.numbered(trunk.tokenizer, rows, loaded.max_length, loaded.labels))
        _check_whole(features, numbers, loaded.max_length, whole)

        def forward(batch: Mapping[str, torch.Tensor]) -> Any:
            placed = {name: value.to(trunk.device.torch_device) for name, value in batch.items()}
            return trunk.call(lambda: trunk.forward(placed, loaded.adapter))

        return _by_row(self._marks(trunk.tokenizer, features, forward), numbers, len(rows))

    def _marks(
        self,
        tokenizer: PreTrainedTokenizerBase,
        features: Sequence[Features],
        forward: Forward,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> Iterator[np.ndarray]:
        longest = max((len(row["labels"]) for row in features), default=1)
        affordable = max(1, MOST_LOGITS // (longest * len(tokenizer)))
        collate, size = self.collator(tokenizer), min(batch_rows or MARK_BATCH, affordable)
        for start in range(0, len(features), size):
            batch = collate([dict(row) for row in features[start : start + size]])
            logits = forward(batch).logits.float().cpu()
            yield from self._gold(logits, batch["labels"])
            on_batch()

    def _gold(self, logits: torch.Tensor, labels: torch.Tensor) -> Iterator[np.ndarray]:
        """Log-probabilities of the labels, a row each: [B, T, V] and [B, T] -> B times [tokens of the row]."""
        known = labels != IGNORED
        scores = logits.log_softmax(-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        for row, mask in zip(scores, known, strict=True):
            yield row[mask].double().numpy()


def _check_whole(features: Sequence[Features], numbers: Sequence[int], most: int, whole: bool) -> None:
    """Raises PlaygroundError for rows that are cut, where each is to be read whole: it has more than one block then."""
    longest = max((len(row["input_ids"]) for row in features), default=0)
    if whole and (len(set(numbers)) < len(numbers) or longest >= most):
        counts = Counter(numbers)
        tokens = max(sum(len(row["input_ids"]) for row, of in zip(features, numbers, strict=True) if of == number)
                     for number in counts)  # fmt: skip
        raise PlaygroundError("prompt_too_long", tokens=tokens, most=most - 1)


def _by_row(marks: Iterator[np.ndarray], numbers: Sequence[int], rows: int) -> list[np.ndarray]:
    """The marks of each row's examples, one after the other."""
    found: list[list[np.ndarray]] = [[] for _ in range(rows)]
    for number, values in zip(numbers, marks, strict=True):
        found[number].append(values)
    return [np.concatenate(parts) if parts else np.zeros(0) for parts in found]
