"""What the scorecard of a run says, as plain values for its components: see scorecard_panel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from playground import i18n
from playground.fields import Label, Labels
from playground.i18n import join, render, translate
from playground.services import verdict
from playground.services.confusion import NOTHING
from playground.services.finetune import RunView
from playground.services.report import BEFORE, TUNED
from playground.services.samples import OUTCOMES
from playground.tasks import get_task
from playground.ui import markup

HEAT_LABELS = 16
"""More labels than this do not fit a matrix that can be read: then the most confused pairs are listed."""
PAIRS = 50
LABEL_CHARS = 40
WORDS_CHARS = 200
"""Of what rows are searched for."""
PARTS = (
    "result", "verdict", "scores", "rows", "tested", "outcome", "words", "kept", "samples", "types_box", "types",
    "matrix_box", "hint", "matrix", "taken", "opened", "calibration_box", "calibration",
)  # fmt: skip
EMPTY: dict[str, dict[str, Any]] = {name: {"visible": False} if name == "result" else {} for name in PARTS}
"""Where there is no report. The order is that of the components."""
Report = Mapping[str, Any]
Sample = Mapping[str, Any]


def contents(view: RunView, report: Report, lang: str, peers: Sequence[RunView] = ()) -> dict[str, dict[str, Any]]:
    """{component: keyword arguments of its update}."""
    scope = _scope(report, lang)
    return {
        "result": {"visible": True},
        "verdict": {"value": markup.verdict(join(verdict.verdict(report, lang), scope, lang=lang))},
        "scores": scores(report, lang, peers),
        **_rows(report, lang),
        **_types(report, view.spec.task, lang),
        **_matrix(report, lang),
        **_calibration(report, lang),
    }


def scores(report: Report, lang: str, peers: Sequence[RunView] = ()) -> dict[str, Any]:
    """Arguments for a table: a line for the model, each of its rivals, and other runs of the same comparison."""
    names = list(report["metrics"][TUNED])
    rows = [scored(translate(lang, f"scored.{who}"), report, who, names, lang) for who in report["metrics"]]
    for peer in peers:
        if peer.report:
            line = scored(_peer(peer, lang), peer.report, TUNED, names, lang)
            # Of another vocabulary: a token there is another thing.
            rows.append(["–" if name == "perplexity" else cell for name, cell in zip(["", *names], line, strict=True)])
    return _table(
        [translate(lang, "ui.scores.model"), *(translate(lang, f"metric.{name}") for name in names)], rows, 34
    )


def scored(title: str, report: Report, who: str, names: list[str], lang: str) -> list[str]:
    """A line of the table of scores."""
    intervals = report["intervals"].get(who, {})
    costs = report.get("lower_is_better", [])
    values = report["metrics"][who]
    return [title, *(_score(values[name], intervals.get(name), lang, name in costs) for name in names)]


def _rows(report: Report, lang: str) -> dict[str, dict[str, Any]]:
    """The rows to look at, those of the first outcome there is in sight."""
    counts = outcomes(report)
    chosen = next(iter(counts), "")
    choices = [(translate(lang, f"outcome.{name}", count=f"{count:,}"), name) for name, count in counts.items()]
    said = list(verdict.tested(report, lang))
    if said:
        said.append(
            translate(lang, "outcome.what", rival=translate(lang, f"rival.{report['comparisons'][0]['rival']}"))
        )
    kept, table = samples(report, chosen, "", lang)
    return {
        "rows": {"visible": bool(counts)},
        "tested": {"value": "".join(map(markup.note, said))},
        "outcome": {"choices": choices, "value": chosen or None},
        "words": {"value": ""},
        "kept": kept,
        "samples": table,
    }


def outcomes(report: Report) -> dict[str, int]:
    """How many rows there are of each outcome, in their order."""
    kept = Counter(_outcome(row) for row in report.get("samples", ()))
    counts = {**kept, **report.get("outcomes", {})}
    return {name: counts[name] for name in OUTCOMES if counts.get(name)}


def samples(report: Report, outcome: str, words: str, lang: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments for a note and a table: the kept rows of an outcome that hold the words."""
    wanted = words.strip().casefold()[:WORDS_CHARS]
    rows = [row for row in report.get("samples", ()) if _outcome(row) == outcome and wanted in _all_text(row)]
    total = outcomes(report).get(outcome, 0)
    said = translate(lang, "outcome.kept", shown=f"{len(rows):,}", count=f"{total:,}")
    note = join(said, _numbers(report, rows, lang), lang=lang)
    return {"value": markup.note(note)}, table_of(rows, lang, report.get("samples", ()))


def opened(report: Report, cell: tuple[int, int], lang: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments for a note and a table: the kept rows of a cell of the confusion matrix."""
    labels = report["labels"]
    count = sum(found[2] for found in cells(report) if tuple(found[:2]) == cell)
    rows = [row for row in report.get("samples", ()) if list(cell) in row.get("cells", ())]
    gold, answer = (_label(labels[number], lang) for number in cell)
    said = translate(lang, "matrix.opened", gold=gold, answer=answer, count=f"{count:,}", shown=f"{len(rows):,}")
    return {"value": markup.note(said)}, {**table_of(rows, lang), "visible": bool(rows)}


def table_of(rows: Sequence[Sample], lang: str, among: Sequence[Sample] = ()) -> dict[str, Any]:
    """Arguments for a table: rows, which are `among` others, with the right answer and what was given by whom."""
    sides = ["gold", TUNED, *(side for side in ("rival", BEFORE) if any(side in row for row in rows or among))]
    headers = [translate(lang, f"ui.samples.{name}") for name in ("input", *sides)]
    data = [[_inputs(row.get("inputs", {})), *(plain(row.get(side, "")) for side in sides)] for row in rows]
    return _table(headers, data, first=46 if len(sides) < 3 else 34)


def _outcome(row: Sample) -> str:
    """Reports of earlier versions say only whether a row is right."""
    return str(row.get("outcome") or ("right" if row["right"] else "wrong"))


def _all_text(row: Sample) -> str:
    return "\n".join(
        [*row.get("inputs", {}).values(), *(plain(row.get(side, "")) for side in ("gold", TUNED))]
    ).casefold()


def _numbers(report: Report, rows: Sequence[Sample], lang: str) -> str:
    """What the numbers are where rows have such in place of answers."""
    if not any(isinstance(row[TUNED], float) for row in rows):
        return ""
    return translate(lang, "outcome.numbers", metric=translate(lang, f"metric.{next(iter(report['metrics'][TUNED]))}"))


def _inputs(inputs: Mapping[str, str]) -> str:
    return "\n\n".join(str(value) for value in inputs.values() if value)


def plain(value: Any) -> str:
    """A gold or predicted value as one cell of text."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, str):
        return value or "–"
    return " · ".join(item["text"] + (f" ({item['label']})" if "label" in item else "") for item in value) or "–"


def _types(report: Report, task_id: str, lang: str) -> dict[str, dict[str, Any]]:
    """The table of the parts of a score, where its task has such."""
    if "per_type" in report:
        output = get_task(task_id).output
        label = translate(lang, f"types.of_{'labels' if isinstance(output, (Label, Labels)) else 'entities'}")
        table = per_type(report, verdict.per_type_headers(output, lang), lang)
        return {"types_box": {"visible": True, "label": label}, "types": {**table, "label": label}}
    if "answerable" in report and "unanswerable" in report:
        label = translate(lang, "ui.answerability")
        return {
            "types_box": {"visible": True, "label": label},
            "types": {**by_answerability(report, lang), "label": label},
        }
    return {"types_box": {"visible": False}, "types": {}}


def per_type(report: Report, headers: list[str], lang: str) -> dict[str, Any]:
    """Arguments for a table: precision, recall and F1 of every class or entity type, the frequent ones first."""
    data = [
        [
            _short(row["label"]),
            *(verdict.percent(row[name], lang) for name in ("precision", "recall", "f1")),
            verdict.support(row["support"], lang),
        ]
        for row in verdict.per_type(report)
    ]
    return _table(headers, data, first=28)


def by_answerability(report: Report, lang: str) -> dict[str, Any]:
    """Arguments for a table: the questions that their context answers, and those that it does not."""
    headers = [translate(lang, f"ui.answerability.{name}") for name in ("kind", "count")]
    headers += [translate(lang, f"metric.{name}") for name in ("answer_f1", "exact_match")]
    told, untold = report["answerable"], report["unanswerable"]
    # Where nothing is to be found, both scores are the share of questions left without an answer.
    found = {
        "answerable": (told["count"], told["answer_f1"], told["exact_match"]),
        "unanswerable": (untold["count"], untold["accuracy"], untold["accuracy"]),
    }
    data = [
        [translate(lang, f"ui.answerability.{kind}"), f"{count:,}", *(verdict.percent(share, lang) for share in shares)]
        for kind, (count, *shares) in found.items()
    ]
    return _table(headers, data, first=31)


def cells(report: Report) -> list[list[int]]:
    """[[gold, answer, count], ...] of the confusion matrix; reports of earlier versions have it in full."""
    if "cells" in report:
        return list(report["cells"])
    return [[i, j, n] for i, row in enumerate(report.get("confusion", ())) for j, n in enumerate(row) if n]


def _matrix(report: Report, lang: str) -> dict[str, dict[str, Any]]:
    """The confusion matrix, or the most confused pairs, and no rows of it opened yet."""
    shut: dict[str, dict[str, Any]] = {"taken": {"value": ""}, "opened": {"visible": False}}
    if not cells(report):
        return {"matrix_box": {"visible": False}, "hint": {}, "matrix": {}, **shut}
    is_heat = len(report["labels"]) <= HEAT_LABELS
    words = "matrix" if is_heat else "matrix.pairs"
    hint = translate(lang, f"{words}.hint") if "cells" in report else ""
    table = heat(report, lang) if is_heat else pairs(report, lang)
    box = {"visible": True, "label": translate(lang, words)}
    return {"matrix_box": box, "hint": {"value": markup.note(hint)}, "matrix": table, **shut}


def heat(report: Report, lang: str) -> dict[str, Any]:
    """Arguments for a table: a row for each true label, a column for each answer, in the strength of their counts."""
    labels = [_label(label, lang) for label in report["labels"]]
    counts = [[0] * len(labels) for _ in labels]
    for gold, answer, count in cells(report):
        counts[gold][answer] = count
    most = [max(1, sum(row)) for row in counts]
    data = [[label, *map(str, row)] for label, row in zip(labels, counts, strict=True)]
    styling = [["", *(_heat(count / most[i], i == j) for j, count in enumerate(row))] for i, row in enumerate(counts)]
    value = {"headers": [translate(lang, "matrix.corner"), *labels], "data": data, "metadata": {"styling": styling}}
    # Its columns are as many as there are labels: their widths are the table's own affair.
    return {"value": value, "column_widths": []}


def pairs(report: Report, lang: str) -> dict[str, Any]:
    """Arguments for a table: the labels most often taken for one another."""
    found = worst(report)
    there = Counter[int]()
    for gold, _, count in cells(report):
        there[gold] += count
    labels = report["labels"]
    data = [[_label(labels[i], lang), _label(labels[j], lang), f"{count} / {there[i]}"] for i, j, count in found]
    return _table([translate(lang, f"matrix.{name}") for name in ("gold", "answer", "rows")], data, first=40)


def worst(report: Report) -> list[list[int]]:
    """The fullest cells beside the diagonal."""
    beside = [cell for cell in cells(report) if cell[0] != cell[1]]
    return sorted(beside, key=lambda cell: (-cell[2], cell[0], cell[1]))[:PAIRS]


def cell_at(report: Report, index: Any, values: Any, lang: str) -> tuple[int, int] | None:
    """The cell of a click at (row, column) of the table; None beside it. `values` tell the row, should it be sorted."""
    if not (isinstance(index, (list, tuple)) and len(index) == 2 and all(isinstance(place, int) for place in index)):
        return None
    is_heat = len(report["labels"]) <= HEAT_LABELS
    lines = (heat if is_heat else pairs)(report, lang)["value"]["data"]
    line = [str(value) for value in values] if isinstance(values, list) else []
    row, column = lines.index(line) if line in lines else index[0], index[1]
    if not (0 <= row < len(lines) and 0 <= column < len(lines[row])):
        return None
    if is_heat:
        return (row, column - 1) if column else None
    gold, answer, _ = worst(report)[row]
    return gold, answer


def _heat(share: float, right: bool) -> str:
    """A background from nothing to strong: teal on the diagonal, red beside it."""
    colour = "20, 184, 166" if right else "220, 38, 38"
    return f"background-color: rgba({colour}, {0.08 + 0.5 * share:.2f})" if share else ""


def _calibration(report: Report, lang: str) -> dict[str, dict[str, Any]]:
    """Whether its scores can be taken at their word, as a sentence and a chart."""
    if "calibration" not in report:
        return {"calibration_box": {"visible": False}, "calibration": {}}
    found = report["calibration"]
    lines = [
        (f"{100 * one['from']:.0f}–{100 * one['to']:.0f} %", one["right"], one["score"], f"{one['count']:,}")
        for one in found["bins"]
    ]
    sure, right, answers = (translate(lang, f"calibration.{name}") for name in ("sure", "right", "answers"))
    chart = markup.reliability((sure, right, answers), lines, lang)
    said = markup.paragraph(verdict.calibration(found, lang))
    note = markup.note(translate(lang, "calibration.what"))
    return {"calibration_box": {"visible": True}, "calibration": {"value": said + chart + note}}


def _peer(view: RunView, lang: str) -> str:
    """What another run of a comparison is called."""
    way = translate(lang, f"ui.peer.{view.spec.method}", base=view.spec.base.rpartition("/")[2])
    took = (view.report or {}).get("seconds", {}).get("training")
    return f"{way} · {duration(took, lang)}" if took else way


def _scope(report: Report, lang: str) -> str:
    """On how many rows it was measured, and how long it took."""
    rows, spent = report["rows"], report.get("seconds", {})
    values = {"held_out": f"{rows['held_out']:,}", "train": f"{rows['train']:,}"}
    said = translate(lang, "verdict.rows", **values)
    if "total" not in spent:
        return said
    took = duration(spent["total"] - spent.get("queued", 0.0), lang)
    return join(said, translate(lang, "verdict.time", time=took), lang=lang)


def _table(headers: list[str], data: list[list[str]], first: int) -> dict[str, Any]:
    """Arguments for a table; the first column takes so many percent, the others share the rest: all are in sight."""
    others = len(headers) - 1
    widths = [f"{first}%", *[f"{(100 - first) / others:.1f}%"] * others]
    return {"value": {"headers": headers, "data": data}, "column_widths": widths}


def duration(seconds: float, lang: str) -> str:
    """Seconds as people say them."""
    return render(i18n.duration(seconds), lang)


def _score(value: float, interval: list[float] | None, lang: str, is_cost: bool) -> str:
    shown = [verdict.amount(number, lang, is_cost) for number in (value, *(interval or ()))]
    return shown[0] + (f" ({shown[1]} – {shown[2]})" if interval else "")


def _label(label: str, lang: str) -> str:
    return _short(label) if label != NOTHING else translate(lang, "matrix.nothing")


def _short(label: str) -> str:
    return label if len(label) <= LABEL_CHARS else label[:LABEL_CHARS] + "…"
