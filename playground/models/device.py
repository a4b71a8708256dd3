"""Where a model runs and with which numbers, each choice with its reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import psutil
import torch
from accelerate import PartialState
from accelerate.utils import is_bf16_available

from playground.i18n import Message, msg
from playground.settings import settings


@dataclass(frozen=True)
class Device:
    """A device, the dtype of loaded weights, and the autocast dtype of training, with reasons to show.

    device_map  what `from_pretrained(device_map=...)` gets: one device for all layers, or "auto",
                with which accelerate spreads the layers over several GPUs
    """

    torch_device: torch.device
    device_map: str | dict[str, str]
    dtype: torch.dtype
    reason: Message
    training_dtype: Literal["no", "bf16", "fp16"]
    training_reason: Message


def choose_device(weight_bytes: int = 0) -> Device:
    """The device for a model whose weights take `weight_bytes` in float32 (0: small).

    accelerate knows the hardware (CUDA, MPS, CPU); `settings().device` overrides it. Half precision
    (float16) is never used on a CPU: most kernels there lack it.
    """
    wanted = settings().device
    device = PartialState().device if wanted == "auto" else torch.device(wanted)
    if device.type == "cuda":
        return _cuda(device, weight_bytes, gpus=1 if wanted != "auto" else torch.cuda.device_count())
    if device.type == "mps":
        reason = msg("device.mps")
        return Device(device, {"": "mps"}, torch.float32, reason, "no", reason)
    return _cpu(weight_bytes)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu(weight_bytes: int) -> Device:
    device = torch.device("cpu")
    feature = _bf16_feature()
    training_dtype: Literal["no", "bf16"] = "bf16" if feature else "no"
    training = msg("device.cpu_train_bf16", feature=feature) if feature else msg("device.cpu_train_fp32")
    if weight_bytes > psutil.virtual_memory().available // 2 and feature:
        reason = msg("device.cpu_bf16", feature=feature)
        return Device(device, {"": "cpu"}, torch.bfloat16, reason, training_dtype, training)
    return Device(device, {"": "cpu"}, torch.float32, msg("device.cpu_fp32"), training_dtype, training)


def _cuda(device: torch.device, weight_bytes: int, gpus: int) -> Device:
    name = torch.cuda.get_device_name(device)
    bf16 = is_bf16_available(ignore_tpu=True)
    dtype = torch.bfloat16 if bf16 else torch.float16
    free, _ = torch.cuda.mem_get_info(device)
    # Half precision halves the bytes; a fifth is left for activations.
    spread = gpus > 1 and weight_bytes / 2 > 0.8 * free
    reason = msg("device.cuda_spread", count=gpus, name=name) if spread else msg("device.cuda", name=name)
    training = msg("device.cuda_train", name=name, dtype="bf16" if bf16 else "fp16")
    return Device(device, "auto" if spread else {"": str(device)}, dtype, reason, "bf16" if bf16 else "fp16", training)


def _bf16_feature() -> str:
    """The processor's bfloat16 instructions by name, "" without any (bf16 is then slower than float32)."""
    known = torch.cpu.get_capabilities()
    names = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16", "bf16": "BF16"}
    return next((name for key, name in names.items() if known.get(key)), "")
