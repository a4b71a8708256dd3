"""What a run came to: scores beside the baselines', what they are made of, and rows to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.fields import Answer, Label, Row, Spans
from playground.services import metrics
from playground.services.samples import samples
from playground.tasks.spec import Task

Values = Sequence[Any]


def build(
    task: Task, labels: Sequence[str], gold: Values, answers: Mapping[str, Values], *, rows: Sequence[Row]
) -> dict[str, Any]:
    """The scores of each of `answers` ({"tuned": values, "majority": values, ...}) on the held-out `rows`.

    gold and the values of `answers` are one a row, as Field.compared makes them. Beside the scores
    stand their parts, which depend on what the task predicts, and a few of the rows: see samples.
    """
    tuned = answers["tuned"]
    return {
        "metrics": {name: metrics.score(task.metrics, gold, found) for name, found in answers.items()},
        "intervals": {name: metrics.intervals(task.metrics, gold, found) for name, found in answers.items()},
        "interval_methods": metrics.interval_methods(task.metrics),
        **_parts(task, labels, gold, tuned),
        "samples": samples(task, rows, tuned),
    }


def _parts(task: Task, labels: Sequence[str], gold: Values, tuned: Values) -> dict[str, Any]:
    """What a score is made of, for the class of the task's output."""
    if isinstance(task.output, Label):
        return {"labels": list(labels), "confusion": confusion(labels, gold, tuned)}
    if isinstance(task.output, Spans):
        return {"per_type": metrics.per_type(gold, tuned)}
    return _by_answerability(gold, tuned) if isinstance(task.output, Answer) else {}


def _by_answerability(gold: Values, tuned: Values) -> dict[str, dict[str, float]]:
    """Scores of the questions that their context answers, and of those that it does not, where there are any."""
    sides: dict[bool, list[tuple[Any, Any]]] = {True: [], False: []}
    for pair in zip(gold, tuned, strict=True):
        sides[bool(pair[0])].append(pair)
    found: dict[str, dict[str, float]] = {}
    if sides[True]:
        scores = metrics.score(("exact_match", "answer_f1"), *zip(*sides[True], strict=True))
        found["answerable"] = {"count": len(sides[True]), **scores}
    if sides[False]:
        silent = sum(not value for _, value in sides[False])
        found["unanswerable"] = {"count": len(sides[False]), "accuracy": silent / len(sides[False])}
    return found


def confusion(labels: Sequence[str], gold: Sequence[str], predicted: Sequence[str]) -> list[list[int]]:
    """Counts, [C][C]: rows are gold labels, columns predicted ones, both in the order of `labels`."""
    ids = {label: index for index, label in enumerate(labels)}
    counts = [[0] * len(labels) for _ in labels]
    for right, found in zip(gold, predicted, strict=True):
        counts[ids[right]][ids[found]] += 1
    return counts
