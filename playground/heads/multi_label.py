"""Any number of labels for a whole text: a class head whose outputs are each a yes or no of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase

from playground.fields import APPLIES, Row
from playground.heads.base import Prediction, Window, probabilities
from playground.heads.fitting import HEAD_INVERSE_REGULARIZATION, fill, output_layer, read_by, several_regressions
from playground.heads.sequence_classification import SequenceClassification, label_scores
from playground.models.resolve import SEVERAL_LABELS
from playground.models.trunk import Features


class MultiLabel(SequenceClassification):
    """The head of models of topics and emotions. Scores do not add up to 1."""

    name = "multi_label"
    probability_axis: int | None = None

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        return {**super().head_options(outputs), "problem_type": SEVERAL_LABELS} if outputs else {}

    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """Features to train on; `labels` is 1.0 for each gold class and 0.0 for the others, [C]."""
        features: list[Any] = [window.features for window in self.windows(tokenizer, rows, max_length)]
        for feature, gold in zip(features, several_hot(rows, labels), strict=True):
            feature["labels"] = gold.tolist()
        return features

    def fit_head(self, model: Any, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]) -> None:
        layer = output_layer(model)
        if layer.bias is None:
            return
        # What the layer reads of each row, and which row it was.
        numbered: list[Any] = [{**row, "labels": number} for number, row in enumerate(features)]
        inputs, numbers = read_by(layer, model, tokenizer, numbered)
        gold = np.array([features[number]["labels"] for number in numbers])
        fill(layer, *several_regressions(inputs, gold, HEAD_INVERSE_REGULARIZATION))

    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        """The best labels, and all that apply; `details` names these."""
        top_k = getattr(params, "top_k", len(labels))
        found = []
        for values in logits:
            scores = probabilities(self, values)
            count = int((scores >= APPLIES).sum())
            best = label_scores(scores, labels, max(top_k, count))
            found.append(Prediction(best, {"applying": [one["label"] for one in best[:count]]}))
        return found


def several_hot(rows: Sequence[Row], labels: Sequence[str]) -> np.ndarray:
    """[N, C] float32: 1 where a row has the label."""
    ids = {label: number for number, label in enumerate(labels)}
    found = np.zeros((len(rows), len(labels)), np.float32)
    for row, gold in zip(found, rows, strict=True):
        row[[ids[label] for label in gold["labels"]]] = 1
    return found


HEAD = MultiLabel()
