"""What the linear probe says of the training rows, learned beside their labels.

A probe's scores tell which classes are near to a row's own, and a fine-tune that learns both is better than either
(Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; Furlanello et al. 2018, "Born-Again Networks").
They lie in the run's directory until its end, so that a run that is resumed has the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from datasets import Dataset

from playground.models.trunk import Features
from playground.runs import Run
from playground.training.job import Job

FILE = "probe_scores.npy"
TARGETS = "targets"
"""The column of [C] targets; one row adds up to 1."""


def keep(run: Run, logits: np.ndarray) -> None:
    """Note the probe's [N, C] logits on the training rows, as probabilities in half precision."""
    aside = run.dir / f".{FILE}"
    np.save(aside, torch.from_numpy(logits).softmax(-1).half().numpy())
    os.replace(aside, run.dir / FILE)


def forget(run: Run) -> None:
    (run.dir / FILE).unlink(missing_ok=True)


class SoftTargets:
    """Targets for rows that come in their order. `scores`: [N, C]; `share`: what these make up of a target."""

    def __init__(self, scores: np.ndarray, share: float) -> None:
        self.scores, self.share, self.done = scores, share, 0

    def added_to(self, features: Sequence[Features]) -> list[Features]:
        """The next rows' features with their TARGETS."""
        scores = self.scores[self.done : self.done + len(features)].astype(np.float32)
        self.done += len(features)
        targets = self.share * scores / scores.sum(1, keepdims=True)
        targets[np.arange(len(features)), [row["labels"] for row in features]] += 1 - self.share
        return [{**row, TARGETS: target} for row, target in zip(features, targets, strict=True)]


def of(job: Job) -> SoftTargets | None:
    """Those of a job that has a share for them; None for others, and in a dry run, where no probe is fitted."""
    path = job.run.dir / FILE
    if not job.numbers.distillation or not path.exists():
        return None
    return SoftTargets(np.load(path, mmap_mode="r"), job.numbers.distillation)


def without(features: Dataset) -> Dataset:
    """The same with labels alone."""
    return features.remove_columns([name for name in features.column_names if name == TARGETS])
