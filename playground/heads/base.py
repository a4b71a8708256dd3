"""What every head offers, and a loaded model.

Shapes: B rows, T tokens (padded), H hidden units, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase

from playground.fields import Row
from playground.models.resolve import Resolved
from playground.models.trunk import Features, Reader, Trunk

DEFAULT_MAX_LENGTH = 512


@dataclass
class Loaded:
    """A model ready to answer: a trunk, the adapter on it, and how to read the trunk's output."""

    trunk: Trunk
    adapter: str
    read: Reader
    labels: tuple[str, ...]
    max_length: int

    def logits(self, head: Head, rows: Sequence[Row]) -> torch.Tensor:
        """The head's raw outputs, float32 on the CPU, [B, ...] in the order of the rows."""
        features = self.trunk.call(lambda: head.encode(self.trunk.tokenizer, rows, self.max_length))
        return self.trunk.run(features, self.adapter, self.read)


class Head(Protocol):
    """A model family. One object per module, named HEAD."""

    name: str

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        """Put the model's own weights on a trunk under that (adapter) name."""

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[Row],
        max_length: int,
        label_ids: dict[str, int] | None = None,
    ) -> list[Features]:
        """Unpadded features per row; with `label_ids` also the gold answer as `labels`."""

    def predict(self, loaded: Loaded, rows: Sequence[Row], params: BaseModel) -> list[Any]:
        """One output per row, same order, in the task's public schema."""
