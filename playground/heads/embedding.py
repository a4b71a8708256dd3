"""Sentence embeddings of the bare base, and classes that are named instead of learned.

D is the base's width. An embedding is the masked mean of the last hidden states, normalised, as
sentence-transformers does it. The trunk is the one that the LoRA models of that base stand on, so
embeddings cost no memory of their own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Head, Loaded, Prediction, Window, longest_input
from playground.heads.sequence_classification import HEAD as CLASSIFICATION
from playground.heads.sequence_classification import label_scores
from playground.i18n import translate
from playground.models.resolve import Resolved
from playground.models.trunk import BASE, Trunk

STEP = 512
"""Texts that are queued at once; between two steps others' requests get their turn."""
PLACE = "{}"
"""Where a template has the label."""


def mean_pool(output: ModelOutput, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Masked mean of the last hidden states, normalised: [B, T, D] -> [B, D]."""
    mask = inputs["attention_mask"].unsqueeze(-1).to(output.last_hidden_state.dtype)
    mean = (output.last_hidden_state * mask).sum(1) / mask.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(mean, dim=-1)


def embed(
    trunk: Trunk, texts: Sequence[str | Row], max_length: int, on_batch: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Embeddings of N texts, float32 [N, D], each of length 1; what is longer than `max_length` tokens is cut.

    A row in place of a text is read as a class head reads it.

    `on_batch(done, N)` is called on the way.
    """
    parts = []
    for start in range(0, len(texts), STEP):
        rows = [{"text": text} if isinstance(text, str) else text for text in texts[start : start + STEP]]
        windows = trunk.call(partial(CLASSIFICATION.windows, trunk.tokenizer, rows, max_length))
        parts.append(torch.stack(trunk.run([window.features for window in windows], BASE, mean_pool)).numpy())
        if on_batch:
            on_batch(min(start + STEP, len(texts)), len(texts))
    return np.concatenate(parts)


@dataclass
class ZeroShot(Loaded):
    """Classes by their names: a text belongs to the label whose sentence is nearest to it.

    template     the sentence a label is put into, with PLACE where it goes
    temperature  cosines are divided by it before the softmax
    """

    template: str = PLACE
    temperature: float = 1.0

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        texts = embed(self.trunk, rows, self.max_length)
        # Rows of one table have the same candidates: those are read once.
        sentences = list(dict.fromkeys(self._sentence(label) for row in rows for label in row["candidate_labels"]))
        known = dict(zip(sentences, embed(self.trunk, sentences, self.max_length), strict=True))
        return [
            self._scored(text, known, row["candidate_labels"], params) for text, row in zip(texts, rows, strict=True)
        ]

    def _sentence(self, label: str) -> str:
        return self.template.replace(PLACE, label)

    def _scored(
        self, text: np.ndarray, known: Mapping[str, np.ndarray], labels: Sequence[str], params: BaseModel
    ) -> Prediction:
        """The labels with their shares. `text` is [D]; `known` has [D] for the sentence of every label."""
        cosines = np.array([text @ known[self._sentence(label)] for label in labels], np.float64)
        shares = np.exp((cosines - cosines.max()) / self.temperature)
        top_k = getattr(params, "top_k", len(labels))
        details = {
            "template": self.template,
            "temperature": self.temperature,
            "cosines": label_scores(cosines, labels, top_k),
            "scores": translate("en", "zero_shot.scores", temperature=f"{self.temperature:g}"),
        }
        return Prediction(label_scores(shares / shares.sum(), labels, top_k), details)


class Embedding:
    """The head of models that are nothing but a base and a way to compare: no weights of their own."""

    name = "embedding"
    per_token = False
    probability_axis = -1

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        try:
            own = json.loads((resolved.folder / "playground.json").read_text(encoding="utf-8"))
            template, temperature = str(own["template"]), float(own["temperature"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlaygroundError("bad_model_file", file="playground.json") from error
        if PLACE not in template or not temperature > 0:
            raise PlaygroundError("bad_model_file", file="playground.json")
        limit = min(resolved.max_length or longest_input(trunk), longest_input(trunk))
        return ZeroShot(trunk, BASE, mean_pool, (), limit, template=template, temperature=temperature)

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """One window a row: what is longer is cut."""
        return CLASSIFICATION.windows(tokenizer, rows, max_length)

    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        """The embedding of each row's text."""
        return list(embed(loaded.trunk, rows, loaded.max_length))


HEAD = Embedding()
