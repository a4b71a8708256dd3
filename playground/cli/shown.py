"""What the command line prints for people, as text in a language."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from playground.fields import Answer, Entity, Field, FoundAnswer, Label, LabelScore, Spans
from playground.i18n import Message, msg, translate

if TYPE_CHECKING:
    from playground.services.finetune import RunView


def tell(text: str) -> None:
    """A message: standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def _labels(scores: list[LabelScore], lang: str) -> Iterator[str]:
    for entry in scores:
        yield f"{entry['score']:.4f}  {entry['label']}"


def _entities(found: list[Entity], lang: str) -> Iterator[str]:
    for entity in found:
        yield f"{entity['score']:.4f}  {entity['start']}-{entity['end']}  {entity['entity_group']}  {entity['word']}"
    if not found:
        yield translate(lang, "cli.no_entities")


def _answer(found: FoundAnswer, lang: str) -> Iterator[str]:
    place = f"  {found['start']}-{found['end']}" if found["answer"] else ""
    yield f"{found['score']:.4f}{place}  {found['answer'] or translate(lang, 'cli.no_answer')}"


OUTPUTS: dict[type[Field], Callable[[Any, str], Iterator[str]]] = {Label: _labels, Spans: _entities, Answer: _answer}


def output(field: Field, found: Any, lang: str) -> Iterator[str]:
    """A prediction, a line each: labels or entities with their scores, or the answer."""
    return OUTPUTS[type(field)](found, lang)


def progress(view: RunView, lang: str) -> str:
    """Where a run stands, on one line."""
    status = view.status
    words = [translate(lang, f"state.{status.state}")]
    if status.state in ("queued", "running") and status.phase:
        words.append(translate(lang, f"phase.{status.phase}"))
    if status.max_steps:
        words.append(translate(lang, "cli.step", step=status.step, steps=status.max_steps))
    losses = [row["loss"] for row in view.metrics if row.get("loss") is not None]
    if losses:
        words.append(translate(lang, "cli.loss", loss=f"{losses[-1]:.3f}"))
    if status.state == "running" and status.seconds_left:
        words.append(translate(lang, "cli.left", seconds=round(status.seconds_left)))
    return " · ".join(words)


def scores(report: dict[str, Any] | None, lang: str) -> Iterator[str]:
    """A line each: the baselines, then the run itself. Nothing where there is no report yet."""
    if not report:
        return
    yield translate(lang, "cli.held_out", **report["rows"])
    for who, values in report["metrics"].items():
        # The words stand last: Chinese ones are as wide as two letters, and would shift the columns.
        numbers = "  ".join(f"{translate(lang, f'metric.{name}')} {value:.4f}" for name, value in values.items())
        yield f"{numbers}  {translate(lang, f'scored.{who}')}"


def evaluation(result: dict[str, Any], lang: str) -> Iterator[str]:
    """A line a metric, with its interval where there is one."""
    for name, value in result["metrics"].items():
        interval = result["intervals"].get(name)
        brackets = "  ({:.4f} – {:.4f})".format(*interval) if interval else ""
        yield f"{value:.4f}  {translate(lang, f'metric.{name}')}{brackets}"
    yield translate(lang, "cli.rows", rows=result["rows"])


def use_it(view: RunView, lang: str) -> str:
    """The command that predicts with the run's model."""
    from playground.tasks import get_task

    words = " ".join(f"--{field.name} …" for field in get_task(view.spec.task).inputs)
    return translate(lang, "cli.use_it", task=view.spec.task, model=view.model, words=words)


def why(view: RunView) -> dict[str, Message]:
    """Why a run is not going on, and what to do about it."""
    return {
        "reason": Message.from_json(view.status.reason) if view.status.reason else msg("cli.no_reason"),
        "remedy": Message.from_json(view.status.hint) if view.status.hint else msg("cli.no_remedy"),
    }
