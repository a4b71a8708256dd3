"""Logistic regression: the whole of a linear probe, and a good start for an output layer."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from playground.models.trunk import Features

UNSEEN_BIAS = -4.0
MAX_FIT_ROWS = 20_000
FIT_BATCH = 64
HEAD_INVERSE_REGULARIZATION = 1.0
"""sklearn's C for the first output layer; its inputs are not normalised, unlike a probe's."""
IGNORED = -100
"""torch's mark of a place without a gold class."""


def logistic_regression(
    inputs: np.ndarray, gold: Sequence[int] | np.ndarray, classes: int, inverse_regularization: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression on [N, H] -> weight [C, H] and bias [C], float32."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_regularization, max_iter=1000).fit(inputs, gold)
    weight = np.zeros((classes, inputs.shape[1]), np.float32)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # sklearn gives one row for two classes: the log-odds of the second
        coefficients = np.stack([-coefficients[0], coefficients[0]]) / 2
        intercepts = np.array([-1, 1]) * intercepts / 2
    # A class without a row here starts unlikely, but where training can still reach it.
    bias = np.full(classes, np.min(intercepts) + UNSEEN_BIAS, np.float32)
    weight[model.classes_], bias[model.classes_] = coefficients, intercepts
    return weight, bias


def several_regressions(
    inputs: np.ndarray, gold: np.ndarray, inverse_regularization: float
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression for each column of [N, C] gold, 0 or 1, on [N, H] -> weight [C, H] and bias [C], float32."""
    from sklearn.linear_model import LogisticRegression

    weight = np.zeros((gold.shape[1], inputs.shape[1]), np.float32)
    bias = np.full(gold.shape[1], UNSEEN_BIAS, np.float32)
    for column, yes in enumerate(gold.T):
        if 0 < yes.sum() < len(yes):
            model = LogisticRegression(C=inverse_regularization, max_iter=1000).fit(inputs, yes)
            weight[column], bias[column] = model.coef_[0], model.intercept_[0]
        elif yes.any():
            bias[column] = -UNSEEN_BIAS
    return weight, bias


def fit_output_layer(
    model: PeftModel | PreTrainedModel, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]
) -> None:
    """Start the output layer from a logistic regression on what it reads from the frozen base.

    Training then begins near the answer instead of at random, and the base is not bent by a
    random head's gradients (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features").
    features: N unpadded, with the gold class as `labels`, or one per token with IGNORED between
    them. At most MAX_FIT_ROWS rows, or tokens, are read.
    """
    layer = output_layer(model)
    if layer.bias is None:
        return  # of a language model, which reads every token and gives the classes of the last
    inputs, gold = read_by(layer, model, tokenizer, features)
    if len(set(gold.tolist())) < 2:
        return
    weight, bias = logistic_regression(inputs, gold, layer.out_features, HEAD_INVERSE_REGULARIZATION)
    fill(layer, weight, bias)


def fill(layer: torch.nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    """Put [C, H] weights and a [C] bias into a layer."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))


def read_by(
    layer: torch.nn.Linear,
    model: PeftModel | PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    features: Sequence[Features],
) -> tuple[np.ndarray, np.ndarray]:
    """What the layer reads where there is a gold class, [M, H], and that class, [M]."""
    read: list[torch.Tensor] = []
    inputs, gold, places = [], [], 0
    hook = layer.register_forward_pre_hook(lambda module, values: read.append(values[0].float().cpu()))
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for part in _parts(features):
                batch = [{name: value for name, value in row.items() if name != "labels"} for row in part]
                model(**tokenizer.pad(batch, return_tensors="pt").to(model.device))
                for row, seen in zip(part, read.pop(), strict=True):
                    classes = np.atleast_1d(row["labels"])
                    known = classes != IGNORED
                    inputs.append(np.atleast_2d(seen.numpy())[: len(classes)][known])
                    gold.append(classes[known])
                    places += int(known.sum())
                if places >= MAX_FIT_ROWS:
                    break
    finally:
        hook.remove()
        model.train(was_training)
    return np.concatenate(inputs), np.concatenate(gold)


def _parts(features: Sequence[Features]) -> list[list[Features]]:
    """Batches of like lengths from a sample of the rows (a file is often sorted by label), in random order."""
    rng = random.Random(0)
    sample = [features[index] for index in rng.sample(range(len(features)), min(len(features), MAX_FIT_ROWS))]
    sample.sort(key=lambda row: len(row["input_ids"]))
    starts = list(range(0, len(sample), FIT_BATCH))
    rng.shuffle(starts)
    return [sample[start : start + FIT_BATCH] for start in starts]


def output_layer(model: PeftModel | PreTrainedModel) -> torch.nn.Linear:
    """The trained linear layer that gives the C logits."""
    classes = model.config.num_labels
    base = "" if isinstance(model, PeftModel) else model.base_model_prefix + "."
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and module.out_features == classes
        and ("modules_to_save" in name if isinstance(model, PeftModel) else not name.startswith(base))
    ]
    return found[-1]
