"""What every head offers, and a loaded model.

Shapes: N rows, W windows (a row has one, or several where it is longer than the model reads),
T tokens of a window, C outputs of a head.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.i18n import Message, msg
from playground.models.resolve import Resolved
from playground.models.trunk import Features, Reader, Trunk

DEFAULT_MAX_LENGTH = 512


@dataclass(frozen=True)
class Window:
    """A stretch of a row that goes through the model at once.

    features  unpadded model inputs, each [T] ints
    row       number of the row it belongs to
    offsets   [T] pairs: where each token stands in the row's text, in code points; (0, 0) for
              tokens that stand for no text. Empty where a head needs no places.
    """

    features: Features
    row: int
    offsets: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Prediction:
    """output: in the task's public schema; details: what `details=true` adds, plain JSON."""

    output: Any
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def sure(self) -> bool:
        """Whether its scores are probabilities; else they say no more than what was chosen."""
        return bool(self.details.get("sure", "unusable" not in self.details))

    @property
    def unusable(self) -> PlaygroundError | None:
        """Why it holds no answer; None where it does."""
        if "unusable" not in self.details:
            return None
        if self.details.get("too_long"):
            return PlaygroundError("chat_too_long")
        return PlaygroundError("chat_unusable", said=self.details["unusable"])


@dataclass
class Loaded:
    """A model ready to answer: a trunk, the adapter on it, and how to read the trunk's output.

    one_segment  whether it was trained without token_type_ids, which is the same as with zeros
    users        how many leases hold it now; with none it may be dropped
    """

    trunk: Trunk
    adapter: str
    read: Reader
    labels: tuple[str, ...]
    max_length: int
    one_segment: bool = False
    users: int = 0

    @property
    def where(self) -> Message:
        """On which device it runs, and why there."""
        return self.trunk.device.reason

    @property
    def at_once(self) -> int:
        """How many rows it works on at a time, where they are more than one: they do not wait for each other then."""
        return 1

    def logits(
        self, head: Head, rows: Sequence[Row], stop: threading.Event | None = None
    ) -> tuple[list[Window], list[np.ndarray]]:
        """The rows' windows, and the head's raw outputs for each: float32 [C], or [T, C] per token."""
        windows = self.trunk.call(lambda: head.windows(self.trunk.tokenizer, rows, self.max_length))
        return windows, self.run(head, windows, stop)

    def run(self, head: Head, windows: Sequence[Window], stop: threading.Event | None = None) -> list[np.ndarray]:
        """The head's raw outputs for each window, as in `logits`."""
        found = self.trunk.run([self._inputs(window.features) for window in windows], self.adapter, self.read, stop)
        return [trim(head, window.features, value.numpy()) for window, value in zip(windows, found, strict=True)]

    def _inputs(self, features: Features) -> Features:
        # Zeros, not absent: rows of other models, which have them, may share the batch.
        zeros = {"token_type_ids": [0] * len(features["input_ids"])} if "token_type_ids" in features else {}
        return {**features, **zeros} if self.one_segment else features

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        """One prediction per row, same order.

        stop  set by whoever no longer waits: then Stopped is raised, or what is given is cut short
        """
        windows, logits = self.logits(head, rows, stop)
        return head.decode(rows, windows, logits, self.labels, params)

    def answer(self, head: Head, row: Row, params: BaseModel, stop: threading.Event | None = None) -> Prediction:
        """That of one row which somebody asks about.

        Raises PlaygroundError where `predict` gives a row nothing, so that the rows beside it keep theirs.
        """
        [found] = self.predict(head, [row], params, stop)
        return found


@dataclass
class Trunkless(Loaded):
    """A model without a network in this process: it only answers.

    told    what is said in place of a device
    memory  what is said of the memory that it takes
    """

    trunk: Any = None
    adapter: str = ""
    read: Any = None
    labels: tuple[str, ...] = ()
    max_length: int = 0
    told: Message = field(kw_only=True)
    memory: Message = field(default=msg("sharing.bare"), kw_only=True)

    @property
    def where(self) -> Message:
        return self.told


@runtime_checkable
class Opening(Protocol):
    """A head of models without a trunk."""

    def open(self, resolved: Resolved) -> Trunkless:
        """The model, ready to answer."""


class Head(Protocol):
    """A model family. One object per module, named HEAD.

    per_token         whether raw outputs are [T, C] instead of [C]
    probability_axis  the axis of a window's raw outputs over which a softmax gives probabilities; None where each
                      output has a probability of its own, by a sigmoid
    """

    name: str
    per_token: bool
    probability_axis: int | None

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        """Put the model's own weights on a trunk under that (adapter) name."""

    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        """For each row the numbers that a right copy of the model gives again, flat."""

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """The rows as model inputs of at most `max_length` tokens, in the order of the rows."""

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        """Predictions from raw outputs, one per row. `labels` names the C outputs."""


def trim(head: Head, features: Features, logits: np.ndarray) -> np.ndarray:
    """Raw outputs of a window without those of its padding."""
    return logits[: len(features["input_ids"])] if head.per_token else logits


def probabilities(head: Head, logits: np.ndarray) -> np.ndarray:
    """Softmax, or sigmoid, of a window's raw outputs, float64, same shape."""
    axis = head.probability_axis
    if axis is None:
        return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis, keepdims=True))
    return shifted / shifted.sum(axis, keepdims=True)


def longest_input(trunk: Trunk) -> int:
    """What the model reads at most; tokenizers without a limit say 1e30."""
    return min(trunk.tokenizer.model_max_length, DEFAULT_MAX_LENGTH)
