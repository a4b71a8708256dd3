"""A model's answers on rows, outside the training loop. W windows, T tokens, C outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from playground.heads.base import Head, Window, probabilities, trim
from playground.heads.lora import LoraHead

BATCH_WINDOWS = 64


def logits_of(
    head: LoraHead,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    windows: Sequence[Window],
    on_batch: Callable[[], None] = lambda: None,
    batch_windows: int = BATCH_WINDOWS,
) -> list[np.ndarray]:
    """The head's raw outputs for each window, float32 [C] or [T, C]; windows of like length share a batch.

    Draws no random number and leaves the model in the mode it was in, so it may be called between
    training steps. `on_batch` is called after each batch.
    """
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


def flat_probabilities(head: Head, logits: Sequence[np.ndarray]) -> np.ndarray:
    """All probabilities of the windows, one after the other: float64 [sum of their sizes]."""
    return np.concatenate([probabilities(head, values).ravel() for values in logits])
