"""The model that a run begins with: a base, with LoRA or as it is, or a network from nothing with its vocabulary."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from playground.heads import scratch
from playground.heads.tunable import TunableHead
from playground.training.job import Job


def new_model(job: Job, head: TunableHead) -> tuple[Any, PreTrainedTokenizerBase]:
    """In float32; the same numbers for the same seed, also in a process that goes on with the run."""
    if job.base:
        return head.new_model(job.base, job.spec.labels, job.spec.training if job.spec.method == "lora" else None)
    sizes = _sizes(job, head)
    tokenizer = _vocabulary(job, head, sizes)
    return scratch.new_model(job.spec.base, head.name, tokenizer, head.outputs(job.spec.labels), sizes), tokenizer


def _vocabulary(job: Job, head: TunableHead, sizes: scratch.ChosenSizes) -> PreTrainedTokenizerBase:
    """Made of the training rows' texts; read back where an earlier process of the run made it."""
    folder = job.run.dir / "vocabulary"
    if not folder.exists():
        made = scratch.new_tokenizer(job.spec.base, _texts(job), sizes, head.extra_tokens(job.train))
        head.finish_tokenizer(made, job.train)
        aside = job.run.dir / ".vocabulary"
        shutil.rmtree(aside, ignore_errors=True)
        made.save_pretrained(aside)
        os.replace(aside, folder)
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _sizes(job: Job, head: TunableHead) -> scratch.ChosenSizes:
    numbers = job.numbers.model_dump()
    asked = scratch.Sizes(**{name: numbers[name] for name in scratch.Sizes.model_fields if name in numbers})
    return scratch.choose_sizes(scratch.architecture(job.spec.base), sum(map(len, _texts(job))), asked, head.name)


def _texts(job: Job) -> Iterator[str]:
    """What the network reads and writes."""
    return (text for row in job.train for text in job.task.read(row))
