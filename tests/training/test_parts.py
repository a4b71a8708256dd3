"""The parts of a run that can be looked at without one."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from playground.runs import Run
from playground.training import checkpoints, memory, verify
from playground.training.threads import IN_USE_SECONDS, Threads
from playground.training.trainer import Order
from playground.training.verifying import aside_of, new_aside


def write_checkpoint(parent: Path, step: int) -> Path:
    def fill(folder: Path) -> None:
        (folder / "trained.safetensors").write_bytes(b"weights of step %d" % step)
        (folder / "optimizer.pt").write_bytes(b"state")

    return checkpoints.write(parent, step, fill)


def truncate(checkpoint: Path) -> None:
    (checkpoint / "trained.safetensors").write_bytes(b"wei")


def flip(checkpoint: Path) -> None:
    data = (checkpoint / "optimizer.pt").read_bytes()
    (checkpoint / "optimizer.pt").write_bytes(bytes([data[0] ^ 1]) + data[1:])


def lose(checkpoint: Path) -> None:
    (checkpoint / "optimizer.pt").unlink()


def add(checkpoint: Path) -> None:
    (checkpoint / "scaler.pt").write_bytes(b"from elsewhere")


def half_written(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").unlink()


def point_elsewhere(checkpoint: Path) -> None:
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    manifest["files"]["../../spec.json"] = manifest["files"].pop("optimizer.pt")
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


def garble(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").write_text("[1, 2")


@pytest.mark.parametrize("harm", [truncate, flip, lose, add, half_written, point_elsewhere, garble])
def test_damaged_checkpoint_is_passed_over(tmp_path: Path, harm) -> None:
    good, newest = write_checkpoint(tmp_path, 9), write_checkpoint(tmp_path, 10)
    assert checkpoints.newest_good(tmp_path) == (newest, [])
    harm(newest)
    assert checkpoints.newest_good(tmp_path) == (good, [newest])


def test_rotation_goes_by_step_not_by_time(tmp_path: Path) -> None:
    for step in (8, 100, 20, 3):
        path = write_checkpoint(tmp_path, step)
        os.utime(path, (step % 7, step % 7))
    truncate(tmp_path / "step-100")
    checkpoints.rotate(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-20", "step-8"]


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "part").write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoints.write(tmp_path, 5, fill)
    assert list(tmp_path.iterdir()) == []


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_only() -> None:
    lengths = [3 + (7 * i) % 50 for i in range(331)]
    order, again, other = Order(lengths, 8, seed=1), Order(lengths, 8, seed=1), Order(lengths, 8, seed=2)
    torch.manual_seed(0)
    first = list(order)
    torch.manual_seed(1)
    assert list(again) == first != list(other)
    assert Counter(first) == Counter(range(331))
    assert order.steps == 42
    again.epoch = 1
    assert list(again) != first


def test_order_keeps_like_lengths_together_and_puts_the_longest_first() -> None:
    lengths = [3 + (7 * i) % 50 for i in range(330)]
    rows = list(Order(lengths, 10, seed=1))
    batches = [[lengths[row] for row in rows[start : start + 10]] for start in range(0, 330, 10)]
    padded = sum(len(batch) * max(batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
    assert max(batches[0]) == max(lengths)


@pytest.mark.parametrize(
    ("batch", "failed", "next_size"), [(32, 32, 16), (24, 24, 12), (24, 3, 1), (30, 10, 5), (7, 7, 1), (8, 1, 0)]
)
def test_smaller_batches_divide_the_batch(batch: int, failed: int, next_size: int) -> None:
    assert memory.smaller(batch, failed) == next_size


def test_running_out_of_memory_is_told_from_other_failures() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.ran_out(caught.value)
    assert memory.ran_out(MemoryError())
    assert not memory.ran_out(RuntimeError("shape mismatch"))
    assert not memory.ran_out(ValueError("out of memory"))


def test_training_leaves_a_core_while_the_page_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.training.threads.cores", lambda: 4)
    before = torch.get_num_threads()
    try:
        in_use = tmp_path / "in_use"
        threads = Threads(in_use)
        assert torch.get_num_threads() == 4
        in_use.touch()
        threads.adjust()
        assert torch.get_num_threads() == 3
        old = time.time() - IN_USE_SECONDS - 1
        os.utime(in_use, (old, old))
        threads.adjust()
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("tensor", ["lora_B", "classifier"])
def test_verification_notices_a_weight_that_did_not_survive(reference: Run, tmp_path: Path, tensor: str) -> None:
    run = Run(tmp_path / reference.id)
    shutil.copytree(reference.dir, run.dir)
    aside = new_aside(run)
    expected = expected_of(run, aside.dir)
    shutil.copytree(run.model_dir, aside.model, dirs_exist_ok=True)
    assert verify.main(str(run.dir)) == 0
    verdict = json.loads(aside.verdict.read_text())
    assert verdict["equal"]
    assert verdict["rows"] == expected

    weights = load_file(aside.model / "adapter_model.safetensors")
    name = next(name for name in reversed(list(weights)) if tensor in name)
    weights[name] = torch.zeros_like(weights[name])
    save_file(weights, aside.model / "adapter_model.safetensors")
    assert verify.main(str(run.dir)) == 0
    assert not json.loads(aside_of(run).verdict.read_text())["equal"]


def expected_of(run: Run, folder: Path) -> int:
    """Write the answers that the model in model/ gives, as the trained one's; the number of rows."""
    import numpy as np
    import pyarrow.parquet as pq

    from playground.models.resolve import resolve

    rows = pq.read_table(run.data_dir / "held_out.parquet").to_pylist()
    np.save(folder / "expected.npy", verify._by_peft(resolve(str(run.model_dir)), rows))
    return len(rows)
