"""A model's answers on rows, outside the training loop. B rows, T tokens, C classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from playground.models.trunk import Features

BATCH_ROWS = 64


def logits_of(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    features: Sequence[Features],
    on_batch: Callable[[], None] = lambda: None,
    batch_rows: int = BATCH_ROWS,
) -> np.ndarray:
    """The model's logits, float32 [N, C] in the order of the rows; rows of like length share a batch.

    Draws no random number and leaves the model in the mode it was in, so it may be called between
    training steps. `on_batch` is called after each batch.
    """
    device = next(model.parameters()).device
    order = sorted(range(len(features)), key=lambda index: len(features[index]["input_ids"]), reverse=True)
    parts: dict[int, np.ndarray] = {}
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(order), batch_rows):
                rows = order[start : start + batch_rows]
                inputs = [{name: value for name, value in features[row].items() if name != "labels"} for row in rows]
                output = model(**tokenizer.pad(inputs, return_tensors="pt").to(device))
                parts.update(zip(rows, output.logits.float().cpu().numpy(), strict=True))
                on_batch()
    finally:
        model.train(was_training)
    return np.stack([parts[row] for row in range(len(features))])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64: [N, C] -> [N, C]."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)
