"""The parts of a run that can be looked at without one."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification, MarianConfig, MarianMTModel, TrainingArguments

from playground import runs
from playground.fields import Row
from playground.runs import Run
from playground.training import checkpoints, examples, memory, verify
from playground.training.soft_targets import SoftTargets
from playground.training.threads import IN_USE_SECONDS, Threads
from playground.training.trainer import Order, RunTrainer


def write_checkpoint(parent: Path, step: int, merit: float | None = None) -> Path:
    def fill(folder: Path) -> None:
        (folder / "trained.safetensors").write_bytes(b"weights of step %d" % step)
        (folder / "optimizer.pt").write_bytes(b"state")

    return checkpoints.write(parent, step, fill, merit)


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


def test_the_best_checkpoint_is_kept_beside_the_last_ones(tmp_path: Path) -> None:
    for step, merit in ((10, 0.5), (20, 0.9), (30, 0.9), (40, float("nan")), (50, 0.0), (60, None), (70, -1.0)):
        write_checkpoint(tmp_path, step, merit)
        checkpoints.rotate(tmp_path)
    assert checkpoints.best(tmp_path) == tmp_path / "step-20", "of equal ones the earliest"
    assert {path.name for path in tmp_path.iterdir()} == {"step-20", "step-60", "step-70"}
    assert checkpoints.merit_of(tmp_path / "step-60") is None
    # A best one that was damaged is none, and goes.
    truncate(tmp_path / "step-20")
    assert checkpoints.best(tmp_path) == tmp_path / "step-70"
    checkpoints.rotate(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"step-60", "step-70"}


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


def test_a_line_holds_what_other_programs_take_for_an_end(tmp_path: Path) -> None:
    path, row = tmp_path / "events.jsonl", {"text": "a\u2028b\u0085c\u000cd"}
    runs.append_jsonl(path, row)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"torn": ')
    assert list(runs.read_jsonl(path)) == [row]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no call for it")
def test_what_was_freed_is_given_back() -> None:
    kept = [b"x" * 100_000 for _ in range(2_000)]
    del kept[1::2], kept[1::2]
    before = psutil.Process().memory_info().rss
    memory.give_back()
    assert before - psutil.Process().memory_info().rss > 50 * 2**20
    assert len(kept) == 500


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


def test_half_precision_weighs_logarithms_as_probabilities() -> None:
    exact, half = verify.TOLERANCE, verify.HALF_TOLERANCE
    logs, off = np.array([-0.01, -9.0]), np.array([-0.02, -9.3])
    assert verify._difference(off, logs, half) < 0.02
    assert verify._difference(off, logs, exact) == pytest.approx(0.3)
    shares = np.array([0.2, 0.8])
    assert verify._difference(shares[::-1], shares, half) == pytest.approx(0.6)


def test_soft_targets_are_those_of_their_rows() -> None:
    scores = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0, 0, 1]], np.float16)
    found = SoftTargets(scores, 0.5).of(torch.tensor([2, 0]), torch.tensor([1, 0]))
    assert found.tolist() == [[0, 0.5, 0.5], [0.75, 0.125, 0.125]]
    numbered = SoftTargets(scores, 0.5).numbered(Dataset.from_dict({"labels": [1, 1, 0]}))
    assert numbered["row"][:] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["labels", "soft", "written"])
def test_a_step_in_several_passes_is_the_same_step(tmp_path: Path, kind: str) -> None:
    """By its loss and the size of its gradient, which is cut off at 1 and so must not grow with the passes."""
    soft = kind == "soft"
    config = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=3,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    rows = Dataset.from_dict({"input_ids": [[row, row + 1] for row in range(8)], "labels": [0, 1, 2, 0, 1, 2, 0, 1]})
    if kind == "written":
        rows = Dataset.from_dict({name: [[row, row + 1] for row in range(8)] for name in ("input_ids", "labels")})
    writer = MarianConfig(
        vocab_size=20, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=1, dropout=0.0,
        decoder_attention_heads=1, encoder_ffn_dim=8, decoder_ffn_dim=8, pad_token_id=0, decoder_start_token_id=0,
        attention_dropout=0.0, activation_dropout=0.0,
    )  # fmt: skip
    targets = SoftTargets(np.full((8, 3), 1 / 3, np.float16), 0.5)

    def step(rows_at_once: int) -> list[float]:
        torch.manual_seed(1)
        trainer = RunTrainer(
            order=Order([2] * 8, 8, 0), checkpoints_dir=tmp_path, mean_loss=True, soft=targets if soft else None,
            model=MarianMTModel(writer) if kind == "written" else BertForSequenceClassification(config),
            train_dataset=targets.numbered(rows) if soft else rows,
            args=TrainingArguments(
                output_dir=str(tmp_path), max_steps=1, per_device_train_batch_size=rows_at_once, use_cpu=True,
                gradient_accumulation_steps=8 // rows_at_once, save_strategy="no", report_to="none", disable_tqdm=True,
                logging_steps=1, remove_unused_columns=False,
            ),
        )  # fmt: skip
        trainer.train()
        return [trainer.state.log_history[0][name] for name in ("loss", "grad_norm")]

    assert step(2) == pytest.approx(step(8), rel=1e-3)


def test_examples_lie_on_the_disk_and_are_made_a_piece_at_a_time(tmp_path: Path) -> None:
    run = Run(tmp_path)
    pieces: list[int] = []

    def make(rows: Sequence[Row]) -> list[dict[str, Any]]:
        pieces.append(len(rows))
        return [{"input_ids": list(range(row["number"] % 7 + 1)), "labels": row["number"]} for row in rows]

    made = examples.stored(run, ({"number": number} for number in range(2_500)), make)
    assert pieces == [1_000, 1_000, 500] and len(made) == 2_500
    assert made[2_001] == {"input_ids": list(range(2_001 % 7 + 1)), "labels": 2_001}
    assert examples.lengths(made) == [number % 7 + 1 for number in range(2_500)]
    assert made.cache_files[0]["filename"].startswith(str(tmp_path))
    examples.stored(run, [{"number": 1}], make)
    assert len(list((tmp_path / "examples").iterdir())) == 1, "only the last ones stay"
