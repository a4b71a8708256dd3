"""Reading model files under the rules of docs/safety.md: safetensors only, no remote code, checked configs."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from playground.errors import PlaygroundError
from playground.models.resolve import Resolved
from playground.settings import settings

MAX_LORA_R = 256

_BUILDING = threading.RLock()


@contextmanager
def building() -> Iterator[None]:
    """While modules are made: by one thread at a time.

    transformers and accelerate patch classes of torch and their own for that time and put back what they found: of two
    at once, the second leaves the first one's patch for good. Raises PlaygroundError where another thread is at it for
    longer than a load may take.
    """
    limit = settings().load_seconds
    if not _BUILDING.acquire(timeout=limit):
        raise PlaygroundError("model_load_slow", seconds=limit)
    try:
        yield
    finally:
        _BUILDING.release()


# Marian's tokenizer makes a normalizer of punctuation with it, and never calls that.
warnings.filterwarnings("ignore", "Recommended: pip install sacremoses", UserWarning)


def load_pretrained(auto_class: Any, resolved: Resolved, **options: Any) -> Any:
    """`auto_class.from_pretrained` on a resolved folder. Raises PlaygroundError with the library's reason."""
    try:
        with building():
            return auto_class.from_pretrained(
                resolved.folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, **options
            )
    except (ValueError, OSError, KeyError, RuntimeError, ImportError) as error:
        raise PlaygroundError("model_unloadable", model=resolved.id, reason=_first_line(error)) from error


def load_tokenizer(resolved: Resolved) -> PreTrainedTokenizerBase:
    """The tokenizer of a base or a whole model."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(resolved.folder, trust_remote_code=False, local_files_only=True)
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise PlaygroundError("model_unloadable", model=resolved.id, reason=_first_line(error)) from error
    if tokenizer.pad_token is None:  # of a batch the shorter rows are filled up, with what is masked
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def name_padding(config: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Say in a model's configuration how its rows are filled up, where that does not: by it the classifiers of language
    models know where a row of a batch ends."""
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = tokenizer.pad_token_id


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    try:
        return load_file(path)
    except Exception as error:  # safetensors raises its own class from native code
        raise PlaygroundError("bad_model_file", file=path.name) from error


def load_adapter_config(folder: Path) -> LoraConfig:
    """adapter_config.json as a LoraConfig, its values checked before PEFT acts on them."""
    try:
        data = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PlaygroundError("bad_model_file", file="adapter_config.json") from error
    targets = data.get("target_modules")
    ranks = [data.get("r"), *(data.get("rank_pattern") or {}).values()]
    sound = (
        data.get("peft_type") == "LORA"
        and all(isinstance(r, int) and 0 < r <= MAX_LORA_R for r in ranks)
        and isinstance(targets, list)
        and all(isinstance(name, str) and len(name) < 200 for name in targets)
        and not data.get("auto_mapping")
    )
    if not sound:
        raise PlaygroundError("bad_adapter_config", max_r=MAX_LORA_R)
    try:
        return LoraConfig.from_pretrained(str(folder))
    except (TypeError, ValueError) as error:
        raise PlaygroundError("bad_adapter_config", max_r=MAX_LORA_R) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
