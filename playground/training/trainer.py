"""transformers.Trainer with the least that makes a run resumable to the bit.

What is replaced, and why:
- the order of the rows: the library's length-grouped sampler draws it from the global generator, so
  a resumed epoch would see other batches; here it is a function of seed and epoch
- the loss, where rows have soft targets: the models' own takes one class a row
- how a step in several passes is added up: the library takes the loss of any model that accepts further arguments
  for one over the whole step, and that of most classifiers and translators is a mean, so their gradients grew with
  the passes; here a step is the mean of its passes, whose last may be of fewer rows
- writing and reading checkpoints: only what is trained is kept, under a manifest (see checkpoints)
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import Sampler
from transformers import Trainer

from playground.training import checkpoints
from playground.training.soft_targets import ROW, SoftTargets

WEIGHTS = "trained.safetensors"
TRAINER_STATE = "trainer_state.json"
CHUNK_STEPS = 50
"""Rows are sorted by length inside chunks of this many steps: little padding, still a random order."""


class Order(Sampler[int]):
    """Row numbers of an epoch, rows of like length next to each other in steps of `batch_size`.

    lengths  tokens of each row, [N]
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self.lengths) / self.batch_size)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self.seed} {self.epoch}")
        rows = list(range(len(self.lengths)))
        rng.shuffle(rows)
        size = self.batch_size * CHUNK_STEPS
        for start in range(0, len(rows), size):
            rows[start : start + size] = sorted(rows[start : start + size], key=lambda row: self.lengths[row])
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        # A short batch stays last: the loader cuts batches by counting. The longest comes first of all,
        # so that memory runs out at once or not at all.
        last = batches.pop() if len(rows) % self.batch_size else []
        rng.shuffle(batches)
        if batches:
            longest = max(range(len(batches)), key=lambda index: self._longest(batches[index]))
            batches[0], batches[longest] = batches[longest], batches[0]
        return iter([row for batch in (*batches, last) for row in batch])

    def padded(self) -> list[int]:
        """Tokens of each step of this epoch, padding counted: [steps]."""
        rows = list(self)
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        return [len(batch) * self._longest(batch) for batch in batches]

    def _longest(self, batch: list[int]) -> int:
        return max(self.lengths[row] for row in batch)


class RunTrainer(Trainer):
    """A Trainer whose rows come in `order` and whose checkpoints go to `checkpoints_dir`.

    soft       what the model is to say of each row, where that is more than its label
    mean_loss  whether the loss is a mean over what goes through at once, and not one over the tokens of a step
    merits     step -> how good the model was on held-out rows, of the steps at which that was looked at; more is better
    """

    def __init__(
        self, *, order: Order, checkpoints_dir: Path, soft: SoftTargets | None = None, mean_loss: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.order, self.checkpoints_dir, self.soft, self.mean_loss = order, checkpoints_dir, soft, mean_loss
        if mean_loss:
            self.loss_is_scaled_for_ga = False
        self.merits: dict[int, float] = {}

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return self.order

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        rows = inputs.pop(ROW, None)
        if self.soft is None or rows is None:
            return super().compute_loss(model, inputs, return_outputs, None if self.mean_loss else num_items_in_batch)
        targets = self.soft.of(rows, inputs.pop("labels"))
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits.float(), targets)
        return (loss, outputs) if return_outputs else loss

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        def fill(folder: Path) -> None:
            save_file(trained(self.model), folder / WEIGHTS)
            self._save_optimizer_and_scheduler(str(folder))
            self._save_scaler(str(folder))
            self._save_rng_state(str(folder))
            self.state.save_to_json(str(folder / TRAINER_STATE))

        step = self.state.global_step
        checkpoints.write(self.checkpoints_dir, step, fill, self.merits.get(step))
        checkpoints.rotate(self.checkpoints_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        load_trained(model or self.model, Path(resume_from_checkpoint))


def trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What training changes, by name: LoRA matrices and the head, a few MB."""
    return {name: value.detach().cpu().contiguous() for name, value in model.named_parameters() if value.requires_grad}


def load_trained(model: torch.nn.Module, checkpoint: Path) -> None:
    """Put a checkpoint's weights into the model. A checkpoint of another model raises ValueError."""
    weights = load_file(checkpoint / WEIGHTS)
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if weights.keys() != parameters.keys():
        raise ValueError(f"{checkpoint.name} holds other weights than the model that is trained")
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)
