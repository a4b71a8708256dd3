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
    """Whether a job needs them and has none."""
    return bool(share(job)) and not _path(job).exists()


def keep(job: Job, logits: Callable[[slice], np.ndarray]) -> None:
    """Note the probe's probabilities of all training rows, in half precision. `logits(rows)`: [len(rows), C]."""
    path = _path(job)
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}")
    try:
        shape = (len(job.train), len(job.spec.labels))
        scores = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float16, shape=shape)
        for start in range(0, len(scores), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            scores[part] = torch.from_numpy(logits(part)).softmax(-1).numpy()
        scores.flush()
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def of(job: Job) -> SoftTargets | None:
    """Those of a job that has a share for them."""
    return SoftTargets(np.load(_path(job), mmap_mode="r"), share(job)) if share(job) else None


def _path(job: Job) -> Path:
    return job.run.checkpoints_dir / "probe_scores.npy"
