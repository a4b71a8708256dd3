"""What a run came to: scores beside the baselines', as numbers and as the model's card."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.fields import Answer, Label, Row, Spans
from playground.i18n import LANGUAGES, translate
from playground.models.catalog import catalog
from playground.runs import RunSpec
from playground.services import metrics
from playground.services.samples import samples
from playground.tasks.spec import Task

Values = Sequence[Any]
CARD_LABELS = 100
"""Labels a card names before it says how many more there are."""


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


def write_cards(folder: Path, spec: RunSpec, report: Mapping[str, Any]) -> None:
    """README.md with the Hub's front matter, and README.<lang>.md for the other languages."""
    for lang in LANGUAGES:
        if lang == LANGUAGES[0]:
            text, name = _front_matter(spec) + card(spec, report, lang), "README.md"
        else:
            text, name = card(spec, report, lang), f"README.{lang}.md"
        (folder / name).write_text(text, encoding="utf-8")


def card(spec: RunSpec, report: Mapping[str, Any], lang: str) -> str:
    """The model's card as Markdown; whatever comes from the data is escaped."""
    rows, names = report["rows"], list(report["metrics"]["tuned"])
    table = [
        [translate(lang, "card.model"), *(translate(lang, f"metric.{name}") for name in names)],
        ["---"] * (len(names) + 1),
    ]
    for who, values in report["metrics"].items():
        cells = [_score(values[name], report["intervals"][who].get(name)) for name in names]
        table.append([translate(lang, f"scored.{who}"), *cells])
    return "\n".join(
        [
            "# " + plain(spec.name or spec.data),
            "",
            translate(lang, f"card.what.{spec.method}", base=plain(spec.base), train=rows["train"]),
            translate(lang, "card.held_out", held_out=rows["held_out"]),
            "",
            *("| " + " | ".join(cells) + " |" for cells in table),
            "",
            translate(lang, "card.labels", labels=_labels(spec.labels, lang)),
            "",
            translate(lang, "card.limits"),
            "",
        ]
    )


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~>$:])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _labels(labels: Sequence[str], lang: str) -> str:
    separator = "、" if lang == "zh" else ", "
    shown = separator.join(plain(label) for label in labels[:CARD_LABELS])
    more = len(labels) - CARD_LABELS
    return translate(lang, "card.more_labels", shown=shown, more=more) if more > 0 else shown


def _score(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _front_matter(spec: RunSpec) -> str:
    entry = catalog().get(spec.base)
    lines = ["base_model: " + spec.base, "pipeline_tag: text-classification", "library_name: peft"]
    if entry:
        lines.append("license: " + entry.licence.lower())
    return "\n".join(["---", *lines, "---", ""])
