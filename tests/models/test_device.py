from __future__ import annotations

import pytest
import torch

from playground.i18n import render
from playground.models.device import choose_device
from playground.settings import settings


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
