"""What the heads that are trained with LoRA have in common: making, saving and loading an adapter."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from pydantic import BaseModel
from transformers import AutoConfig, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Loaded, Prediction, Window, longest_input
from playground.heads.shell import Shell, can_share, head_modules, lora_targets, split_adapter, trunk_config
from playground.i18n import Message, msg
from playground.models.files import load_adapter_config, load_pretrained, load_tokenizer, load_weights
from playground.models.resolve import Resolved, resolve_base
from playground.models.trunk import BASE, Features, Trunk
from playground.runs import TrainingParams

ADAPTER_WEIGHTS = "adapter_model.safetensors"


class LoraHead(ABC):
    """A head class of transformers on a base with LoRA matrices: a Head that can be trained.

    auto_class  e.g. AutoModelForTokenClassification
    peft_task   PEFT's name for it, written to adapter_config.json
    """

    name: str
    per_token: bool
    probability_axis: int
    auto_class: Any
    peft_task: TaskType

    @abstractmethod
    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """See Head."""

    @abstractmethod
    def examples(
        self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int, labels: Sequence[str]
    ) -> list[Features]:
        """What the rows, with their gold values, are trained on as."""

    @abstractmethod
    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[..., Any]:
        """What makes a padded batch of examples."""

    @abstractmethod
    def decode(
        self,
        rows: Sequence[Row],
        windows: Sequence[Window],
        logits: Sequence[np.ndarray],
        labels: Sequence[str],
        params: BaseModel,
    ) -> list[Prediction]:
        """See Head."""

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Names of the C outputs for a task's labels."""
        return tuple(labels)

    def read(self, output: ModelOutput) -> torch.Tensor:
        """Raw outputs of a head class: [B, C] or [B, T, C]."""
        return output.logits

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        """Options of `from_pretrained` and `AutoConfig` that shape the head for these outputs."""
        if not outputs:
            return {}
        return {
            "num_labels": len(outputs),
            "id2label": dict(enumerate(outputs)),
            "label2id": {name: index for index, name in enumerate(outputs)},
        }

    def new_model(
        self, base: Resolved, labels: Sequence[str], training: TrainingParams
    ) -> tuple[PeftModel, PreTrainedTokenizerBase]:
        """The base with a fresh head and fresh LoRA matrices, in float32.

        LoRA goes on every linear layer of every block (Dettmers et al. 2023, QLoRA, found that this
        matters more than the rank).
        """
        options = self.head_options(self.outputs(labels))
        model, info = load_pretrained(self.auto_class, base, output_loading_info=True, dtype=torch.float32, **options)
        config = LoraConfig(
            task_type=self.peft_task,
            r=training.lora_r or 16,
            lora_alpha=training.lora_alpha or 32,
            lora_dropout=training.lora_dropout or 0.0,
            target_modules=lora_targets(model),
            modules_to_save=head_modules(model, set(info["missing_keys"])),
        )
        return get_peft_model(model, config), load_tokenizer(base)

    def fit_head(self, model: PeftModel, tokenizer: PreTrainedTokenizerBase, features: Sequence[Features]) -> None:
        """Give the fresh output layer a better start than chance, where a head knows one."""
        return

    def save(
        self, model: PeftModel, folder: Path, *, task: str, labels: Sequence[str], base: Resolved, max_length: int
    ) -> None:
        """A standard PEFT adapter, plus playground.json. The base is named by its id, never by a path."""
        config = model.peft_config["default"]
        config.base_model_name_or_path, config.revision = base.id, base.revision
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty card; ours is written by the report
        outputs = self.outputs(labels)
        write_description(folder, self.name, task=task, labels=outputs, base=base, max_length=max_length)

    def load(self, trunk: Trunk, resolved: Resolved, name: str) -> Loaded:
        max_length = resolved.max_length or longest_input(trunk)
        if trunk.whole:
            labels = resolved.labels or self._named(trunk.model.config)
            return Loaded(trunk, BASE, lambda output, inputs: self.read(output), labels, max_length)
        base = resolve_base(resolved.base, resolved.revision)
        prefix, config = self.base_prefix(base), load_adapter_config(resolved.folder)
        lora, head = split_adapter(load_weights(resolved.folder / ADAPTER_WEIGHTS), prefix)
        labels = resolved.labels or self._unnamed(head)
        shell_config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False, **self.head_options(labels))
        shell = Shell(self.auto_class, shell_config, head).to(trunk.device.torch_device, trunk.device.dtype)
        trunk.add_adapter(name, trunk_config(config, prefix), lora)

        def read(output: ModelOutput, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
            return self.read(shell(output, inputs))

        # PEFT's class for answers keeps token_type_ids from the model, when it is trained and wherever it is loaded.
        one_segment = config.task_type == TaskType.QUESTION_ANS
        return Loaded(trunk, name, read, labels, max_length, one_segment)

    def load_whole(self, resolved: Resolved, base: Resolved, **options: Any) -> torch.nn.Module:
        """An adapter on a base of its own, as plain PEFT loads it; float32 unless `options` say otherwise."""
        load_adapter_config(resolved.folder)
        weights = load_weights(resolved.folder / ADAPTER_WEIGHTS)  # safetensors, or PEFT would take a pickle
        _, head = split_adapter(weights, self.base_prefix(base))
        labels = resolved.labels or self._unnamed(head)
        model = load_pretrained(self.auto_class, base, **{**self.head_options(labels), **options})
        return PeftModel.from_pretrained(model, str(resolved.folder))

    def shares_base(self, resolved: Resolved) -> bool:
        """Whether an adapter can live on a shared trunk (plain LoRA, its own weights outside the base)."""
        return self.why_own_base(resolved) is None

    def why_own_base(self, resolved: Resolved) -> Message | None:
        """Why an adapter cannot live on a shared trunk; None where it can."""
        config = load_adapter_config(resolved.folder)
        kinds = {
            "DoRA": config.use_dora,
            "bias": config.bias != "none",
            "layers_to_transform": config.layers_to_transform,
            "trainable_token_indices": config.trainable_token_indices,
        }
        special = [name for name, used in kinds.items() if used]
        if special:
            return msg("sharing.why.special", kinds=special)
        prefix = self.base_prefix(resolve_base(resolved.base, resolved.revision))
        modules = list(config.modules_to_save or ())
        return None if can_share(prefix, modules) else msg("sharing.why.modules", modules=modules)

    def base_prefix(self, base: Resolved) -> str:
        """Name of the base model inside this head's classes: "bert", "roberta", "model", ..."""
        config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False)
        try:
            return self.auto_class._model_mapping[type(config)].base_model_prefix
        except KeyError as error:
            raise PlaygroundError("family_without_head", family=config.model_type, head=self.name) from error

    def _named(self, config: Any) -> tuple[str, ...]:
        """The outputs as a whole model's configuration names them."""
        return tuple(config.id2label.values())

    def _unnamed(self, head: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
        """Names for the outputs of an adapter that comes without any: as many as its last matrix has rows."""
        endings = ("classifier.weight", "out_proj.weight", "score.weight", "qa_outputs.weight")
        sizes = [value.shape[0] for name, value in head.items() if name.endswith(endings)]
        if not sizes:
            raise PlaygroundError("head_mismatch", architecture="?")
        return tuple(f"LABEL_{index}" for index in range(sizes[0]))


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
