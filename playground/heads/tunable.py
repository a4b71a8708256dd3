"""What every head offers that can be trained: making, saving, loading, and answering outside of the pool."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from pydantic import BaseModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Loaded, Prediction
from playground.heads.shell import head_modules, is_transposed, lora_targets, own_weights
from playground.i18n import Message, msg
from playground.models.files import load_adapter_config, load_pretrained, load_tokenizer, name_padding
from playground.models.resolve import Resolved
from playground.models.trunk import Features, Trunk
from playground.runs import TrainingParams

SHARD_SIZE = "9MB"
"""Weights come in files that a repository can hold."""


@dataclass(frozen=True)
class Trained:
    """A model in memory, outside of the pool, with what it takes to answer by it.

    labels      the task's labels, () where it has none
    max_length  longest input, in tokens
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    labels: tuple[str, ...]
    max_length: int


class TunableHead(ABC):
    """A model family that can be trained: LoRA on a base, a base's own weights, or a network from nothing.

    auto_class  e.g. AutoModelForTokenClassification
    peft_task   PEFT's name for it, written to adapter_config.json
    bare        whether its adapters stand on the bare base, which the adapters of other heads use too
    curve       what is charted between steps: the deciding "metric", or the "loss" of the held-out rows
    """

    name: str
    auto_class: Any
    peft_task: TaskType
    bare: bool
    curve: Literal["metric", "loss"]

    @abstractmethod
    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """What the rows, with their gold values, are trained on as."""

    @abstractmethod
    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[..., Any]:
        """What makes a padded batch of examples."""

    def new_model(
        self, base: Resolved, labels: Sequence[str], lora: TrainingParams | None
    ) -> tuple[PeftModel | PreTrainedModel, PreTrainedTokenizerBase]:
        """The base with its head, fresh where it has none for these outputs, in float32.

        lora  the numbers of fresh LoRA matrices on every linear layer of every block (Dettmers et al. 2023, QLoRA,
              found that this matters more than the rank); None: all weights of the base are to be trained
        """
        model, fresh = self.with_head(base, self.outputs(labels), dtype=torch.float32)
        if lora is not None:
            config = LoraConfig(
                task_type=self.peft_task,
                r=lora.lora_r or 16,
                lora_alpha=lora.lora_alpha or 32,
                lora_dropout=lora.lora_dropout or 0.0,
                target_modules=lora_targets(model),
                fan_in_fan_out=is_transposed(model),
                # Also what the base has: of a head's layers PEFT saves by itself those called classifier or score.
                modules_to_save=head_modules(model, fresh | own_weights(model)) if self.bare else None,
            )
            model = get_peft_model(model, config)
        return model, load_tokenizer(base)

    def with_head(self, base: Resolved, outputs: Sequence[str], **options: Any) -> tuple[PreTrainedModel, set[str]]:
        """The base with its head for these outputs, and which of its weights are fresh."""
        model, info = load_pretrained(
            self.auto_class, base, output_loading_info=True, ignore_mismatched_sizes=self.bare,
            **self.head_options(outputs), **options,
        )  # fmt: skip
        if self.bare and not hasattr(model, model.base_model_prefix):
            raise PlaygroundError("family_without_head", family=model.config.model_type, head=self.name)
        # A head for other outputs is replaced; a body that does not fit its configuration is a broken file.
        replaced = {key for key, *_ in info["mismatched_keys"]}
        if broken := sorted(key for key in replaced if key.startswith(model.base_model_prefix + ".")):
            raise PlaygroundError("model_unloadable", model=base.id, reason=broken[0])
        if self.bare:
            name_padding(model.config, load_tokenizer(base))
        return model, replaced | set(info["missing_keys"])

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        """Options of `from_pretrained` and `AutoConfig` that shape the head for these outputs."""
        return {}

    def knows(self, base: Resolved, labels: Sequence[str]) -> bool:
        """Whether a base has this head already, for the same outputs in the same order."""
        return base.head == self.name and base.labels == self.outputs(labels)

    def check(self, rows: Iterable[Row]) -> None:
        """Raises PlaygroundError for rows of which models of this family learn nothing."""
        return

    def extra_tokens(self, rows: Sequence[Row]) -> list[str]:
        """Tokens that a vocabulary made of the rows needs besides their words."""
        return []

    def finish_tokenizer(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> None:
        """Give a fresh tokenizer, made of the rows, what else it must know, before it is saved."""
        return

    def fit_head(self, model: Any, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]) -> None:
        """Give the fresh output layer a better start than chance, where a head knows one."""
        return

    @abstractmethod
    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        """Put the model's own weights on a trunk under that (adapter) name."""

    @abstractmethod
    def load_whole(self, resolved: Resolved, base: Resolved, **options: Any) -> Any:
        """An adapter on a base of its own, as plain PEFT loads it; float32 unless `options` say otherwise."""

    @abstractmethod
    def answers(
        self,
        trained: Trained,
        rows: Sequence[Row],
        params: BaseModel,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> list[Prediction]:
        """One prediction per row, same order. `on_batch` is called now and then; batch_rows: 0 for as many as fit."""

    @abstractmethod
    def marks(
        self, trained: Trained, rows: Sequence[Row], on_batch: Callable[[], None] = lambda: None, batch_rows: int = 0
    ) -> list[np.ndarray]:
        """For each row the numbers that a right copy of the model gives again, flat: what verification compares."""

    @abstractmethod
    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        """As `marks`, by a model of the pool."""

    def save(
        self, model: Any, folder: Path, *, tokenizer: PreTrainedTokenizerBase, task: str, labels: Sequence[str],
        base: Resolved | None, max_length: int, learned: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A standard PEFT adapter whose base is named by its id, or a whole model, without one; and playground.json.

        `learned`: what `learned` told of the rows.
        """
        if isinstance(model, PeftModel):
            assert base is not None
            config = model.peft_config["default"]
            config.base_model_name_or_path, config.revision = base.id, base.revision
            model.save_pretrained(folder, save_embedding_layers=False)
            (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty card; ours is written by the report
        else:
            assert isinstance(model, PreTrainedModel)
            model.save_pretrained(folder, max_shard_size=SHARD_SIZE)
            tokenizer.save_pretrained(folder)
            base = None
        made: dict[str, Any] = {"task": task, "labels": self.outputs(labels), "base": base, "max_length": max_length}
        write_description(folder, self.name, **made, learned=learned or {})

    def learned(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What the training rows tell of the model beside its labels, as playground.json is to hold it."""
        return {}

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Names of the outputs for a task's labels."""
        return tuple(labels)

    def why_own_base(self, resolved: Resolved) -> Message | None:
        """Why an adapter cannot live on a shared trunk; None where it can."""
        return special_lora(resolved)


def special_lora(resolved: Resolved) -> Message | None:
    """What kind of adapter cannot share its base, if it is one: DoRA, biases, single layers."""
    config = load_adapter_config(resolved.folder)
    kinds = {
        "DoRA": config.use_dora,
        "bias": config.bias != "none",
        "layers_to_transform": config.layers_to_transform,
        "trainable_token_indices": config.trainable_token_indices,
    }
    special = [name for name, used in kinds.items() if used]
    return msg("sharing.why.special", kinds=special) if special else None


def write_description(
    folder: Path, head: str, *, task: str, labels: Sequence[str], base: Resolved | None, max_length: int,
    learned: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """playground.json: what resolve() reads about a model of ours. A model from nothing has no base."""
    data = {
        "head": head,
        "task": task,
        "labels": list(labels),
        "base": base.id if base else "",
        "base_revision": base.revision if base else None,
        "max_length": max_length,
        **(learned or {}),
    }
    (folder / "playground.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
