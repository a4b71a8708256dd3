"""One label for a whole text: AutoModelForSequenceClassification with LoRA."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from pydantic import BaseModel
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.fields import LabelScore, Row
from playground.heads.base import DEFAULT_MAX_LENGTH, Loaded
from playground.heads.shell import Shell, can_share, head_modules, lora_targets, split_adapter, trunk_config
from playground.models.files import load_adapter_config, load_pretrained, load_tokenizer, load_weights
from playground.models.resolve import Resolved, resolve_base
from playground.models.trunk import BASE, Features, Trunk
from playground.runs import TrainingParams

UNSEEN_BIAS = -4.0
MAX_FIT_ROWS = 20_000
FIT_BATCH = 64
HEAD_INVERSE_REGULARIZATION = 1.0
"""sklearn's C for the first output layer; its inputs are not normalised, unlike a probe's."""


class SequenceClassification:
    """The head of intent, topic and sentiment models."""

    name = "sequence_classification"
    auto_class = AutoModelForSequenceClassification

    def new_model(
        self, base: Resolved, labels: Sequence[str], training: TrainingParams
    ) -> tuple[PeftModel, PreTrainedTokenizerBase]:
        """The base with a fresh head of C = len(labels) outputs and fresh LoRA matrices, in float32.

        LoRA goes on every linear layer of every block (Dettmers et al. 2023, QLoRA, found that this
        matters more than the rank).
        """
        model, info = load_pretrained(
            self.auto_class,
            base,
            num_labels=len(labels),
            output_loading_info=True,
            dtype=torch.float32,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        )
        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=training.lora_r or 16,
            lora_alpha=training.lora_alpha or 32,
            lora_dropout=training.lora_dropout or 0.0,
            target_modules=lora_targets(model),
            modules_to_save=head_modules(model, set(info["missing_keys"])),
        )
        return get_peft_model(model, config), load_tokenizer(base)

    def fit_head(
        self, model: PeftModel, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features], gold: Sequence[int]
    ) -> None:
        """Start the output layer from a logistic regression on what it reads from the frozen base.

        Training then begins near the answer instead of at random, and the base is not bent by a
        random head's gradients (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features").
        features: N rows unpadded; gold: N class numbers. At most MAX_FIT_ROWS rows are read.
        """
        outputs = _output_layer(model)
        read: list[torch.Tensor] = []
        hook = outputs.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].float().cpu()))
        # A sample, not the first rows: a file is often sorted by label.
        order = list(range(len(features)))
        if len(order) > MAX_FIT_ROWS:
            order = random.Random(0).sample(order, MAX_FIT_ROWS)
        order.sort(key=lambda index: len(features[index]["input_ids"]))
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                for start in range(0, len(order), FIT_BATCH):
                    part = [features[index] for index in order[start : start + FIT_BATCH]]
                    model(**tokenizer.pad(part, return_tensors="pt").to(model.device))
        finally:
            hook.remove()
            model.train(was_training)
        weight, bias = logistic_regression(
            torch.cat(read).numpy(), [gold[index] for index in order], outputs.out_features, HEAD_INVERSE_REGULARIZATION
        )
        with torch.no_grad():
            outputs.weight.copy_(torch.from_numpy(weight))
            outputs.bias.copy_(torch.from_numpy(bias))

    def save(
        self, model: PeftModel, folder: Path, *, task: str, labels: Sequence[str], base: Resolved, max_length: int
    ) -> None:
        """A standard PEFT adapter, plus playground.json. The base is named by its id, never by a path."""
        config = model.peft_config["default"]
        config.base_model_name_or_path, config.revision = base.id, base.revision
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty card; ours is written by the report
        write_description(folder, self.name, task=task, labels=labels, base=base, max_length=max_length)

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        max_length = resolved.max_length or longest_input(trunk)
        if trunk.whole:
            named: Any = trunk.model.config
            labels = resolved.labels or tuple(named.id2label.values())
            return Loaded(trunk, BASE, lambda output, inputs: output.logits, labels, max_length)
        base = resolve_base(resolved.base, resolved.revision)
        prefix, config = base_prefix(base), load_adapter_config(resolved.folder)
        lora, head = split_adapter(load_weights(resolved.folder / "adapter_model.safetensors"), prefix)
        labels = resolved.labels or tuple(f"LABEL_{index}" for index in range(_outputs(head)))
        shell_config = AutoConfig.from_pretrained(base.folder, num_labels=len(labels), trust_remote_code=False)
        shell = Shell(self.auto_class, shell_config, head).to(trunk.device.torch_device, trunk.device.dtype)
        trunk.add_adapter(name, trunk_config(config, prefix), lora)
        return Loaded(trunk, name, shell, labels, max_length)

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[Row],
        max_length: int,
        label_ids: dict[str, int] | None = None,
    ) -> list[Features]:
        """Features of each row's text: input_ids and attention_mask [T] (T <= max_length), labels one int."""
        batch = tokenizer([row["text"] for row in rows], truncation=True, max_length=max_length)
        features: list[Any] = [{name: batch[name][i] for name in batch} for i in range(len(rows))]
        if label_ids is not None:
            for feature, row in zip(features, rows, strict=True):
                feature["labels"] = label_ids[row["label"]]
        return features

    def predict(self, loaded: Loaded, rows: Sequence[Row], params: BaseModel) -> list[list[LabelScore]]:
        return label_scores(loaded.logits(self, rows), loaded.labels, getattr(params, "top_k", len(loaded.labels)))


def label_scores(logits: torch.Tensor, labels: Sequence[str], top_k: int) -> list[list[LabelScore]]:
    """Softmax of [B, C] logits as the best `top_k` labels of each row, best first."""
    scores, order = logits.double().softmax(-1).sort(dim=-1, descending=True)
    return [
        [{"label": labels[j], "score": s} for s, j in zip(row[:top_k], ids[:top_k], strict=True)]
        for row, ids in zip(scores.tolist(), order.tolist(), strict=True)
    ]


def write_description(
    folder: Path, head: str, *, task: str, labels: Sequence[str], base: Resolved, max_length: int
) -> None:
    """playground.json: what resolve() reads about a model of ours."""
    data = {
        "head": head,
        "task": task,
        "labels": list(labels),
        "base": base.id,
        "base_revision": base.revision,
        "max_length": max_length,
    }
    (folder / "playground.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def base_prefix(base: Resolved) -> str:
    """Name of the base model inside its head classes: "bert", "roberta", "model", ..."""
    config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False)
    return AutoModelForSequenceClassification._model_mapping[type(config)].base_model_prefix


def shares_base(resolved: Resolved) -> bool:
    """Whether an adapter can live on a shared trunk (plain LoRA, its own weights outside the base)."""
    config = load_adapter_config(resolved.folder)
    plain = not (
        config.use_dora or config.bias != "none" or config.layers_to_transform or config.trainable_token_indices
    )
    return plain and can_share(
        base_prefix(resolve_base(resolved.base, resolved.revision)), list(config.modules_to_save or ())
    )


def logistic_regression(
    inputs: np.ndarray, gold: Sequence[int], classes: int, inverse_regularization: float
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


def _output_layer(model: PeftModel) -> torch.nn.Linear:
    """The trained linear layer that gives the C logits."""
    classes = model.config.num_labels
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and "modules_to_save" in name and module.out_features == classes
    ]
    return found[-1]


def _outputs(head: dict[str, torch.Tensor]) -> int:
    """C, read off the last weight matrix of a head's own tensors."""
    sizes = [
        value.shape[0]
        for name, value in head.items()
        if name.endswith(("classifier.weight", "out_proj.weight", "score.weight"))
    ]
    if not sizes:
        raise PlaygroundError("head_mismatch", architecture="?")
    return sizes[0]


def longest_input(trunk: Trunk) -> int:
    """What the model reads at most; tokenizers without a limit say 1e30."""
    return min(trunk.tokenizer.model_max_length, DEFAULT_MAX_LENGTH)


HEAD = SequenceClassification()
