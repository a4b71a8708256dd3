from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from playground.i18n import render
from playground.models.device import GPU_SHARE, choose_device, pool_memory
from playground.settings import settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_a_small_model_keeps_exact_numbers_and_says_why() -> None:
    device = choose_device(90_000_000)
    assert (device.torch_device.type, device.dtype) == ("cpu", torch.float32)
    assert render(device.reason, "en").startswith("cpu, float32:")
    assert render(device.reason, "zh")


def test_float16_is_never_chosen_on_a_cpu() -> None:
    for weight_bytes in (0, 10**8, 10**12):
        device = choose_device(weight_bytes)
        assert device.dtype is not torch.float16 and device.training_dtype in ("no", "bf16")


def test_bf16_training_is_chosen_only_with_the_instructions_for_it() -> None:
    fast = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    assert (choose_device().training_dtype == "bf16") is fast


def gpus(monkeypatch: pytest.MonkeyPatch, *free_gb: int, wanted: str = "auto") -> None:
    """As if the machine had GPUs with that much free memory: what torch and accelerate tell of them."""
    monkeypatch.setenv("PLAYGROUND_DEVICE", wanted)
    settings.cache_clear()
    monkeypatch.setattr(
        "playground.models.device.PartialState", lambda: SimpleNamespace(device=torch.device("cuda", 0))
    )
    monkeypatch.setattr("playground.models.device.is_bf16_available", lambda ignore_tpu: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free_gb))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A Card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free_gb[device.index or 0] * 2**30, 80 * 2**30))


@pytest.mark.parametrize(
    ("free_gb", "wanted", "weights_gb", "map_", "key"),
    [
        ((10,), "auto", 12, {"": "cuda:0"}, "device.cuda"),
        ((10,), "auto", 20, "auto", "device.cuda_offload"),
        ((10, 10), "auto", 20, "auto", "device.cuda_spread"),
        ((10, 10), "cuda:1", 20, "auto", "device.cuda_offload"),
        ((2, 10), "cuda:1", 12, {"": "cuda:1"}, "device.cuda"),
    ],
)
def test_a_gpu_takes_what_fits_and_says_why(
    monkeypatch: pytest.MonkeyPatch, free_gb: tuple[int, ...], wanted: str, weights_gb: int, map_: object, key: str
) -> None:
    gpus(monkeypatch, *free_gb, wanted=wanted)
    device = choose_device(weights_gb * 2**30)
    assert (device.device_map, device.reason.key) == (map_, key)
    assert (device.dtype, device.training_dtype) == (torch.bfloat16, "bf16")
    # What does not fit on the one that is named goes to the machine's memory, not to the other.
    alone = map_ == "auto" and wanted != "auto"
    assert set(device.placement.get("max_memory", ())) == ({1, "cpu"} if alone else set())
    assert all("A Card" in render(device.reason, lang) for lang in ("en", "zh"))


def test_on_gpus_the_pool_is_bounded_by_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 4, 6)
    assert pool_memory() == int(GPU_SHARE * 10 * 2**30)
    gpus(monkeypatch, 4, 6, wanted="cuda:1")
    assert pool_memory() == int(GPU_SHARE * 6 * 2**30)
    monkeypatch.setenv("PLAYGROUND_MODEL_MEMORY_GB", "3")
    settings.cache_clear()
    assert pool_memory() == 3 * 2**30


def test_the_first_to_ask_may_be_several() -> None:
    """In a fresh process: accelerate finds its device out once, and takes a moment for it."""
    ask = (
        "import threading\n"
        "from accelerate import PartialState\n"
        "from playground.models.device import pool_memory\n"
        "found, start = [], threading.Barrier(8)\n"
        "first = PartialState.set_device\n"
        "def slow(self):\n"
        "    threading.Event().wait(0.5)\n"
        "    first(self)\n"
        "PartialState.set_device = slow\n"
        "def one():\n"
        "    start.wait()\n"
        "    found.append(pool_memory() > 0)\n"
        "threads = [threading.Thread(target=one) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert found == [True] * 8, found\n"
    )
    automatic = {**os.environ, "PLAYGROUND_DEVICE": "auto"}
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, env=automatic, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
