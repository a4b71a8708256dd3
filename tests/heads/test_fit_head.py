"""The output layer starts from what a logistic regression finds, for two classes and for more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from playground.heads.fitting import UNSEEN_BIAS, logistic_regression
from playground.heads.sequence_classification import HEAD
from playground.models.resolve import resolve
from playground.runs import TrainingParams

TEXTS = {
    "card": ["the card has not arrived", "where is my new card", "my card is lost in the mail"],
    "rate": ["the exchange rate is wrong", "why is the rate so low today", "what rate do you use for euros"],
    "pin": ["I forgot my pin", "how do I change my pin code", "the pin is blocked after three tries"],
}


@pytest.mark.parametrize("labels", [["card", "rate"], ["card", "pin", "rate"]])
def test_the_head_knows_the_training_rows_before_training(labels: list[str]) -> None:
    rows = [{"text": text, "label": label} for label in labels for text in TEXTS[label]]
    ids = {label: number for number, label in enumerate(labels)}
    model, tokenizer = HEAD.new_model(resolve("sentence-transformers/all-MiniLM-L6-v2"), labels, TrainingParams())
    features = HEAD.examples(tokenizer, rows, 64, labels)
    gold = [ids[row["label"]] for row in rows]
    before = model.training
    HEAD.fit_head(model, tokenizer, features)
    assert model.training is before
    model.eval()
    with torch.no_grad():
        found = model(**tokenizer.pad(features, return_tensors="pt")).logits.argmax(-1).tolist()
    assert found == gold


def test_a_class_without_a_row_starts_unlikely() -> None:
    rng = np.random.default_rng(0)
    inputs, gold = rng.normal(size=(40, 5)).astype(np.float32), [0, 2] * 20
    weight, bias = logistic_regression(inputs, gold, 4, 1.0)
    assert weight.shape == (4, 5)
    assert bias[1] == bias[3] == pytest.approx(bias[[0, 2]].min() + UNSEEN_BIAS)
    assert set((inputs @ weight.T + bias).argmax(1)) <= {0, 2}


def test_two_classes_give_the_log_odds_of_the_library() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(60, 4)).astype(np.float32)
    gold = (inputs[:, 0] + 0.5 * rng.normal(size=60) > 0).astype(int).tolist()
    weight, bias = logistic_regression(inputs, gold, 2, 1.0)
    logits = inputs @ weight.T + bias
    expected = LogisticRegression(C=1.0, max_iter=1000).fit(inputs, gold).decision_function(inputs)
    assert np.allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-4)
