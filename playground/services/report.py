"""A scorecard: a model's scores beside its rivals', what they are made of, and rows to look at.

One for every task: its parts are read off the task's metrics and the class of its output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from playground.fields import Answer, Field, Generated, Label, Labels, Row, Spans
from playground.services import confusion, metrics
from playground.services.metrics import METRICS
from playground.services.samples import is_right, outcomes, rights_of_parts, samples
from playground.tasks.spec import Task

Values = Sequence[Any]
TUNED, BEFORE = "tuned", "before"
"""The model that the scorecard is of, and its base, where that can answer."""


def build(
    task: Task,
    labels: Sequence[str],
    answers: Mapping[str, Values],
    *,
    rows: Sequence[Row],
    scores: Sequence[Sequence[float]] | None = None,
    itself: str = "",
) -> dict[str, Any]:
    """The scores of each of `answers` ({"tuned": values, "majority": values, ...}) on the held-out `rows`.

    answers  a value for each row, as Field.compared makes them, or as the task's metrics read them
    scores   how sure the model is of each part of its answers: see Field.scores
    itself   the baseline that the model is itself, which is no rival
    """
    gold = [row[task.output.name] for row in rows]
    rivals = {name: values for name, values in answers.items() if name not in (TUNED, itself)}
    comparisons, gains = _comparisons(task, gold, answers[TUNED], rivals)
    labels = confusion.labels_of(task.output, labels, gold, answers[TUNED])
    cells = confusion.cells_of(task.output, labels, gold, answers[TUNED])
    said = outcomes(_rights(task, gold, answers[TUNED]), gains, len(rows))
    strongest = comparisons[0]["rival"] if comparisons else BEFORE
    beside = {BEFORE: rivals[BEFORE]} if BEFORE in rivals else {}
    beside |= {"rival": rivals[strongest]} if strongest != BEFORE else {}
    kept = {who: _readable(task, gold, values) for who, values in {TUNED: answers[TUNED], **beside}.items()}
    return {
        "metrics": {name: metrics.score(task.metrics, gold, found) for name, found in answers.items()},
        "intervals": {name: metrics.intervals(task.metrics, gold, found) for name, found in answers.items()},
        "interval_methods": metrics.interval_methods(task.metrics),
        "lower_is_better": metrics.lower_is_better(task.metrics),
        "comparisons": comparisons,
        "outcomes": dict(Counter(said)),
        **({"labels": labels, "cells": confusion.counted(cells)} if labels else {}),
        **_parts(task.output, labels, gold, answers[TUNED]),
        **_calibration(task.output, gold, answers[TUNED], scores),
        "samples": samples(task, rows, kept, said, cells, gains),
    }


def _comparisons(
    task: Task, gold: Values, tuned: Values, rivals: Mapping[str, Values]
) -> tuple[list[dict[str, Any]], np.ndarray | None]:
    """The model beside the strongest baseline, and beside its base, the stronger of the two first; the gains on it.

    By the metric that decides. The strongest is chosen on the rows that then judge, which favours it.
    """
    name = task.metrics[0]
    metric = METRICS[name]
    sign = -1 if metric.lower_is_better else 1
    baselines = {who: sign * metric.value(gold, values) for who, values in rivals.items() if who != BEFORE}
    chosen = [max(baselines, key=lambda who: baselines[who])] if baselines else []
    chosen += [BEFORE] if BEFORE in rivals else []
    gains = {who: _gains(task, gold, tuned, rivals[who]) for who in chosen}
    found = [
        {
            "rival": who,
            "metric": name,
            **metric.compared(gold, tuned, rivals[who], gains[who]),
            "rows_better": int((gains[who] > 0).sum()),
            "rows_worse": int((gains[who] < 0).sum()),
        }
        for who in chosen
    ]
    found.sort(key=lambda one: -sign * one["other"])
    return found, gains[found[0]["rival"]] if found else None


def _gains(task: Task, gold: Values, tuned: Values, rival: Values) -> np.ndarray:
    """[N]: by how much the model is better on each row. Where the scores are alike, one that is wholly right is."""
    gains = METRICS[task.metrics[0]].gains(gold, tuned, rival)
    ours, theirs = _rights(task, gold, tuned), _rights(task, gold, rival)
    if ours is None or theirs is None:
        return gains
    return np.where(gains == 0, np.subtract(ours, theirs, dtype=np.float64), gains)


def _readable(task: Task, gold: Values, found: Values) -> Values:
    """What can be shown of each row's value: itself, or of likelihoods the score of the row."""
    return METRICS[task.metrics[0]].by_row(gold, found).tolist() if metrics.by_likelihood(task.metrics) else found


def _rights(task: Task, gold: Values, found: Values) -> list[bool] | None:
    """Whether each row is right; None where no answer is the one right one."""
    if isinstance(task.output, Generated):
        return None
    return [is_right(task.output, *pair) for pair in zip(gold, found, strict=True)]


def _parts(output: Field, labels: Sequence[str], gold: Values, tuned: Values) -> dict[str, Any]:
    """What a score is made of, for the class of the output."""
    if isinstance(output, Label):
        return _per_type(metrics.per_class(labels, gold, tuned))
    if isinstance(output, Labels):
        return _per_type(metrics.per_label([label for label in labels if label], gold, tuned))
    if isinstance(output, Spans):
        return _per_type(metrics.per_type(gold, tuned))
    return _by_answerability(gold, tuned) if isinstance(output, Answer) else {}


def _per_type(scores: dict[str, dict[str, float]]) -> dict[str, Any]:
    """A list: the endpoints hand it on, and labels that a dataset brought are no keys there."""
    return {"per_type": [{"label": label, **found} for label, found in scores.items()]}


def _calibration(
    output: Field, gold: Values, tuned: Values, scores: Sequence[Sequence[float]] | None
) -> dict[str, dict[str, Any]]:
    """Whether it is as often right as it is sure, where it says how sure it is."""
    told = [(pair, row) for pair, row in zip(zip(gold, tuned, strict=True), scores or (), strict=bool(scores)) if row]
    sure = [score for _, row in told for score in row]
    right = [part for pair, _ in told for part in rights_of_parts(output, *pair)]
    return {"calibration": metrics.calibration(sure, right)} if sure else {}


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
