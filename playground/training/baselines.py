"""What a fine-tune must beat, measured on the same held-out rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.heads import get_head
from playground.heads.generating import GenerativeHead
from playground.heads.linear_probe import LinearProbe, Probe
from playground.heads.loading import load_apart, load_trunk
from playground.models.resolve import Resolved, resolve
from playground.runs import SCRATCH, write_atomic
from playground.services import baselines as simple
from playground.services.evaluate import known_labels
from playground.training import soft_targets
from playground.training.job import Job

ROWS_AT_ONCE = 128
Answers = list[Any]
"""A value for each held-out row, as its gold one is compared: see Field.compared."""


@dataclass(frozen=True)
class FittedProbe:
    """A linear probe and its logits on the held-out rows, [N, C]: one window a row."""

    probe: Probe
    logits: np.ndarray


def measure(job: Job, fitted: FittedProbe | None = None) -> dict[str, Answers]:
    """{baseline: its answers} for the task's baselines; read back where an earlier process left them.

    Those that need the trained tokenizer come later: see likelihood.

    `fitted` saves the probe from being fitted twice where it is also the model of the run.
    """
    path = job.run.dir / "baselines.json"
    if path.exists() and not soft_targets.missing(job):
        return json.loads(path.read_text(encoding="utf-8"))
    output = job.task.output
    ways: dict[str, Callable[[], Answers]] = {
        "majority": lambda: majority(job),
        "frequent_labels": lambda: simple.frequent_labels([row[output.name] for row in job.train], len(job.held_out)),
        "linear_probe": lambda: _best(job, (fitted or fit_probe(job)).logits),
        "dictionary": lambda: simple.dictionary(job.train, job.held_out),
        "sliding_window": lambda: simple.sliding_window(job.held_out),
        "lead": lambda: simple.lead(job.held_out),
        "copy_source": lambda: simple.copy_source(job.held_out),
        "nearest": lambda: simple.nearest(job.train, job.held_out),
    }
    answers = {name: ways[name]() for name in job.task.baselines if name in ways}
    before = measure_base(job)
    answers |= {} if before is None else {"before": before}
    write_atomic(path, json.dumps(answers, ensure_ascii=False))
    return answers


def measure_base(job: Job) -> Answers | None:
    """What the base answers before it has learned anything; None where it does not do the task.

    It does by a head of its own that knows all the labels. A base that writes text is not asked here but when it is
    trained: see likelihood.before.
    """
    base = job.base
    if job.spec.method not in ("lora", "full") or not base or base.head != job.task.heads[0]:
        return None
    if isinstance(get_head(base.head), GenerativeHead):
        return None
    if not set(job.spec.labels) <= known_labels(job.task.output, base.labels):
        return None
    return _answers_of(job, base)


def _answers_of(job: Job, model: Resolved) -> Answers:
    head, loaded = load_apart(model)  # not by the pool: its memory is for training
    answers: Answers = []
    try:
        for start in range(0, len(job.held_out), ROWS_AT_ONCE):
            job.stop.check()
            job.progress.beat()
            loaded.trunk.call(job.threads.adjust)
            found = loaded.predict(head, job.held_out[start : start + ROWS_AT_ONCE], job.task.params())
            answers += [job.task.output.compared(one.output) for one in found]
    finally:
        loaded.trunk.close()
    return answers


def majority(job: Job) -> Answers:
    """The most frequent training label, always."""
    counts = Counter(row[job.task.output.name] for row in job.train)
    return [counts.most_common(1)[0][0]] * len(job.held_out)


def probe_of(job: Job) -> LinearProbe:
    """The head of the task's probes."""
    return next(head for name in job.task.heads if isinstance(head := get_head(name), LinearProbe))


def fit_probe(job: Job) -> FittedProbe:
    """Logistic regression on the frozen base's embeddings of the training rows."""
    head = probe_of(job)
    trunk = load_trunk(
        job.base or resolve(_pretrained(job))
    )  # not by the pool: it is needed once, and its memory is for training

    def on_batch(done: int, total: int) -> None:
        job.stop.check()
        job.progress.beat()
        trunk.call(job.threads.adjust)  # torch counts threads per thread, and this work is the trunk's

    try:
        rows = [*job.train, *job.held_out]
        embeddings = head.embed(trunk, rows, job.numbers.max_length, on_batch)
    finally:
        trunk.close()
    count = len(job.train)
    probe = head.fit(embeddings[:count], job.spec.labels, job.train)
    if soft_targets.share(job):
        soft_targets.keep(job, lambda part: probe.logits(embeddings[:count][part]))
    return FittedProbe(probe, probe.logits(embeddings[count:]))


def _pretrained(job: Job) -> str:
    """What a network from nothing is compared with: the task's first pretrained base."""
    return next(base for base in job.task.bases if not base.startswith(SCRATCH))


def _best(job: Job, logits: np.ndarray) -> Answers:
    """What a probe answers to each row of [N, C] logits."""
    found = probe_of(job).decode(job.held_out, [], list(logits), job.spec.labels, job.task.params())
    return [job.task.output.compared(one.output) for one in found]
