"""The numbers of a fine-tune, chosen from the data, each with its reason in a sentence.

The values were chosen on held-out parts of training data, and to stay within minutes on two cores
(benchmarks/presets.py compares them there); no test file selected anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playground.data.tokens import UNSPACED
from playground.fields import Answer, Field, Label, Spans
from playground.i18n import Message, msg
from playground.runs import RunSpec, TrainingParams
from playground.tasks import get_task
from playground.tasks.spec import Task

PRESET_PASSES = {"quick": 0.4, "balanced": 1.0, "thorough": 2.0}
"""How many passes over the data a preset makes, relative to balanced."""

MAX_STEPS = 6000
"""A fine-tune stays a matter of minutes: larger data gets fewer passes."""

MAX_MARKED = 0.9
"""Share of rows that a dataset may mark as held out, below which RunSpec's own bound lies."""

PROBE_NUMBERS = {"held_out", "max_length"}
"""What matters to a linear probe; the rest is filled in but not told."""

LENGTHS = (64, 128, 256)
"""Longest inputs to choose from, in tokens. The bundled base was trained on 256 at most."""


PASSES: dict[type[Field], tuple[tuple[int, float], ...]] = {
    Label: ((1000, 4), (100, 6), (0, 12)),
    Spans: ((5000, 4), (1000, 6), (300, 12), (0, 20)),
    Answer: ((10_000, 2), (1000, 4), (0, 8)),
}
"""Output field -> (at least so many training rows, passes over them); a Label's rows are those of one class."""


@dataclass(frozen=True)
class Choice:
    value: Any
    reason: Message


def complete(spec: RunSpec, *, rows: int, labels: int, longest: str, most_tokens: int = 0, marked: int = 0) -> RunSpec:
    """The spec with every open number filled in and a reason for each in `reasons`.

    rows: usable rows before the split; labels: number of classes or types; longest: the input of the most tokens;
    most_tokens: what the base reads at most, 0 where that is not known; marked: rows that the data says are held out.
    Numbers that were set by hand stay, and have no reason.
    """
    given = spec.training
    chosen = _choices(get_task(spec.task), spec.preset, rows, labels, longest, most_tokens, marked, given)
    open_names = [name for name in chosen if getattr(given, name) is None]
    training = given.model_copy(update={name: chosen[name].value for name in open_names})
    told = PROBE_NUMBERS if spec.method == "linear_probe" else set(open_names)
    reasons = {name: chosen[name].reason.to_json() for name in open_names if name in told}
    return spec.model_copy(update={"training": training, "reasons": reasons})


def _choices(
    task: Task,
    preset: str,
    rows: int,
    labels: int,
    longest: str,
    most_tokens: int,
    marked: int,
    given: TrainingParams,
) -> dict[str, Choice]:
    kind = type(task.output)
    held_out = _held_out(rows, marked)
    training_rows = round(rows * (1 - (given.held_out or held_out.value)))
    batch_size = _batch_size(training_rows)
    rank = given.lora_r or 16
    return {
        "held_out": held_out,
        "batch_size": batch_size,
        "epochs": _epochs(kind, preset, training_rows, labels, given.batch_size or batch_size.value),
        "max_length": _max_length(kind, longest, most_tokens),
        "learning_rate": Choice(5e-4, msg("autopilot.learning_rate")),
        "warmup_ratio": Choice(0.06, msg("autopilot.warmup_ratio")),
        "weight_decay": Choice(0.01, msg("autopilot.weight_decay")),
        "lora_r": Choice(16, msg("autopilot.lora_r")),
        "lora_alpha": Choice(2 * rank, msg("autopilot.lora_alpha", alpha=2 * rank)),
        "lora_dropout": Choice(0.05, msg("autopilot.lora_dropout")),
    }


def _held_out(rows: int, marked: int) -> Choice:
    if 0 < marked < MAX_MARKED * rows:
        return Choice(marked / rows, msg("autopilot.held_out_marked", kept=marked))
    if rows < 1000:
        return Choice(0.2, msg("autopilot.held_out_small", rows=rows))
    share = min(0.1, 2000 / rows)
    return Choice(share, msg("autopilot.held_out", rows=rows, kept=round(rows * share)))


def _batch_size(training_rows: int) -> Choice:
    if training_rows < 1000:
        return Choice(16, msg("autopilot.batch_size_small", rows=training_rows))
    return Choice(32, msg("autopilot.batch_size"))


def _epochs(kind: type[Field], preset: str, training_rows: int, labels: int, batch_size: int) -> Choice:
    per_class = max(1, training_rows // max(1, labels))
    counted = per_class if kind is Label else training_rows
    balanced = next(passes for least, passes in PASSES[kind] if counted >= least)
    epochs = max(1.0, round(balanced * PRESET_PASSES[preset], 1))
    steps_per_epoch = -(-training_rows // batch_size)
    if epochs * steps_per_epoch > MAX_STEPS:
        capped = round(MAX_STEPS / steps_per_epoch, 2)
        return Choice(capped, msg("autopilot.epochs_capped", steps=MAX_STEPS, epochs=f"{capped:g}"))
    if kind is Label:
        return Choice(epochs, msg("autopilot.epochs", per_class=per_class, epochs=f"{epochs:g}"))
    return Choice(epochs, msg("autopilot.epochs_rows", rows=training_rows, epochs=f"{epochs:g}"))


def likely_tokens(text: str) -> float:
    """About how many tokens a text has: one a Chinese or Japanese character, and elsewhere one every three.

    English has about four characters a token; three leaves room for rare words.
    """
    spaced = len(UNSPACED.sub("", text))
    return len(text) - spaced + spaced / 3


def _max_length(kind: type[Field], longest: str, most_tokens: int) -> Choice:
    needed, chars = likely_tokens(longest) + 2, len(longest)
    length = next((length for length in LENGTHS if length >= needed), LENGTHS[-1])
    length = min(length, most_tokens or length)
    if needed > length and kind is not Label:
        return Choice(length, msg("autopilot.max_length_windows", length=length, chars=chars))
    if needed > length:
        return Choice(length, msg("autopilot.max_length_cut", length=length, chars=chars))
    return Choice(length, msg("autopilot.max_length", length=length, chars=chars))
