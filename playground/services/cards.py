"""A model's card: what it is, how well it does on the held-out rows, and what not to expect of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.fields import Answer, Field, Generated, Label, Labels, Spans
from playground.i18n import LANGUAGES, LanguageName, msg, render, translate
from playground.models.catalog import Entry, catalog
from playground.models.hub import short_count, size
from playground.runs import OURS, SCRATCH, RunSpec
from playground.services import verdict
from playground.tasks import get_task
from playground.tasks.spec import Task

MOST_LABELS = 100
"""Labels a card names before it says how many more there are."""
PIPELINE_TAGS: dict[type[Field], str] = {
    Label: "text-classification",
    Labels: "text-classification",
    Spans: "token-classification",
    Answer: "question-answering",
}
"""Output field -> the Hub's name of the task."""
WRITTEN_TAGS = {"translation_text": "translation", "summary_text": "summarization", "generated_text": "text-generation"}
"""The same by the key of a text that is written."""
Cells = Sequence[str]


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
    rows = report["rows"]
    paragraphs = [
        "# " + plain(spec.name or spec.data),
        translate(lang, f"card.what.{spec.method}", base=plain(spec.base), train=rows["train"])
        + "\n"
        + _teacher(report, lang)
        + translate(lang, "card.held_out", held_out=rows["held_out"], methods=_methods(report, lang)),
        _scores(report, lang),
        verdict.verdict(report, lang),
        translate(lang, f"card.scoring.{spec.task}"),
        _per_type(report, get_task(spec.task).output, lang),
        _by_answerability(report, lang),
        verdict.calibration(report["calibration"], lang) if "calibration" in report else "",
        translate(lang, "card.labels", labels=_labels(spec.labels, lang)) if spec.labels else "",
        translate(lang, f"card.limits.{spec.task}"),
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def known_card(entry: Entry, lang: str) -> str:
    """What is known of a model of the catalog, and what is not, as Markdown."""
    languages = [LanguageName(code) for code in entry.languages]
    facts = [
        msg("known.languages", languages=languages),
        msg("hub.licence", licence=entry.licence) if entry.licence else msg("known.no_licence"),
        msg("hub.parameters", count=short_count(entry.parameters)) if entry.parameters else None,
        msg("known.size", size=size(entry.megabytes * 10**6)) if entry.megabytes else None,
        msg("known.commit", commit=entry.revision[:12]) if entry.revision else None,
        msg("known.verified", day=entry.verified) if entry.verified else msg("known.unverified"),
    ]
    listed = "\n".join("- " + render(fact, lang) for fact in facts if fact)
    good, limits = (translate(lang, f"known.{entry.slug}.{part}") for part in ("good", "limits"))
    return "\n\n".join(["# " + plain(entry.id), good, limits, listed]) + "\n"


def pipeline_tag(task: Task) -> str:
    """What the Hub calls a task."""
    output = task.output
    return WRITTEN_TAGS[output.key] if isinstance(output, Generated) else PIPELINE_TAGS[type(output)]


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~>$:])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _scores(report: Mapping[str, Any], lang: str) -> str:
    """A line for each of who was scored, a column for each metric."""
    names = list(report["metrics"]["tuned"])
    lines = [
        [
            translate(lang, f"scored.{who}"),
            *(_score(values[name], report["intervals"][who].get(name)) for name in names),
        ]
        for who, values in report["metrics"].items()
    ]
    return _table([translate(lang, "card.model"), *(translate(lang, f"metric.{name}") for name in names)], lines)


def _teacher(report: Mapping[str, Any], lang: str) -> str:
    """What it learned from besides its labels."""
    share = report.get("distillation")
    return translate(lang, "card.distillation", share=share) + "\n" if share else ""


def _methods(report: Mapping[str, Any], lang: str) -> str:
    """How the intervals are made: the metrics of each way, and the way."""
    ways: dict[str, list[str]] = {}
    for metric, way in report["interval_methods"].items():
        ways.setdefault(way, []).append(translate(lang, f"metric.{metric}"))
    said = [
        translate(lang, "card.interval", metrics=_listed(names, lang), way=translate(lang, f"interval.{way}"))
        for way, names in ways.items()
    ]
    return _listed(said, lang, "；" if lang == "zh" else "; ")


def _per_type(report: Mapping[str, Any], output: Field, lang: str) -> str:
    """A table with a line for each class or entity type, the frequent ones first."""
    lines = [
        [
            plain(row["label"]),
            *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")),
            verdict.support(row["support"], lang),
        ]
        for row in verdict.per_type(report)[:MOST_LABELS]
    ]
    return _table(verdict.per_type_headers(output, lang), lines)


def _by_answerability(report: Mapping[str, Any], lang: str) -> str:
    """What the questions with and without an answer came to, where the held-out rows have both."""
    if not ("answerable" in report and "unanswerable" in report):
        return ""
    told, untold = report["answerable"], report["unanswerable"]
    f1, exact = f"{told['answer_f1']:.3f}", f"{told['exact_match']:.3f}"
    return "\n".join(
        [
            "- " + translate(lang, "card.answerable", count=told["count"], answer_f1=f1, exact_match=exact),
            "- " + translate(lang, "card.unanswerable", count=untold["count"], accuracy=f"{untold['accuracy']:.3f}"),
        ]
    )


def _table(header: Cells, lines: Sequence[Cells]) -> str:
    """Markdown; nothing where there is no line."""
    cells = [header, ["---"] * len(header), *lines] if lines else []
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _labels(labels: Sequence[str], lang: str) -> str:
    shown = _listed(map(plain, labels[:MOST_LABELS]), lang)
    more = len(labels) - MOST_LABELS
    return translate(lang, "card.more_labels", shown=shown, more=more) if more > 0 else shown


def _listed(words: Iterable[str], lang: str, separator: str = "") -> str:
    return (separator or ("、" if lang == "zh" else ", ")).join(words)


def _score(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _front_matter(spec: RunSpec) -> str:
    tag = pipeline_tag(get_task(spec.task))
    entry = catalog().get(spec.base)
    # Only what others can find, too.
    lines = [] if spec.base.startswith((SCRATCH, *OURS)) else ["base_model: " + spec.base]
    lines += [f"pipeline_tag: {tag}", "library_name: " + ("peft" if spec.method == "lora" else "transformers")]
    if entry and entry.licence:
        lines.append("license: " + entry.licence.lower())
    return "\n".join(["---", *lines, "---", ""])
