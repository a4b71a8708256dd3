"""A model that is larger than the memory for models: a part of it is read from disk, and it answers the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from playground.errors import PlaygroundError
from playground.heads.loading import load_trunk
from playground.models.files import load_adapter_config, load_weights
from playground.models.resolve import resolve
from playground.models.trunk import BASE, Trunk
from playground.settings import settings

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
LITTLE_GB = "0.03"
"""MiniLM takes 0.09, or half of that in bf16."""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Trunk]]:
    """load(GB of memory for models): MiniLM on a trunk of its own."""
    trunks: list[Trunk] = []

    def loaded(memory: str) -> Trunk:
        monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
        monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
        monkeypatch.setenv("PLAYGROUND_MODEL_MEMORY_GB", memory)
        settings.cache_clear()
        trunks.append(load_trunk(resolve(MINILM)))
        return trunks[-1]

    yield loaded
    for trunk in trunks:
        trunk.close()
        trunk.join(10)


def hidden(trunk: Trunk) -> torch.Tensor:
    """The base's output for a sentence: float32 [T, D]."""
    row = dict(trunk.tokenizer("A part of the model lies on disk."))
    [found] = trunk.run([row], BASE, lambda output, inputs: output.last_hidden_state)
    return found


def test_what_does_not_fit_lies_on_disk_and_the_answer_is_the_same(load: Callable[[str], Trunk]) -> None:
    whole, split = load("1"), load(LITTLE_GB)
    assert whole.device.device_map == {"": "cpu"} and split.device.device_map == "auto"
    assert "disk" in set(split.model.hf_device_map.values())
    assert split.device.reason.key == "device.cpu_disk"
    assert split.bytes < float(LITTLE_GB) * 2**30 < whole.bytes
    # Where the processor has bf16, the model that is too large is in bf16.
    exact = 1e-5 if split.device.dtype == torch.float32 else 5e-2
    assert torch.allclose(hidden(split), hidden(whole), atol=exact)


def test_no_adapter_is_put_on_layers_that_lie_on_disk(load: Callable[[str], Trunk]) -> None:
    trunk = load(LITTLE_GB)
    folder = resolve("starter/sentiment-en").folder
    weights = load_weights(folder / "adapter_model.safetensors")
    with pytest.raises(PlaygroundError) as caught:
        trunk.add_adapter("one", load_adapter_config(folder), weights)
    assert caught.value.code == "base_offloaded" and "PLAYGROUND_MODEL_MEMORY_GB" in caught.value.text("en")
    assert hidden(trunk).isfinite().all()
