"""What the linear probe says of the training rows, learned beside their labels.

A probe's probabilities tell which classes are near to a row's own (Hinton et al. 2015, "Distilling the Knowledge in a
Neural Network"). They lie beside the checkpoints for as long as these do, so that a run that is resumed has the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset

from playground.heads.loading import head_to_tune
from playground.heads.sequence_classification import HEAD
from playground.training.job import Job

ROW = "row"
"""The column that tells which training row an example is."""
ROWS_AT_ONCE = 4096
DTYPE = np.dtype(np.float16)


class SoftTargets:
    """Of each row `share` is made up of `scores`, [N, C] probabilities, and the rest of its label."""

    def __init__(self, scores: np.ndarray, share: float) -> None:
        self.scores, self.share = scores, share

    def numbered(self, examples: Dataset) -> Dataset:
        """The same examples, one a row and in the rows' order, with their ROW."""
        assert len(examples) == len(self.scores), "an example for each row"
        return examples.add_column(ROW, list(range(len(examples))))

    def of(self, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Rows [B] and their labels [B] -> what the model is to say of them, float32 [B, C]; a row adds up to 1."""
        scores = torch.from_numpy(self.scores[rows.cpu().numpy()].astype(np.float32)).to(labels.device)
        targets = self.share * scores / scores.sum(1, keepdim=True)
        targets[torch.arange(len(labels)), labels] += 1 - self.share
        return targets


def share(job: Job) -> float:
    """What of a target the probe's probabilities make up; 0 where nothing is learned from a probe."""
    tuned = job.base is not None and job.spec.method in ("lora", "full")
    return (job.numbers.distillation or 0.0) if tuned and head_to_tune(job.task.heads, job.base) is HEAD else 0.0


def missing(job: Job) -> bool:
    """Whether a job needs them and has none that can be read."""
    return bool(share(job)) and _read(job) is None


def keep(job: Job, logits: Callable[[slice], np.ndarray]) -> None:
    """Note the probe's probabilities of all training rows, in half precision. `logits(rows)`: [len(rows), C]."""
    path = _path(job)
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}")
    form = {"descr": np.lib.format.dtype_to_descr(DTYPE), "fortran_order": False, "shape": _shape(job)}
    try:
        # Not by a map of the file, whose writer is killed where the disk is full.
        with aside.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, form)
            for start in range(0, len(job.train), ROWS_AT_ONCE):
                scores = torch.from_numpy(logits(slice(start, start + ROWS_AT_ONCE))).softmax(-1)
                file.write(scores.numpy().astype(DTYPE).tobytes())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def of(job: Job) -> SoftTargets | None:
    """Those of a job that has a share for them. See `missing`."""
    if not share(job):
        return None
    scores = _read(job)
    assert scores is not None, "the baselines were measured before"
    return SoftTargets(scores, share(job))


def _read(job: Job) -> np.ndarray | None:
    """The probabilities, [N, C], mapped into memory; None where there are none, or they are damaged."""
    try:
        scores: np.ndarray = np.load(_path(job), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return scores if scores.shape == _shape(job) and scores.dtype == DTYPE else None


def _shape(job: Job) -> tuple[int, int]:
    return len(job.train), len(job.spec.labels)


def _path(job: Job) -> Path:
    return job.run.checkpoints_dir / "probe_scores.npy"
