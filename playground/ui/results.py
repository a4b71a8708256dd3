"""What the run panel says, as plain values: numbers with their meaning, in the visitor's language."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import Any

from playground.i18n import Message, join, render, translate
from playground.services import finetune
from playground.services.finetune import RunView
from playground.ui import markup

HEAT_LABELS = 15
"""More classes than this do not fit a matrix that can be read: then the most confused pairs are listed."""
PAIRS = 15
LABEL_CHARS = 40


def contents(view: RunView | None, views: list[RunView], lang: str) -> dict[str, Any]:
    """{part of the panel: its content}: text, whether it is shown, or keyword arguments of its update."""
    text = partial(translate, lang)
    choices = [(_line(item, lang), item.id) for item in views]
    parts: dict[str, Any] = {
        "none": "" if views else markup.note(text("ui.runs.none")),
        "runs": {"choices": choices, "value": view.id if view else None, "visible": len(choices) > bool(view)},
        "body": view is not None,
        "head": "", "stop": {"visible": False}, "resume": False, "use": False, "charts": False, "loss": [],
        "score": [], "result": False, "verdict": "", "scores": {}, "breakdown": {}, "samples": {}, "events": "",
        "command": "", "log": "",
    }  # fmt: skip
    if view:
        parts |= _progress(view, lang) | (_report(view, view.report, lang) if view.report else {})
    return parts


def _progress(view: RunView, lang: str) -> dict[str, Any]:
    text = partial(translate, lang)
    going = view.status.state in ("queued", "running")
    asked = any(event["message"]["key"] == "event.stop_requested" for event in view.events[-1:])
    loss = [(row["step"], row["loss"]) for row in view.metrics if row.get("loss") is not None]
    score = [(row["step"], row["held_out"]) for row in view.metrics if row.get("held_out") is not None]
    words = (text("ui.chart.step"), text("ui.chart.loss"), text("ui.chart.score"))
    return {
        "head": _head(view, lang),
        "stop": {"visible": going, "interactive": not asked, "value": text("ui.stopping" if asked else "ui.stop")},
        "resume": view.status.state in ("stopped", "failed"),
        "use": view.usable,
        "charts": bool(loss or score),
        "loss": [words[0], words[1], loss],
        "score": [words[0], words[2], score],
        "events": markup.events((_clock(event["time"]), _text(event["message"], lang)) for event in view.events),
        "command": finetune.command(view.spec, view.spec.data),
        "log": view.log,
    }


def _head(view: RunView, lang: str) -> str:
    status, spec = view.status, view.spec
    text = partial(translate, lang)
    going = status.state in ("queued", "running")
    facts = [text(f"state.{status.state}")]
    if going and status.phase and status.phase != "queued":
        facts.append(text(f"phase.{status.phase}"))
    if status.max_steps:
        facts.append(text("ui.step_of", step=status.step, max_steps=status.max_steps))
    if going and status.seconds_left is not None:
        facts.append(text("ui.time_left", time=duration(status.seconds_left, lang)))
    facts += [text(f"ui.method.{spec.method}"), _text(status.device, lang)]
    done = status.step / status.max_steps if status.max_steps else 0.0
    why = join(_text(status.reason, lang), _text(status.hint, lang), lang=lang)
    return markup.run_head(spec.name or spec.data, facts, done=None if status.state == "done" else done, why=why)


def _report(view: RunView, report: dict[str, Any], lang: str) -> dict[str, Any]:
    text = partial(translate, lang)
    names = list(report["metrics"]["tuned"])
    rows = [
        [
            text(f"scored.{who}"),
            *(_score(values[name], report["intervals"].get(who, {}).get(name), lang) for name in names),
        ]
        for who, values in report["metrics"].items()
    ]
    headers = [text("ui.scores.model"), *(text(f"metric.{name}") for name in names)]
    return {
        "result": True,
        "verdict": markup.verdict(join(_verdict(report, view.spec.method, lang), _scope(report, lang), lang=lang)),
        "scores": _table(headers, rows, first=34),
        "breakdown": _breakdown(report, lang),
        "samples": samples(report.get("samples", []), lang),
    }


def _breakdown(report: dict[str, Any], lang: str) -> dict[str, Any]:
    """Arguments for a table of the parts of a result, where its task has such."""
    if "confusion" in report:
        # Its columns are as many as there are labels: their widths are the table's own affair.
        return {"visible": True, "column_widths": [], **confusion(report["labels"], report["confusion"], lang)}
    if "per_type" in report:
        return {"visible": True, **per_type(report["per_type"], lang)}
    if "answerable" in report and "unanswerable" in report:
        return {"visible": True, **by_answerability(report, lang)}
    return {"visible": False}


def _table(headers: list[str], data: list[list[str]], first: int) -> dict[str, Any]:
    """Arguments for a table; the first column takes so many percent, the others share the rest: all are in sight."""
    others = len(headers) - 1
    widths = [f"{first}%", *[f"{(100 - first) / others:.1f}%"] * others]
    return {"value": {"headers": headers, "data": data}, "column_widths": widths}


def per_type(scores: dict[str, dict[str, float]], lang: str) -> dict[str, Any]:
    """Arguments for a table: precision, recall and F1 of every entity type, the frequent ones first."""
    names = ("precision", "recall", "f1")
    headers = [translate(lang, f"ui.per_type.{name}") for name in ("type", *names, "support")]
    order = sorted(scores, key=lambda kind: -scores[kind]["support"])
    data = [
        [_short(kind), *(_percent(scores[kind][name], lang) for name in names), f"{scores[kind]['support']:.0f}"]
        for kind in order
    ]
    return {"label": translate(lang, "ui.per_type"), **_table(headers, data, first=28)}


def by_answerability(report: dict[str, Any], lang: str) -> dict[str, Any]:
    """Arguments for a table: the questions that their context answers, and those that it does not."""
    headers = [translate(lang, f"ui.answerability.{name}") for name in ("kind", "count")]
    headers += [translate(lang, f"metric.{name}") for name in ("answer_f1", "exact_match")]
    told, untold = report["answerable"], report["unanswerable"]
    # Where nothing is to be found, both scores are the share of questions left without an answer.
    scores = {
        "answerable": (told["count"], told["answer_f1"], told["exact_match"]),
        "unanswerable": (untold["count"], untold["accuracy"], untold["accuracy"]),
    }
    data = [
        [translate(lang, f"ui.answerability.{kind}"), f"{count:,}", *(_percent(share, lang) for share in shares)]
        for kind, (count, *shares) in scores.items()
    ]
    return {"label": translate(lang, "ui.answerability"), **_table(headers, data, first=31)}


def samples(found: list[dict[str, Any]], lang: str) -> dict[str, Any]:
    """Arguments for a table of held-out rows with the right and the given answer; the wrong ones come first."""
    if not found:
        return {"visible": False}
    headers = [translate(lang, f"ui.samples.{name}") for name in ("input", "gold", "tuned")]
    data = [[_inputs(row.get("inputs", {})), plain(row["gold"]), plain(row["tuned"])] for row in found]
    return {"visible": True, **_table(headers, data, first=46)}


def _inputs(inputs: dict[str, str]) -> str:
    return "\n\n".join(str(value) for value in inputs.values())


def plain(value: Any) -> str:
    """A gold or predicted value as one cell of text."""
    if isinstance(value, str):
        return value or "–"
    return " · ".join(item["text"] + (f" ({item['label']})" if "label" in item else "") for item in value) or "–"


def _verdict(report: dict[str, Any], method: str, lang: str) -> str:
    """Better than its rival or not, and beyond the interval or not, by the metric that decides.

    The rival is the strongest baseline, the last one; that of a probe is the majority class.
    """
    baselines = [name for name in report["metrics"] if name != "tuned"]
    rival = baselines[0] if method == "linear_probe" else baselines[-1]
    metric = next(iter(report["metrics"]["tuned"]))
    tuned, other = report["metrics"]["tuned"][metric], report["metrics"][rival][metric]
    low, high = report["intervals"]["tuned"][metric]
    outcome = "better" if other < low else "worse" if other > high else "same"
    shares = {"tuned": tuned, "other": other, "low": low, "high": high}
    values = {name: _percent(share, lang) for name, share in shares.items()}
    words = {"metric": translate(lang, f"metric.{metric}"), "rival": translate(lang, f"rival.{rival}")}
    said = translate(lang, f"ui.verdict.{outcome}", **values, **words)
    return said[0].upper() + said[1:]


def _scope(report: dict[str, Any], lang: str) -> str:
    rows, spent = report["rows"], report.get("seconds", {})
    seconds = spent["total"] - spent.get("queued", 0.0) if "total" in spent else None
    values = {"held_out": f"{rows['held_out']:,}", "train": f"{rows['train']:,}"}
    scope = translate(lang, "ui.verdict.rows", **values)
    return (
        scope
        if seconds is None
        else join(scope, translate(lang, "ui.verdict.time", time=duration(seconds, lang)), lang=lang)
    )


def confusion(labels: list[str], counts: list[list[int]], lang: str) -> dict[str, Any]:
    """Arguments for a table: a heat map of [C][C] counts, or the most confused pairs of many classes."""
    if len(labels) > HEAT_LABELS:
        return _pairs(labels, counts, lang)
    most = [max(1, sum(row)) for row in counts]
    headers = [translate(lang, "ui.confusion.corner"), *map(_short, labels)]
    data = [[_short(label), *map(str, row)] for label, row in zip(labels, counts, strict=True)]
    styling = [["", *(_heat(count / most[i], i == j) for j, count in enumerate(row))] for i, row in enumerate(counts)]
    value = {"headers": headers, "data": data, "metadata": {"styling": styling}}
    return {"value": value, "label": translate(lang, "ui.confusion")}


def _pairs(labels: list[str], counts: list[list[int]], lang: str) -> dict[str, Any]:
    pairs = [(count, i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if i != j and count]
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:PAIRS]
    headers = [translate(lang, f"ui.confusion.{name}") for name in ("gold", "predicted", "rows")]
    data = [[_short(labels[i]), _short(labels[j]), f"{count} / {sum(counts[i])}"] for count, i, j in worst]
    return {"value": {"headers": headers, "data": data}, "label": translate(lang, "ui.confusion.pairs")}


def _heat(share: float, right: bool) -> str:
    """A background from nothing to strong: teal on the diagonal, red beside it."""
    colour = "20, 184, 166" if right else "220, 38, 38"
    return f"background-color: rgba({colour}, {0.08 + 0.5 * share:.2f})" if share else ""


def frame(content: list[Any]) -> Any:
    """A chart's data: x name, y name and points as a DataFrame."""
    import pandas as pd  # type: ignore[import-untyped]

    x, y, points = content or ("x", "y", [])
    # Without a dtype an empty column is taken for text, and its axis stays one of categories.
    return pd.DataFrame(points, columns=[x, y], dtype="float64")


def duration(seconds: float, lang: str) -> str:
    """Seconds as people say them."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return translate(lang, "ui.seconds", seconds=seconds)
    if seconds < 3600:
        return translate(lang, "ui.minutes", minutes=seconds // 60, seconds=seconds % 60)
    return translate(lang, "ui.hours", hours=seconds // 3600, minutes=seconds % 3600 // 60)


def _line(view: RunView, lang: str) -> str:
    created = datetime.fromisoformat(view.spec.created).astimezone()
    state = translate(lang, f"state.{view.status.state}")
    return f"{view.spec.name or view.spec.data} · {state} · {created:%m-%d %H:%M}"


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _score(value: float, interval: list[float] | None, lang: str) -> str:
    return _percent(value, lang) + (
        f" ({_percent(interval[0], lang)} – {_percent(interval[1], lang)})" if interval else ""
    )


def _percent(share: float, lang: str) -> str:
    return f"{100 * share:.1f}%" if lang == "zh" else f"{100 * share:.1f} %"


def _short(label: str) -> str:
    return label if len(label) <= LABEL_CHARS else label[:LABEL_CHARS] + "…"


def _text(message: dict[str, Any] | None, lang: str) -> str:
    return render(Message.from_json(message), lang) if message else ""
