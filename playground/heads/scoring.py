"""A model's raw outputs outside of the pool. W windows, T tokens, C outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from playground.heads.base import Head, Window, probabilities, trim

if TYPE_CHECKING:
    from playground.heads.encoder import EncoderHead

BATCH_WINDOWS = 64


def logits_of(
    head: EncoderHead,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    windows: Sequence[Window],
    on_batch: Callable[[], None] = lambda: None,
    batch_windows: int = 0,
) -> list[np.ndarray]:
    """The head's raw outputs for each window, float32 [C] or [T, C]; windows of like length share a batch.

    Draws no random number and leaves the model in the mode it was in, so it may be called between
    training steps. `on_batch` is called after each batch of `batch_windows` (0: BATCH_WINDOWS).
    """
    batch_windows = batch_windows or BATCH_WINDOWS
    device = next(model.parameters()).device
    order = sorted(range(len(windows)), key=lambda index: len(windows[index].features["input_ids"]), reverse=True)
    parts: dict[int, np.ndarray] = {}
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(order), batch_windows):
                batch = order[start : start + batch_windows]
                inputs = tokenizer.pad([windows[index].features for index in batch], return_tensors="pt").to(device)
                found = head.read(model(**inputs)).float().cpu().numpy()
                for index, values in zip(batch, found, strict=True):
                    parts[index] = trim(head, windows[index].features, values)
                on_batch()
    finally:
        model.train(was_training)
    return [parts[index] for index in range(len(windows))]


def by_row(head: Head, windows: Sequence[Window], logits: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The probabilities of each row's windows, one after the other: float64, flat."""
    found: dict[int, list[np.ndarray]] = {}
    for window, values in zip(windows, logits, strict=True):
        found.setdefault(window.row, []).append(probabilities(head, values).ravel())
    return [np.concatenate(found[row]) for row in sorted(found)]
