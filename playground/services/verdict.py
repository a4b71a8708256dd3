"""What a scorecard says in sentences: on the page, on the command line and in the model's card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playground.fields import Field, Label, Labels
from playground.i18n import Message, join, render, translate

Report = Mapping[str, Any]
FAIR = 0.05
"""The expected calibration error below which scores can be taken at their word."""
FEW = 10
"""Rows of a class or entities of a type below which its scores say little: at 10 the 95 % interval of a recall of one
half spans more than half of the scale."""


def verdict(report: Report, lang: str) -> str:
    """Is it better than its rivals, by the metric that decides? A sentence, and a short one for each further rival."""
    if not report.get("comparisons") and len(report["metrics"]) < 2:
        return ""
    first, *others = report.get("comparisons") or [{**_beside(report), "outcome": "untested"}]
    said = [translate(lang, f"verdict.{first['outcome']}", **_values(first, report, lang))]
    said += [translate(lang, f"verdict.also.{one['outcome']}", **_values(one, report, lang)) for one in others]
    said += [translate(lang, "verdict.best_kept", **report["kept"])] if "kept" in report else []
    said += [render(Message.from_json(fix), lang) for fix in report.get("fixes", ())]
    return _begun(join(*said, lang=lang))


def tested(report: Report, lang: str) -> Iterator[str]:
    """How the model was compared with each rival, and what the test found."""
    for found in report.get("comparisons", ()):
        even = report["rows"]["held_out"] - found["rows_better"] - found["rows_worse"]
        counts = {"better": found["rows_better"], "worse": found["rows_worse"], "even": even}
        said = {name: f"{count:,}" for name, count in counts.items()}
        test = translate(lang, f"tested.{found['test']}")
        yield translate(lang, "tested", test=test, **_values(found, report, lang), **said)


def _values(found: Report, report: Report, lang: str) -> dict[str, str]:
    """What a sentence on a comparison may mention, as words."""
    is_cost = found["metric"] in report.get("lower_is_better", ())
    ends = [_signed(value, is_cost) for value in found.get("interval", (0.0, 0.0))]
    return {
        "metric": translate(lang, f"metric.{found['metric']}"),
        "rival": translate(lang, f"rival.{found['rival']}"),
        "p": p_value(found.get("p", 1.0)),
        "difference": _points(_signed(found.get("difference", 0.0), is_cost), lang, is_cost),
        "range": _points(translate(lang, "range", low=ends[0], high=ends[1]), lang, is_cost),
        **{name: amount(found[name], lang, is_cost) for name in ("tuned", "other")},
    }


def _begun(text: str) -> str:
    """With a capital letter, unless it begins with a name like chrF."""
    return text if any(char.isupper() for char in text.split()[0]) else text[0].upper() + text[1:]


def _points(said: str, lang: str, is_cost: bool) -> str:
    """Differences of scores with their unit: shares differ by points."""
    return said if is_cost else translate(lang, "points", value=said)


def _signed(value: float, is_cost: bool) -> str:
    return f"{value if is_cost else 100 * value:+,.{2 if is_cost else 1}f}".replace("-", "−")


def _beside(report: Report) -> dict[str, Any]:
    """The strongest rival of a report that was written before differences were tested."""
    scores = report["metrics"]
    metric = next(iter(scores["tuned"]))
    strongest = min if metric in report.get("lower_is_better", ()) else max
    rival = strongest((who for who in scores if who != "tuned"), key=lambda who: scores[who][metric])
    return {"rival": rival, "metric": metric, "tuned": scores["tuned"][metric], "other": scores[rival][metric]}


def calibration(found: Report, lang: str) -> str:
    """Whether its scores can be taken at their word."""
    shares = {name: percent(found[name], lang) for name in ("score", "right", "error")}
    kind = _calibrated(found)
    return translate(lang, f"calibration.{kind}", count=f"{found['count']:,}", **shares)


def _calibrated(found: Report) -> str:
    """In which way: its error has a direction where most of it stays when the answers are taken together."""
    gap = found["score"] - found["right"]
    if found["few"] or found["error"] < FAIR:
        return "few" if found["few"] else "fair"
    return "mixed" if abs(gap) < found["error"] / 2 else "over" if gap > 0 else "under"


def support(count: float, lang: str) -> str:
    """How many rows or entities a score is of, and where so, that they are too few."""
    said = f"{count:,.0f}"
    return translate(lang, "few.support", count=said) if count < FEW else said


def per_type(report: Report) -> list[dict[str, Any]]:
    """{"label", "precision", "recall", "f1", "support"} of each class or type of entity, the frequent ones first.

    Reports of earlier versions have an object with the labels as its keys.
    """
    found = report.get("per_type", [])
    rows = [{"label": label, **scores} for label, scores in found.items()] if isinstance(found, dict) else found
    return sorted(rows, key=lambda row: -row["support"])


def per_type_headers(output: Field, lang: str) -> list[str]:
    """Of a table with a line for each class, or for each type of entity."""
    kind = "label" if isinstance(output, (Label, Labels)) else "entity"
    names = (kind, "precision", "recall", "f1", f"{kind}_support")
    return [translate(lang, f"types.{name}") for name in names]


def amount(value: float, lang: str, is_cost: bool) -> str:
    """A share as a percentage; what is better when it is lower is any number from 0 on."""
    return f"{value:,.2f}" if is_cost else percent(value, lang)


def percent(share: float, lang: str) -> str:
    return f"{100 * share:.1f}%" if lang == "zh" else f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """With its sign: "= 0.032", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
