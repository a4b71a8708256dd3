"""A linear probe: logistic regression on the frozen base's sentence embeddings. Trains in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.fields import Row
from playground.heads.base import Loaded, Prediction, Window, longest_input
from playground.heads.embedding import embed, mean_pool
from playground.heads.fitting import logistic_regression, several_regressions
from playground.heads.multi_label import HEAD as MULTI_LABEL
from playground.heads.multi_label import several_hot
from playground.heads.scoring import by_row
from playground.heads.sequence_classification import HEAD as CLASSIFICATION
from playground.heads.sequence_classification import SequenceClassification
from playground.heads.tunable import write_description
from playground.models.files import load_weights
from playground.models.resolve import Resolved
from playground.models.trunk import BASE, Trunk

INVERSE_REGULARIZATION = 10.0
"""sklearn's C. Embeddings are normalised, so the default of 1 underfits with many classes."""

WEIGHTS = "probe.safetensors"


@dataclass(frozen=True)
class Probe:
    """weight [C, H], bias [C]: float32."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """[N, H] -> [N, C]."""
        return embeddings @ self.weight.T + self.bias


class LinearProbe:
    """The head of probes: no adapter, one matrix. `like`: the head whose rows it reads, and whose output it gives."""

    per_token = False

    def __init__(self, name: str, like: SequenceClassification) -> None:
        self.name, self.like = name, like
        self.probability_axis = like.probability_axis

    def embed(
        self, trunk: Trunk, rows: Sequence[Row], max_length: int, on_batch: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Sentence embeddings of the frozen base, float32 [N, H]. `on_batch(done, N)` is called on the way."""
        return embed(trunk, rows, max_length, on_batch)

    def fit(self, embeddings: np.ndarray, labels: Sequence[str], rows: Sequence[Row]) -> Probe:
        """Logistic regression on [N, H] embeddings of the rows; `labels` gives the order of the C outputs."""
        if self.like is MULTI_LABEL:
            return Probe(*several_regressions(embeddings, several_hot(rows, labels), INVERSE_REGULARIZATION))
        ids = {label: index for index, label in enumerate(labels)}
        numbers = [ids[row["label"]] for row in rows]
        return Probe(*logistic_regression(embeddings, numbers, len(labels), INVERSE_REGULARIZATION))

    def save(
        self, probe: Probe, folder: Path, *, task: str, labels: Sequence[str], base: Resolved, max_length: int,
        learned: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See TunableHead.save."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": torch.from_numpy(probe.weight), "bias": torch.from_numpy(probe.bias)}, folder / WEIGHTS)
        made: dict[str, Any] = {"task": task, "labels": labels, "base": base, "max_length": max_length}
        write_description(folder, self.name, **made, learned=learned)

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        weights = load_weights(resolved.folder / WEIGHTS)
        weight, bias = (weights[key].to(trunk.device.torch_device) for key in ("weight", "bias"))

        def read(output: ModelOutput, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
            return mean_pool(output, inputs).float() @ weight.T + bias

        return Loaded(trunk, BASE, read, resolved.labels, resolved.max_length or longest_input(trunk))

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        return self.like.windows(tokenizer, rows, max_length)

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        return self.like.decode(rows, windows, logits, labels, params)

    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        """The probabilities of each row."""
        return by_row(self, *loaded.logits(self, rows))


HEAD = LinearProbe("linear_probe", CLASSIFICATION)
