"""LoRA by transformers.Trainer: from rows to a trained model in memory."""

from __future__ import annotations

import gc
import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, TrainingArguments, set_seed

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads import get_head
from playground.heads.lora import LoraHead
from playground.i18n import msg
from playground.models.device import Device
from playground.runs import Run, write_jsonl
from playground.services import metrics
from playground.tasks.spec import Task
from playground.training import checkpoints, memory
from playground.training.callback import EVALUATIONS, RunCallback
from playground.training.job import Job
from playground.training.scoring import logits_of
from playground.training.trainer import Order, RunTrainer, load_trained

LOSS_POINTS = 100
SAMPLE_ROWS = 500
SAMPLE_SHARE = 0.25
"""Rows of all charted evaluations, as a share of the rows trained on: forward alone is a third of a
step, so the curve costs less than a tenth of the time."""


def tunable_head(task: Task) -> LoraHead:
    """The task's best head: the first one it names."""
    head = get_head(task.heads[0])
    assert isinstance(head, LoraHead)
    return head


@dataclass
class Tuned:
    """A trained model in float32, and how far it got."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    step: int
    max_steps: int


def tune(job: Job, head: LoraHead, device: Device) -> Tuned:
    """Train, from the newest good checkpoint if there is one.

    Ends early when the run is asked to stop. When memory runs out, half as many rows go through at
    once and gradients are summed over more passes: the same step, only slower.
    """
    batch_size = job.numbers.batch_size
    rows_at_once = batch_size
    while True:
        try:
            return _train(job, head, device, rows_at_once)
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


def _train(job: Job, head: LoraHead, device: Device, rows_at_once: int) -> Tuned:
    numbers = job.numbers
    set_seed(numbers.seed)
    labels = job.spec.labels
    model, tokenizer = head.new_model(job.base, labels, job.spec.training)
    features = head.examples(tokenizer, job.train, numbers.max_length, labels)
    order = Order([len(row["input_ids"]) for row in features], numbers.batch_size, numbers.seed)
    max_steps = math.ceil(order.steps * numbers.epochs)
    checkpoint = _checkpoint(job)
    if not checkpoint:
        head.fit_head(model, tokenizer, features)

    trainer = RunTrainer(
        order=order,
        checkpoints_dir=job.run.checkpoints_dir,
        model=model,
        args=_arguments(job, device, rows_at_once, max_steps),
        train_dataset=features,
        data_collator=head.collator(tokenizer),
        processing_class=tokenizer,
    )
    sample = _sample(job, max_steps)
    windows = head.windows(tokenizer, sample, numbers.max_length)

    def held_out_score() -> float:
        """The metric that decides, on the sample."""
        logits = logits_of(head, model, tokenizer, windows, job.progress.beat, rows_at_once)
        predictions = head.decode(sample, windows, logits, head.outputs(labels), job.task.params())
        found = [job.task.output.compared(prediction.output) for prediction in predictions]
        name = job.task.metrics[0]
        return metrics.score([name], [row[job.task.output.name] for row in sample], found)[name]

    trainer.add_callback(
        RunCallback(
            job.run, job.progress, job.stop, job.threads, order, held_out_score, _forget_after(job.run, checkpoint)
        )
    )
    step = checkpoints.step_of(checkpoint) if checkpoint else 0
    if checkpoint and step >= max_steps:
        # The Trainer would train one step more.
        load_trained(model, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        step = trainer.state.global_step
    # Without autocast again: what is scored and saved is float32.
    return Tuned(trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False), tokenizer, step, max_steps)


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
