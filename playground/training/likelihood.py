"""What a task is measured by where no text is the one right one: how likely the right ones are to the model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from peft import PeftModel

from playground.fields import Row
from playground.heads.causal_examples import IGNORED
from playground.heads.generating import GenerativeHead
from playground.heads.tunable import Trained
from playground.services import baselines
from playground.services.metrics import likelihood
from playground.training.baselines import Answers
from playground.training.job import Job
from playground.training.new import new_model

Found = TypeVar("Found")
SHOWN = 10
OPENING_CHARS = 80
"""Of a text that stands without a prompt: so much is given, and the rest is written."""


def measured(job: Job, head: GenerativeHead, trained: Trained) -> tuple[dict[str, Answers], list[np.ndarray]]:
    """({who: a Likelihood for each held-out row}, the trained model's marks).

    Whom it is compared with: counts of tokens, and what the base said before.
    """
    found: dict[str, list[np.ndarray]] = {}
    if "unigram" in job.task.baselines:
        train, held_out = (_learned(head, trained, rows) for rows in (job.train, job.held_out))
        found["unigram"] = baselines.unigram(train, held_out, len(trained.tokenizer))

    def read(model: Trained) -> list[np.ndarray]:
        return head.marks(model, job.held_out, job.progress.beat)

    base = before(job, head, trained, read)
    if base is not None:
        found["before"] = base
    found["tuned"] = read(trained)
    output = job.task.output.name
    added = head.added_characters(trained.tokenizer, job.held_out, trained.max_length)
    return {who: likelihood.of_rows(job.held_out, output, marks, added) for who, marks in found.items()}, found["tuned"]


def written(job: Job, head: GenerativeHead, trained: Trained) -> tuple[list[Row], dict[str, Answers]]:
    """A few held-out rows, and {"tuned": what the model writes of each, "before": its base, if it has one}."""
    rows = random.Random(0).sample(job.held_out, min(SHOWN, len(job.held_out)))
    openings = [row if row.get("text") or row.get("messages") else _opened(row, job.task.output.name) for row in rows]

    def write(model: Trained) -> Answers:
        texts = []
        for row, opening in zip(rows, openings, strict=True):
            params = job.task.params().model_copy(update={} if row is opening else {"chat": False})
            prediction = head.answers(model, [opening], params, job.progress.beat)[0]
            texts.append(job.task.output.compared(prediction.output))
        return texts

    base = before(job, head, trained, write)
    return openings, {**({} if base is None else {"before": base}), "tuned": write(trained)}


def before(job: Job, head: GenerativeHead, trained: Trained, answer: Callable[[Trained], Found]) -> Found | None:
    """What the base gave: the model without its LoRA, or before its own weights learned. None from nothing."""
    if isinstance(trained.model, PeftModel):
        with trained.model.disable_adapter():
            return answer(trained)
    if not job.base:
        return None
    model, _ = new_model(job, head)
    return answer(replace(trained, model=model.to(trained.model.device).eval()))


def _opened(row: Row, output: str) -> Row:
    """A text of its own, cut before a word: its beginning as the prompt, the rest as what is right."""
    text = row[output]
    most = max(1, min(OPENING_CHARS, len(text) // 3))
    blank = max(text.rfind(" ", 1, most + 1), 0)
    return {**row, "text": text[: blank or most], output: text[blank or most :]}


def _learned(head: GenerativeHead, trained: Trained, rows: Sequence[Row]) -> list[list[int]]:
    """The tokens of each row that are to be written."""
    features, numbers = head.numbered(trained.tokenizer, rows, trained.max_length, trained.labels)
    found: list[list[int]] = [[] for _ in rows]
    for number, one in zip(numbers, features, strict=True):
        found[number] += [label for label in one["labels"] if label != IGNORED]
    return found
