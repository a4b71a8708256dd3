"""What the heads on an encoder have in common: windows of rows through the model, and a shell that reads them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from peft import PeftModel, TaskType
from pydantic import BaseModel
from transformers import AutoConfig, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Loaded, Prediction, Window, longest_input
from playground.heads.scoring import by_row, logits_of
from playground.heads.shell import Shell, can_share, split_adapter, trunk_config
from playground.heads.tunable import Trained, TunableHead, special_lora
from playground.i18n import Message, msg
from playground.models.files import load_adapter_config, load_weights, name_padding
from playground.models.resolve import Resolved, resolve_base
from playground.models.trunk import BASE, Trunk

ADAPTER_WEIGHTS = "adapter_model.safetensors"


class EncoderHead(TunableHead):
    """A head class of transformers on an encoder: a Head that can be trained."""

    per_token: bool
    probability_axis: int | None
    bare = True
    curve = "metric"

    @abstractmethod
    def windows(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int) -> list[Window]:
        """See Head."""

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

    def read(self, output: ModelOutput) -> torch.Tensor:
        """Raw outputs of a head class: [B, C] or [B, T, C]."""
        return output.logits

    def head_options(self, outputs: Sequence[str]) -> dict[str, Any]:
        if not outputs:
            return {}
        return {
            "num_labels": len(outputs),
            "id2label": dict(enumerate(outputs)),
            "label2id": {name: index for index, name in enumerate(outputs)},
        }

    def answers(
        self,
        trained: Trained,
        rows: Sequence[Row],
        params: BaseModel,
        on_batch: Callable[[], None] = lambda: None,
        batch_rows: int = 0,
    ) -> list[Prediction]:
        windows, logits = self._read(trained, rows, on_batch, batch_rows)
        return self.decode(rows, windows, logits, self.outputs(trained.labels), params)

    def marks(
        self, trained: Trained, rows: Sequence[Row], on_batch: Callable[[], None] = lambda: None, batch_rows: int = 0
    ) -> list[np.ndarray]:
        """The probabilities of each row's windows."""
        return by_row(self, *self._read(trained, rows, on_batch, batch_rows))

    def marks_of(self, loaded: Loaded, rows: Sequence[Row]) -> list[np.ndarray]:
        return by_row(self, *loaded.logits(self, rows))

    def _read(
        self, trained: Trained, rows: Sequence[Row], on_batch: Callable[[], None], batch_rows: int
    ) -> tuple[list[Window], list[np.ndarray]]:
        windows = self.windows(trained.tokenizer, rows, trained.max_length)
        return windows, logits_of(self, trained.model, trained.tokenizer, windows, on_batch, batch_rows)

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
        name_padding(shell_config, trunk.tokenizer)
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
        model, _ = self.with_head(base, resolved.labels or self._unnamed(head), **options)
        return PeftModel.from_pretrained(model, str(resolved.folder))

    def why_own_base(self, resolved: Resolved) -> Message | None:
        if special := special_lora(resolved):
            return special
        prefix = self.base_prefix(resolve_base(resolved.base, resolved.revision))
        modules = list(load_adapter_config(resolved.folder).modules_to_save or ())
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
