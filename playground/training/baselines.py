"""What a fine-tune must beat, measured on the same held-out rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.heads.linear_probe import HEAD as PROBE
from playground.heads.linear_probe import Probe
from playground.heads.loading import load_trunk
from playground.runs import write_atomic
from playground.services import baselines as simple
from playground.training.job import Job

Answers = list[Any]
"""A value for each held-out row, as its gold one is compared: see Field.compared."""


@dataclass(frozen=True)
class FittedProbe:
    """A linear probe and its logits on the held-out rows, [N, C]: one window a row."""

    probe: Probe
    logits: np.ndarray


def measure(job: Job, fitted: FittedProbe | None = None) -> dict[str, Answers]:
    """{baseline: its answers} for the task's baselines; read back where an earlier process left them.

    `fitted` saves the probe from being fitted twice where it is also the model of the run.
    """
    path = job.run.dir / "baselines.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    ways: dict[str, Callable[[], Answers]] = {
        "majority": lambda: majority(job),
        "linear_probe": lambda: labels_of(job, (fitted or fit_probe(job)).logits),
        "dictionary": lambda: simple.dictionary(job.train, job.held_out),
        "sliding_window": lambda: simple.sliding_window(job.held_out),
    }
    answers = {name: ways[name]() for name in job.task.baselines}
    write_atomic(path, json.dumps(answers, ensure_ascii=False))
    return answers


def majority(job: Job) -> Answers:
    """The most frequent training label, always."""
    counts = Counter(row[job.task.output.name] for row in job.train)
    return [counts.most_common(1)[0][0]] * len(job.held_out)


def fit_probe(job: Job) -> FittedProbe:
    """Logistic regression on the frozen base's embeddings of the training rows."""
    trunk = load_trunk(job.base)  # not by the pool: it is needed once, and its memory is for training

    def on_batch(done: int, total: int) -> None:
        job.stop.check()
        job.progress.beat()
        trunk.call(job.threads.adjust)  # torch counts threads per thread, and this work is the trunk's

    try:
        rows = [*job.train, *job.held_out]
        embeddings = PROBE.embed(trunk, rows, job.numbers.max_length, on_batch)
    finally:
        trunk.close()
    count = len(job.train)
    gold = [row[job.task.output.name] for row in job.train]
    probe = PROBE.fit(embeddings[:count], job.spec.labels, gold)
    return FittedProbe(probe, probe.logits(embeddings[count:]))


def labels_of(job: Job, logits: np.ndarray) -> Answers:
    """The best label of each row of [N, C] logits."""
    return [job.spec.labels[index] for index in logits.argmax(-1)]
