"""A shell: an architecture's own head class whose base model is a trunk that others use too.

The head class is built on the meta device (no memory), its base model is replaced by a module
that hands over the trunk's output, and only the few head weights are real.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType
from transformers import PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.i18n import Message, msg
from playground.models.files import building

PEFT_PREFIX = "base_model.model."


class TrunkOutput(torch.nn.Module):
    """Stands where the base model was and answers with the output that the trunk computed."""

    output: ModelOutput

    def forward(self, *args: Any, **kwargs: Any) -> ModelOutput:
        return self.output


class Shell:
    """Reads a trunk's output with a head class. Called on the trunk's worker thread only."""

    def __init__(self, auto_class: Any, config: PretrainedConfig, weights: dict[str, torch.Tensor]) -> None:
        """`weights`: every tensor of the head class outside its base model, under its own name."""
        # Not accelerate's init_empty_weights: it patches torch.nn.Module for all threads.
        with building(), torch.device("meta"):
            self.model: PreTrainedModel = auto_class.from_config(config, trust_remote_code=False)
        self.trunk = TrunkOutput()
        setattr(self.model, self.model.base_model_prefix, self.trunk)
        try:
            self.model.load_state_dict(weights, strict=True, assign=True)
        except RuntimeError as error:
            raise PlaygroundError("head_mismatch", architecture=type(self.model).__name__) from error
        self.model.eval()

    def to(self, device: torch.device, dtype: torch.dtype) -> Shell:
        self.model.to(device=device, dtype=dtype)
        return self

    def __call__(self, output: ModelOutput, inputs: Mapping[str, torch.Tensor]) -> ModelOutput:
        """What the head class makes of rows of the trunk's output."""
        self.trunk.output = output
        try:
            return self.model(**inputs)
        finally:
            del self.trunk.output


def own_weights(model: PreTrainedModel) -> set[str]:
    """Names of a head class's weights outside its base model."""
    prefix = model.base_model_prefix + "."
    return {name for name in model.state_dict() if not name.startswith(prefix)}


def head_modules(model: PreTrainedModel, missing_keys: set[str]) -> list[str]:
    """Modules of a head class that its base checkpoint has no weights for, by their full names.

    These are what a fine-tune must save whole. PEFT saves only what is called classifier or score
    by itself; the poolers and dense layers that DeBERTa, DistilBERT and ModernBERT create would
    come back random.
    """
    prefix = model.base_model_prefix + "."
    names: set[str] = set()
    for key in missing_keys:
        if not key.startswith(prefix):
            names.add(key.split(".")[0])
            continue
        # Inside the base model (a pooler the checkpoint lacks): its topmost module without any weights.
        parts = key.split(".")[:-1]
        depth = next(
            d
            for d in range(2, len(parts) + 1)
            if all(k in missing_keys for k in model.state_dict() if k.startswith(".".join(parts[:d]) + "."))
        )
        names.add(".".join(parts[:depth]))
    return sorted(names)


def can_share(base_prefix: str, saved_modules: list[str]) -> bool:
    """Whether a model's own weights all lie outside its base model, so that the base can be shared."""
    return not any(name == base_prefix or name.startswith(base_prefix + ".") for name in saved_modules)


def lora_targets(model: PreTrainedModel) -> list[str]:
    """The linear layers inside the repeated blocks of the base model, as suffixes PEFT matches.

    "all-linear" would wrap the classifier as well, and a bare "dense" would match RoBERTa's
    classifier.dense; the name inside its block ("attention.output.dense") cannot.
    """
    # T5's "transformer" is a name only: its encoder and decoder lie in the model itself.
    base = getattr(model, model.base_model_prefix, model)
    names = set()
    for name, module in base.named_modules():
        # Behind the last number that is a block's: gated T5 calls its own layers wi_0 and wi_1.
        inside = re.fullmatch(r".*\.\d+\.(.+)", "." + name)
        if isinstance(module, (torch.nn.Linear, Conv1D)) and inside:
            names.add(inside.group(1))
    if not names:
        raise PlaygroundError("no_lora_targets", architecture=type(model).__name__)
    # "output.dense" covers "attention.output.dense": the shortest set reads best in adapter_config.json.
    return sorted(name for name in names if not any(name != other and name.endswith("." + other) for other in names))


def is_transposed(model: PreTrainedModel) -> bool:
    """Whether a model's layers keep their weights as [in, out], as GPT-2's do: LoRA must know."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def lora_told(model: PeftModel) -> Message:
    """On which layers of which architecture LoRA is put; their last names, as papers and cards call them."""
    names = sorted({name.rpartition(".")[2] for name in model.peft_config["default"].target_modules})
    return msg("event.lora_targets", targets=names, architecture=type(model.get_base_model()).__name__)


def split_adapter(
    weights: dict[str, torch.Tensor], base_prefix: str
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights of a saved adapter (keys of the full head class) -> (LoRA keys of the bare trunk, head weights)."""
    lora: dict[str, torch.Tensor] = {}
    head: dict[str, torch.Tensor] = {}
    for key, value in weights.items():
        name = key.removeprefix(PEFT_PREFIX)
        if ".lora_" in name and name.startswith(base_prefix + "."):
            lora[PEFT_PREFIX + name.removeprefix(base_prefix + ".")] = value
        else:
            head[name] = value
    return lora, head


def trunk_config(config: LoraConfig, base_prefix: str) -> LoraConfig:
    """The LoRA configuration of a head class, rewritten for the bare base model."""
    targets = [str(name).removeprefix(base_prefix + ".") for name in config.target_modules or ()]
    return LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        use_rslora=config.use_rslora,
        rank_pattern=config.rank_pattern,
        alpha_pattern=config.alpha_pattern,
        target_modules=targets,
        inference_mode=True,
    )
