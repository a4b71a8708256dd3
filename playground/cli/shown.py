"""What the command line prints for people, as text in a language."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from playground.fields import Answer, Entity, Field, FoundAnswer, Generated, Label, LabelScore, Spans
from playground.i18n import translate

if TYPE_CHECKING:
    from playground.services.finetune import RunView
    from playground.services.history import Line


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


def _written(found: dict[str, str], lang: str) -> Iterator[str]:
    yield from found.values()


OUTPUTS: dict[type[Field], Callable[[Any, str], Iterator[str]]] = {
    Label: _labels,
    Spans: _entities,
    Answer: _answer,
    Generated: _written,
}


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


def run(view: RunView, lang: str) -> str:
    """A run in a list."""
    state = translate(lang, f"state.{view.status.state}")
    return f"{view.id}  {state}  {view.spec.task}  {view.title}"


def run_line(line: Line, lang: str) -> str:
    """A run in a list, with the score that decides."""
    score = line.score
    return run(line.view, lang) + (f"  {translate(lang, f'metric.{score.metric}')} {score.value:.4f}" if score else "")


def scores(report: dict[str, Any] | None, lang: str) -> Iterator[str]:
    """A line each: the baselines, then the run itself; then what that says. Nothing where there is no report yet."""
    if not report:
        return
    from playground.services import verdict

    yield translate(lang, "cli.held_out", **report["rows"])
    for who, values in report["metrics"].items():
        # The words stand last: Chinese ones are as wide as two letters, and would shift the columns.
        numbers = "  ".join(f"{translate(lang, f'metric.{name}')} {value:.4f}" for name, value in values.items())
        yield f"{numbers}  {translate(lang, f'scored.{who}')}"
    yield verdict.verdict(report, lang)


def evaluation(result: dict[str, Any], lang: str) -> Iterator[str]:
    """A line a metric, with its interval; then a line each type; then whether its scores can be trusted."""
    from playground.services import verdict
    from playground.tasks import get_task

    for name, value in result["metrics"].items():
        brackets = "  ({:.4f} – {:.4f})".format(*result["intervals"][name])
        yield f"{value:.4f}  {translate(lang, f'metric.{name}')}{brackets}"
    kinds = verdict.per_type(result)
    if kinds:
        first, *others, count = verdict.per_type_headers(get_task(result["task"]).output, lang)
        yield "  ".join([*others, count, first])
    for found in kinds:
        numbers = "  ".join(f"{found[name]:.4f}" for name in ("precision", "recall", "f1"))
        yield f"{numbers}  {verdict.support(found['support'], lang)}  {found['label']}"
    if "calibration" in result:
        yield verdict.calibration(result["calibration"], lang)
    yield translate(lang, "cli.rows", rows=result["rows"])


def use_it(view: RunView, lang: str) -> str:
    """The command that predicts with the run's model."""
    from playground.tasks import get_task

    task = get_task(view.spec.task)
    words = " ".join(f"--{field.name} …" for field in task.inputs if not field.optional)
    return translate(lang, "cli.use_it", task=task.tab, model=view.model, words=words)
