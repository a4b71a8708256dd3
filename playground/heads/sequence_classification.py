"""One label for a whole text: AutoModelForSequenceClassification with LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from peft import TaskType
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, DataCollatorWithPadding, PreTrainedTokenizerBase

from playground.fields import LabelScore, Row
from playground.heads.base import Prediction, Window, probabilities
from playground.heads.encoder import EncoderHead
from playground.heads.fitting import fit_output_layer
from playground.models.resolve import ONE_LABEL
from playground.models.trunk import Features


class SequenceClassification(EncoderHead):
    """The head of intent, topic and sentiment models."""

    name = "sequence_classification"
    auto_class = AutoModelForSequenceClassification
    peft_task = TaskType.SEQ_CLS
    per_token = False
    probability_axis: int | None = -1

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        # Said, as the base may have been made for several labels or for a number.
        return {**super().head_options(outputs), "problem_type": ONE_LABEL} if outputs else {}

    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """One window a row, for a text or for two that are compared: what is longer is cut."""
        found = []
        for index, row in enumerate(rows):
            texts = (row["text"], row["text_pair"]) if row.get("text_pair") else (row["text"],)
            found.append(Window(dict(tokenizer(*texts, truncation=True, max_length=max_length)), index))
        return found

    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """Features to train on, with the number of the gold class as `labels`."""
        ids = {label: index for index, label in enumerate(labels)}
        features: list[Any] = [window.features for window in self.windows(tokenizer, rows, max_length)]
        for feature, row in zip(features, rows, strict=True):
            feature["labels"] = ids[row["label"]]
        return features

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> DataCollatorWithPadding:
        return DataCollatorWithPadding(tokenizer)

    def fit_head(self, model: Any, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]) -> None:
        fit_output_layer(model, tokenizer, features)

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        top_k = getattr(params, "top_k", len(labels))
        return [Prediction(label_scores(probabilities(self, values), labels, top_k)) for values in logits]


def label_scores(scores: np.ndarray, labels: Sequence[str], top_k: int) -> list[LabelScore]:
    """The best `top_k` labels of [C] probabilities, best first."""
    order = np.argsort(-scores, kind="stable")[:top_k]
    return [{"label": labels[index], "score": float(scores[index])} for index in order]


HEAD = SequenceClassification()
