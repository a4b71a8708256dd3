"""Where a model runs and with which numbers, each choice with its reason."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

import psutil
import torch
from accelerate import PartialState
from accelerate.utils import is_bf16_available

from playground.i18n import Message, msg
from playground.settings import settings

_STATE = threading.Lock()
"""accelerate's state is one for the process and is filled bit by bit: another thread would find no device in it yet."""
GPU_SHARE = 0.8
"""Of a GPU's free memory, for weights; the rest is for activations."""
DISK_SHARE = 0.8
"""Of the memory for models, when a model does not fit: the rest is for what is read from disk meanwhile."""


@dataclass(frozen=True)
class Device:
    """A device, the dtype of loaded weights, and the autocast dtype of training, with reasons to show.

    device_map  what `from_pretrained(device_map=...)` gets: one device for all layers, or "auto",
                with which accelerate spreads the layers over GPUs, the machine's memory and the disk
    max_memory  device -> most bytes of weights on it, where "auto" needs to be told; {} leaves it to accelerate
    """

    torch_device: torch.device
    device_map: str | dict[str, str]
    dtype: torch.dtype
    reason: Message
    training_dtype: Literal["no", "bf16", "fp16"]
    training_reason: Message
    max_memory: dict[str | int, int] = field(default_factory=dict)

    @property
    def placement(self) -> dict[str, Any]:
        """The arguments of `from_pretrained` that put a model where it is to run."""
        placed: dict[str, Any] = {"dtype": self.dtype, "device_map": self.device_map}
        if self.device_map == "auto":
            # Made only when something has to lie on disk; safetensors are read where they are.
            placed["offload_folder"] = str(settings().home / "offload")
            placed |= {"max_memory": self.max_memory} if self.max_memory else {}
        return placed


def choose_device(weight_bytes: int = 0) -> Device:
    """The device for a model whose weights take `weight_bytes` in float32 (0: small).

    accelerate knows the hardware (CUDA, MPS, CPU); `settings().device` overrides it. Half precision
    (float16) is never used on a CPU: most kernels there lack it.
    """
    device = _wanted()
    if device.type == "cuda":
        return _cuda(device, weight_bytes, _gpus(device))
    if device.type == "mps":
        reason = msg("device.mps")
        return Device(device, {"": "mps"}, torch.float32, reason, "no", reason)
    return _cpu(weight_bytes)


def _wanted() -> torch.device:
    wanted = settings().device
    if wanted != "auto":
        return torch.device(wanted)
    with _STATE:
        return PartialState().device


def _gpus(device: torch.device) -> list[torch.device]:
    """Those that models may be spread over: all of them, or the one that the settings name."""
    if settings().device != "auto":
        return [device]
    return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu(weight_bytes: int) -> Device:
    device = torch.device("cpu")
    feature = _bf16_feature()
    training_dtype: Literal["no", "bf16"] = "bf16" if feature else "no"
    training = msg("device.cpu_train_bf16", feature=feature) if feature else msg("device.cpu_train_fp32")
    room = model_memory()
    large = weight_bytes > room and bool(feature)
    dtype = torch.bfloat16 if large else torch.float32
    reason = msg("device.cpu_bf16", feature=feature) if large else msg("device.cpu_fp32")
    if weight_bytes / (2 if large else 1) <= room:
        return Device(device, {"": "cpu"}, dtype, reason, training_dtype, training)
    # What does not fit is read from its file at every step.
    most: dict[str | int, int] = {"cpu": int(DISK_SHARE * room)}
    return Device(device, "auto", dtype, msg("device.cpu_disk"), training_dtype, training, most)


def model_memory() -> int:
    """Bytes that models may take of the machine's memory: what is set, or half of what is free now."""
    wanted = settings().model_memory_gb
    return int(wanted * 2**30) if wanted else psutil.virtual_memory().available // 2


def pool_memory() -> int:
    """Bytes that models may take where they run: of the GPUs' memory what is set, or GPU_SHARE of what is free now."""
    device = _wanted()
    if device.type != "cuda" or settings().model_memory_gb:
        return model_memory()
    return int(GPU_SHARE * sum(torch.cuda.mem_get_info(gpu)[0] for gpu in _gpus(device)))


def _cuda(device: torch.device, weight_bytes: int, gpus: list[torch.device]) -> Device:
    name = torch.cuda.get_device_name(device)
    bf16 = is_bf16_available(ignore_tpu=True)
    dtype = torch.bfloat16 if bf16 else torch.float16
    free, _ = torch.cuda.mem_get_info(device)
    spread = weight_bytes / 2 > GPU_SHARE * free  # half precision halves the bytes
    reason = msg("device.cuda", name=name)
    if spread:
        reason = (
            msg("device.cuda_spread", count=len(gpus), name=name)
            if len(gpus) > 1
            else msg("device.cuda_offload", name=name)
        )
    training = msg("device.cuda_train", name=name, dtype="bf16" if bf16 else "fp16")
    # Of a GPU that the settings name nothing may go to the others; without a number accelerate would fill them all.
    named = spread and settings().device != "auto"
    most: dict[str | int, int] = {device.index or 0: int(GPU_SHARE * free), "cpu": model_memory()} if named else {}
    where: str | dict[str, str] = "auto" if spread else {"": str(device)}
    return Device(device, where, dtype, reason, "bf16" if bf16 else "fp16", training, most)


def _bf16_feature() -> str:
    """The processor's bfloat16 instructions by name, "" without any (bf16 is then slower than float32)."""
    known = torch.cpu.get_capabilities()
    names = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16", "bf16": "BF16"}
    return next((name for key, name in names.items() if known.get(key)), "")
