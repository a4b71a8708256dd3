"""Training by transformers.Trainer: from rows to a trained model in memory."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import TrainingArguments, set_seed

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.causal_lm import CausalLM
from playground.heads.generating import GenerativeHead
from playground.heads.loading import head_to_tune
from playground.heads.shell import lora_told
from playground.heads.tunable import Trained, TunableHead
from playground.i18n import Message, msg
from playground.models.device import Device
from playground.models.files import load_tokenizer
from playground.models.trunk import Features
from playground.runs import Run, write_jsonl
from playground.services import metrics
from playground.training import checkpoints, examples, memory, soft_targets
from playground.training.callback import EVALUATIONS, RunCallback
from playground.training.job import Job
from playground.training.new import new_model
from playground.training.soft_targets import SoftTargets
from playground.training.trainer import Order, RunTrainer, load_trained

T = TypeVar("T")
LOSS_POINTS = 100
FUSED_TOKENS = 128
"""Rows that are shorter on average are trained with plain matrix products for attention: torch's fused kernel works in
blocks of tokens. A step took 2.0 s with it and 1.1 s without at 18 tokens (scratch/seq2seq), 1.5 s and 1.2 s at 117
(LoRA on MiniLM), 2.2 s and 3.2 s at 170 (scratch/gpt); one core with AMX."""
SAMPLE_ROWS = 500
SAMPLE_SHARE = 0.25
"""Rows of all charted evaluations, as a share of the rows trained on: forward alone is a third of a
step, so the curve costs less than a tenth of the time."""


@dataclass
class Tuned:
    """A trained model in float32, how far it got, and the step whose weights it has."""

    trained: Trained
    step: int
    max_steps: int
    kept: int


def tune(job: Job, head: TunableHead, device: Device) -> Tuned:
    """Train, from the newest good checkpoint if there is one.

    Ends early when the run is asked to stop. When memory runs out, half as many rows go through at
    once and gradients are averaged over more passes: nearly the same step, only slower.
    """
    return smaller_until_it_fits(job, head, lambda rows: _train(job, head, device, rows))


def smaller_until_it_fits(job: Job, head: TunableHead, work: Callable[[int], T]) -> T:
    """What `work` gives for so many rows at once, halved for as long as memory runs out."""
    batch_size = job.numbers.batch_size
    vocabulary = len(load_tokenizer(job.base)) if job.base and isinstance(head, GenerativeHead) else 0
    rows_at_once = memory.affordable(batch_size, vocabulary * job.numbers.max_length)
    while True:
        try:
            return work(rows_at_once)
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            failed = rows_at_once
        # Outside the except block: the traceback would keep the failed step's tensors alive.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        rows_at_once = memory.smaller(batch_size, failed)
        if not rows_at_once:
            raise PlaygroundError("out_of_memory", rows=failed)
        job.run.add_event(msg("event.out_of_memory", rows=failed, smaller=rows_at_once))


@dataclass(frozen=True)
class Prepared:
    """All that a training needs, before its first step."""

    head: TunableHead
    trainer: RunTrainer
    trained: Trained
    features: Dataset
    order: Order
    max_steps: int
    rows_at_once: int


def head_of(job: Job) -> TunableHead:
    """The head that a run trains."""
    head = head_to_tune(job.task.heads, job.base)
    assert head, "checked before the start"
    return head


def prepare(
    job: Job, head: TunableHead, device: Device, rows_at_once: int, soft: SoftTargets | None = None
) -> Prepared:
    """A fresh model, its examples, their order, and the trainer."""
    numbers = job.numbers
    set_seed(numbers.seed)
    labels = job.spec.labels
    model, tokenizer = new_model(job, head)

    def make(rows: Sequence[Row]) -> list[Features]:
        job.progress.beat()
        return head.examples(tokenizer, rows, numbers.max_length, labels)

    features = examples.stored(job.run, job.train, make)
    lengths = examples.lengths(features)
    short = sum(lengths) < FUSED_TOKENS * len(lengths)
    if device.training_dtype == "bf16" and device.torch_device.type == "cpu" and short:
        _base_of(model).set_attn_implementation("eager")
    order = Order(lengths, numbers.batch_size, numbers.seed)
    max_steps = math.ceil(order.steps * numbers.epochs)
    trainer = RunTrainer(
        order=order,
        soft=soft,
        mean_loss=not isinstance(head, CausalLM),
        checkpoints_dir=job.run.checkpoints_dir,
        model=model,
        args=_arguments(job, device, rows_at_once, max_steps),
        train_dataset=soft.numbered(features) if soft else features,
        data_collator=head.collator(tokenizer),
        processing_class=tokenizer,
    )
    trained = Trained(model, tokenizer, tuple(labels), numbers.max_length)
    return Prepared(head, trainer, trained, features, order, max_steps, rows_at_once)


def _train(job: Job, head: TunableHead, device: Device, rows_at_once: int) -> Tuned:
    prepared = prepare(job, head, device, rows_at_once, soft_targets.of(job))
    trainer, trained, order, max_steps = prepared.trainer, prepared.trained, prepared.order, prepared.max_steps
    model, tokenizer = trained.model, trained.tokenizer
    checkpoint = _checkpoint(job)
    if not checkpoint and job.base:
        job.run.add_event(lora_told(model) if job.spec.method == "lora" else _weights_told(model))
        if not head.knows(job.base, job.spec.labels):
            head.fit_head(model, tokenizer, prepared.features)
    sample = _sample(job, max_steps)

    def held_out_score() -> tuple[dict[str, float], float]:
        """What is charted of the sample, the metric that decides or the loss; and the same so that more is better."""
        if head.curve == "loss":
            marks = np.concatenate(head.marks(trained, sample, job.progress.beat, rows_at_once))
            return {"held_out_loss": -float(marks.mean())}, float(marks.mean())
        predictions = head.answers(trained, sample, job.task.params(), job.progress.beat, rows_at_once)
        found = [job.task.output.compared(prediction.output) for prediction in predictions]
        name = job.task.metrics[0]
        score = metrics.score([name], [row[job.task.output.name] for row in sample], found)[name]
        return {"held_out": score}, -score if metrics.lower_is_better([name]) else score

    best = checkpoints.best(job.run.checkpoints_dir)
    best_merit = checkpoints.merit_of(best) if best else None
    trainer.add_callback(
        RunCallback(
            job.run, job.progress, job.stop, job.threads, order, held_out_score, trainer.merits,
            -math.inf if best_merit is None else best_merit, _forget_after(job.run, checkpoint),
        )
    )  # fmt: skip
    step = checkpoints.step_of(checkpoint) if checkpoint else 0
    if checkpoint and step >= max_steps:
        # The Trainer would train one step more.
        load_trained(model, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        step = trainer.state.global_step
    kept = _kept(job, model, step)
    # Without autocast again: what is scored and saved is float32.
    model = trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    return Tuned(Trained(model, tokenizer, trained.labels, trained.max_length), step, max_steps, kept)


def _kept(job: Job, model: torch.nn.Module, step: int) -> int:
    """The step whose weights the model has in the end: the last, or where that was asked for the best on held-out rows.

    Either is said where the two differ.
    """
    folder = job.run.checkpoints_dir
    best, last = checkpoints.best(folder), checkpoints.merit_of(folder / f"step-{step}")
    merit = checkpoints.merit_of(best) if best else None
    if best is None or merit is None or (last is not None and merit <= last):
        return step
    if job.numbers.keep != "best":
        if last is not None:
            job.run.add_event(msg("event.best_was_earlier", step=checkpoints.step_of(best), steps=step))
        return step
    load_trained(model, best)
    job.run.add_event(msg("event.best_kept", step=checkpoints.step_of(best), steps=step))
    return checkpoints.step_of(best)


def _weights_told(model: Any) -> Message:
    return msg("event.all_weights", count=sum(weights.numel() for weights in model.parameters()))


def _base_of(model: Any) -> Any:
    """The library's model, inside of PEFT's or not."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def _arguments(job: Job, device: Device, rows_at_once: int, max_steps: int) -> TrainingArguments:
    numbers = job.numbers
    on_cpu = device.torch_device.type == "cpu"
    return TrainingArguments(
        output_dir=str(job.run.checkpoints_dir),
        per_device_train_batch_size=rows_at_once,
        gradient_accumulation_steps=numbers.batch_size // rows_at_once,
        # Steps, not epochs: a resumed run must follow the same schedule to the same end.
        max_steps=max_steps,
        learning_rate=numbers.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(numbers.warmup_ratio * max_steps),
        weight_decay=numbers.weight_decay,
        optim="adamw_torch",
        bf16=device.training_dtype == "bf16",
        fp16=device.training_dtype == "fp16",
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=0,
        remove_unused_columns=False,
        seed=numbers.seed,
        logging_steps=max(1, max_steps // LOSS_POINTS),
        logging_first_step=True,
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _sample(job: Job, max_steps: int) -> list[Row]:
    """Held-out rows for the charted curve: seeded, bounded, and cheap beside the numbers."""
    affordable = int(SAMPLE_SHARE * max_steps * job.numbers.batch_size / EVALUATIONS)
    count = min(len(job.held_out), SAMPLE_ROWS, max(affordable, 8))
    return random.Random(job.numbers.seed).sample(job.held_out, count)


def _checkpoint(job: Job) -> Path | None:
    """Where to go on from, said in the events together with what had to be passed over."""
    checkpoint, damaged = checkpoints.newest_good(job.run.checkpoints_dir)
    for folder in damaged:
        job.run.add_event(msg("event.checkpoint_damaged", step=checkpoints.step_of(folder)))
    if checkpoint:
        job.run.add_event(msg("event.resumed", step=checkpoints.step_of(checkpoint)))
    elif damaged:
        job.run.add_event(msg("event.from_the_start"))
    return checkpoint


def _forget_after(run: Run, checkpoint: Path | None) -> float:
    """Drop the chart's rows of steps that will be trained again; seconds of training until then."""
    step = checkpoints.step_of(checkpoint) if checkpoint else 0
    rows = [row for row in run.metrics() if row["step"] <= step]
    write_jsonl(run.dir / "metrics.jsonl", rows)
    return max((float(row["time"]) for row in rows), default=0.0)
