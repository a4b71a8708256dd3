"""The numbers of a fine-tune, chosen from the data, each with its reason in a sentence.

The values were chosen on held-out parts of training data, and to stay within minutes on two cores
(benchmarks/presets.py compares them there); no test file selected anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playground.data import MAX_LENGTH
from playground.data.tokens import UNSPACED
from playground.fields import Answer, Field, Generated, Label, Labels, Spans
from playground.i18n import Message, msg, translate
from playground.languages import has_han
from playground.models.resolve import CHATS, Resolved, head_for
from playground.runs import OURS, RunSpec, TrainingParams
from playground.tasks import get_task
from playground.tasks.spec import Task

PRESET_PASSES = {"quick": 0.4, "balanced": 1.0, "thorough": 2.0}
"""How many passes over the data a preset makes, relative to balanced."""

MAX_STEPS = 6000
"""A fine-tune stays a matter of minutes: larger data gets fewer passes."""

MAX_MARKED = 0.9
"""Share of rows that a dataset may mark as held out, below which RunSpec's own bound lies."""

PROBE_NUMBERS = {"held_out", "max_length"}
LORA_NUMBERS = {"lora_r", "lora_alpha", "lora_dropout"}
SCRATCH_NUMBERS = {"hidden_size", "layers", "vocab_size", "tokens", "dropout"}
"""Numbers that matter to one method only; those of the others are filled in but not told."""

LENGTHS = (64, 128, 256)
"""Longest inputs to choose from, in tokens. The bundled base was trained on 256 at most."""
WHOLE_LENGTHS = (512, 1024)
"""The same where a person asks for it: a step takes four times as long and as much memory at twice the length."""

SCRATCH_PASSES = 3
"""A network from nothing goes over the data so many times as often: it has everything to learn from it."""
MANY_CLASSES = 20
"""From so many classes on a fine-tune learns from the probe, too. On 7,000 rows of banking77's training data (77
classes), held out of a training on 3,003, that gave 0.906; labels alone 0.901, smoothed ones 0.903, the probe 0.901.
Where between 2 classes and 77 it begins to pay was not measured."""
TURN = "-" * 60
"""For the marks that a chat template puts around a turn, and for a short answer."""
MOST_WRITTEN = 500
"""Held-out rows of a task that writes text: writing them takes far longer than reading them."""


CLASSES = (Label, Labels)

PASSES: dict[type[Field], tuple[tuple[int, float], ...]] = {
    Label: ((1000, 4), (100, 6), (0, 12)),
    Labels: ((1000, 4), (100, 6), (0, 12)),
    Spans: ((5000, 4), (1000, 6), (300, 12), (0, 20)),
    Answer: ((10_000, 2), (1000, 4), (0, 8)),
    Generated: ((10_000, 3), (1000, 5), (0, 10)),
}
"""Output field -> (at least so many training rows, passes over them); those of a Label are the rows of one class."""


@dataclass(frozen=True)
class Choice:
    value: Any
    reason: Message


def complete(
    spec: RunSpec, *, rows: int, labels: int, longest: str, most_tokens: int = 0, marked: int = 0, chars: int = 0,
    chat: bool = False,
) -> RunSpec:  # fmt: skip
    """The spec with every open number filled in and a reason for each in `reasons`.

    rows: usable rows before the split; labels: number of classes or types; longest: the input of the most tokens;
    most_tokens: what the base reads at most, 0 where that is not known; marked: rows that the data says are held out;
    chat: whether the base is one that one talks to;
    chars: characters of all texts, by which the size of a network from nothing is chosen.
    Numbers that were set by hand stay, and have no reason.
    """
    given = spec.training
    chosen = _choices(get_task(spec.task), spec, rows, labels, longest, most_tokens, marked, chat)
    if spec.method == "scratch":
        chosen |= _sizes(spec, chars)
    open_names = [name for name in chosen if getattr(given, name) is None]
    training = given.model_copy(update={name: chosen[name].value for name in open_names})
    shown = told(spec.method, spec.task)
    reasons = {name: chosen[name].reason.to_json() for name in open_names if name in shown}
    return spec.model_copy(update={"training": training, "reasons": reasons})


def told(method: str, task: str) -> set[str]:
    """Names of the numbers that matter to a method, for a task's id."""
    every = set(TrainingParams.model_fields)
    if method == "scratch" or type(get_task(task).output) is not Label:
        every -= {"distillation"}  # there is no linear probe to learn from
    return {
        "linear_probe": PROBE_NUMBERS, "lora": every - SCRATCH_NUMBERS, "scratch": every - LORA_NUMBERS,
        "full": every - LORA_NUMBERS - SCRATCH_NUMBERS,
    }[method]  # fmt: skip


def _choices(
    task: Task, spec: RunSpec, rows: int, labels: int, longest: str, most_tokens: int, marked: int, chat: bool
) -> dict[str, Choice]:
    kind, given = type(task.output), spec.training
    held_out = _held_out(kind, rows, marked)
    training_rows = round(rows * (1 - (given.held_out or held_out.value)))
    batch_size = _batch_size(training_rows)
    rank = given.lora_r or 16
    return {
        "held_out": held_out,
        "batch_size": batch_size,
        "epochs": _epochs(kind, spec, training_rows, labels, given.batch_size or batch_size.value),
        "max_length": max_length(task, longest, most_tokens, whole=MAX_LENGTH in spec.fixes, chat=chat),
        "learning_rate": _learning_rate(spec),
        "warmup_ratio": Choice(0.06, msg("autopilot.warmup_ratio")),
        "weight_decay": Choice(0.01, msg("autopilot.weight_decay")),
        **_distillation(spec, labels, chat),
        "lora_r": Choice(16, msg("autopilot.lora_r")),
        "lora_alpha": Choice(2 * rank, msg("autopilot.lora_alpha", alpha=2 * rank)),
        "lora_dropout": Choice(0.0, msg("autopilot.lora_dropout")),
    }


def _sizes(spec: RunSpec, chars: int) -> dict[str, Choice]:
    """How big a network from nothing is, and what it reads."""
    from playground.heads.scratch import Sizes, architecture, choose_sizes

    given = spec.training.model_dump(include=SCRATCH_NUMBERS)
    sizes = choose_sizes(architecture(spec.base), chars, Sizes(**given), get_task(spec.task).heads[0]).model_dump()
    values = {name: sizes[name] for name in sorted(SCRATCH_NUMBERS)}
    words = {**values, "tokens": msg(f"autopilot.tokens.{values['tokens']}")}
    return {name: Choice(values[name], msg(f"autopilot.{name}", value=words[name], chars=chars)) for name in values}


def _held_out(kind: type[Field], rows: int, marked: int) -> Choice:
    if 0 < marked < MAX_MARKED * rows:
        return Choice(marked / rows, msg("autopilot.held_out_marked", kept=marked))
    if rows < 1000:
        return Choice(0.2, msg("autopilot.held_out_small", rows=rows))
    share = min(0.1, (MOST_WRITTEN if kind is Generated else 2000) / rows)
    return Choice(share, msg("autopilot.held_out", rows=rows, kept=round(rows * share)))


def _learning_rate(spec: RunSpec) -> Choice:
    if spec.method == "scratch":
        from playground.heads.scratch import architecture

        rate = architecture(spec.base).learning_rate
        return Choice(rate, msg("autopilot.learning_rate_scratch", value=f"{rate:g}"))
    if spec.method == "lora":
        return Choice(5e-4, msg("autopilot.learning_rate"))
    if spec.base.startswith(OURS):
        return Choice(3e-4, msg("autopilot.learning_rate_ours"))
    return Choice(5e-5, msg("autopilot.learning_rate_full"))


def learns_from_probe(spec: RunSpec, chat: bool) -> bool:
    """Whether a run has a linear probe to learn from: see `distillation`. chat: as for `complete`"""
    return "distillation" in told(spec.method, spec.task) and not chat


def _distillation(spec: RunSpec, labels: int, chat: bool) -> dict[str, Choice]:
    if labels < MANY_CLASSES or not learns_from_probe(spec, chat):
        return {}
    return {"distillation": Choice(0.5, msg("autopilot.distillation", labels=labels))}


def _batch_size(training_rows: int) -> Choice:
    if training_rows < 1000:
        return Choice(16, msg("autopilot.batch_size_small", rows=training_rows))
    return Choice(32, msg("autopilot.batch_size"))


def _epochs(kind: type[Field], spec: RunSpec, training_rows: int, labels: int, batch_size: int) -> Choice:
    per_class = max(1, training_rows // max(1, labels))
    counted = per_class if kind in CLASSES else training_rows
    balanced = next(passes for least, passes in PASSES[kind] if counted >= least)
    balanced *= SCRATCH_PASSES if spec.method == "scratch" else 1
    epochs = max(1.0, round(balanced * PRESET_PASSES[spec.preset], 1))
    steps_per_epoch = -(-training_rows // batch_size)
    if epochs * steps_per_epoch > MAX_STEPS:
        capped = round(MAX_STEPS / steps_per_epoch, 2)
        return Choice(capped, msg("autopilot.epochs_capped", steps=MAX_STEPS, epochs=f"{capped:g}"))
    if kind in CLASSES:
        return Choice(epochs, msg("autopilot.epochs", per_class=per_class, epochs=f"{epochs:g}"))
    return Choice(epochs, msg("autopilot.epochs_rows", rows=training_rows, epochs=f"{epochs:g}"))


def is_asked(task: Task, base: Resolved | None) -> bool:
    """Whether a base is one that one talks to, which reads a prompt around each text."""
    return base is not None and head_for(task.heads, base) in CHATS


def asked_besides(task: Task, base: Resolved | None, labels: Sequence[str], longest: str) -> str:
    """What a chat model reads of each row besides its text: the task's words and its labels; "" for other models."""
    if not is_asked(task, base):
        return ""
    lang = "zh" if has_han(longest) else "en"
    return TURN + translate(lang, task.prompt) + ", ".join(labels)


def likely_tokens(text: str) -> float:
    """About how many tokens a text has: one a Chinese or Japanese character, and elsewhere one every three.

    English has about four characters a token; three leaves room for rare words.
    """
    spaced = len(UNSPACED.sub("", text))
    return len(text) - spaced + spaced / 3


def max_length(task: Task, longest: str, most_tokens: int, *, whole: bool = False, chat: bool = False) -> Choice:
    """Tokens of the longest input that is read at once.

    whole: also one of WHOLE_LENGTHS where LENGTHS would cut the longest text; never more than the base reads.
    chat: of a chat model, which reads a row as one text and in no windows, whatever the task
    """
    needed, chars = likely_tokens(longest) + 2, len(longest)
    cuts = task.cuts or chat
    lengths = (*LENGTHS, *WHOLE_LENGTHS) if chat or (whole and cuts) else LENGTHS
    length = next((length for length in lengths if length >= needed), lengths[-1])
    length = min(length, most_tokens or length)
    if needed > length and not cuts:
        return Choice(length, msg("autopilot.max_length_windows", length=length, chars=chars))
    if needed > length:
        return Choice(length, msg("autopilot.max_length_cut", length=length, chars=chars))
    return Choice(length, msg("autopilot.max_length", length=length, chars=chars))
