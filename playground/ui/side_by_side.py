"""Several runs side by side: their curves laid over one another, their scores, and the settings that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import translate
from playground.runs import TrainingParams
from playground.services import verdict
from playground.services.finetune import RunView
from playground.services.history import SideBySide
from playground.services.report import TUNED
from playground.ui import markup
from playground.ui.numbers import word
from playground.ui.runs_table import base_name
from playground.ui.scorecard import duration

OVER = ("step", "epoch", "time")
"""What the charts may run along: keys of a row of metrics.jsonl."""
CURVES = {"loss": "ui.chart.loss", "held_out": "ui.chart.score", "held_out_loss": "ui.chart.held_out_loss"}
"""What is drawn, each in a chart of its own: a score and a loss have no axis in common."""
CHART_HEIGHT = 280
TITLE_CHARS = 40
X, Y, RUN = "x", "y", "run"
PARTS = ("side", "side_told", *(part for name in CURVES for part in (f"over_{name}_box", f"over_{name}")), "side_table")
EMPTY: dict[str, dict[str, Any]] = {name: {"visible": False} if name == "side" else {} for name in PARTS}
"""Where fewer than two are ticked. The order is that of the components."""


class SidePanel:
    """Built inside the run panel. Its parts are filled by `contents`."""

    def __init__(self, lang: str) -> None:
        text = partial(translate, lang)
        with gr.Column(visible=False, elem_id="side-by-side") as side:
            self.parts: dict[str, Any] = {"side": side}
            gr.HTML(markup.section(text("ui.side")), padding=False)
            self.parts["side_told"] = gr.HTML(padding=False, elem_id="side-told")
            self.over = gr.Radio(
                [(text(f"ui.side.over.{name}"), name) for name in OVER], value=OVER[0], label=text("ui.side.over"),
                elem_id="side-over",
            )  # fmt: skip
            for name, title in CURVES.items():
                with gr.Column(visible=False) as self.parts[f"over_{name}_box"]:
                    gr.HTML(markup.note(text(title)), padding=False)
                    self.parts[f"over_{name}"] = gr.LinePlot(
                        x=X, y=Y, color=RUN, x_title=" ", y_title=" ", color_title=text("ui.side.run"),
                        height=CHART_HEIGHT, buttons=[], elem_id=f"over-{name}",
                    )  # fmt: skip
            self.parts["side_table"] = gr.Dataframe(
                interactive=False, datatype="str", type="array", wrap=True, buttons=[], label=text("ui.side.table"),
                elem_id="side-table",
            )  # fmt: skip
        assert list(self.parts) == list(PARTS)


def contents(both: SideBySide, over: str, lang: str) -> dict[str, dict[str, Any]]:
    """{component: keyword arguments of its update}; the points of a chart are its value, in plain lists."""
    if len(both.views) < 2:
        return EMPTY
    text = partial(translate, lang)
    titles = names(both.views)
    found: dict[str, dict[str, Any]] = {"side": {"visible": True}}
    scored = sum(view.report is not None for view in both.views) > 1
    told = text("ui.side.same_rows" if both.same_rows else "ui.side.other_rows") if scored else ""
    found["side_told"] = {"value": markup.note(told)}
    for name in CURVES:
        points = [
            point for view, title in zip(both.views, titles, strict=True) for point in _curve(view, name, over, title)
        ]
        found[f"over_{name}_box"] = {"visible": bool(points)}
        found[f"over_{name}"] = {"value": points}
    found["side_table"] = _table(both, titles, lang)
    return found


def frame(points: Sequence[Sequence[Any]]) -> Any:
    """Points as a DataFrame for a chart."""
    import pandas as pd  # type: ignore[import-untyped]

    found = pd.DataFrame(points, columns=[X, Y, RUN])
    return found.astype({X: "float64", Y: "float64", RUN: "object"})


def names(views: Sequence[RunView]) -> list[str]:
    """What each run is called here: its name, with a number where several have the same."""
    short = [view.title if len(view.title) <= TITLE_CHARS else view.title[:TITLE_CHARS] + "…" for view in views]
    counts, seen = Counter(short), Counter[str]()
    found = []
    for title in short:
        seen[title] += 1
        found.append(f"{title} ({seen[title]})" if counts[title] > 1 else title)
    return found


def _curve(view: RunView, name: str, over: str, title: str) -> list[list[Any]]:
    over = over if over in OVER else OVER[0]
    return [
        [row[over], row[name], title] for row in view.metrics if row.get(name) is not None and row.get(over) is not None
    ]


def _table(both: SideBySide, titles: list[str], lang: str) -> dict[str, Any]:
    """A column for each run: its state, its scores, and the settings that differ."""
    text = partial(translate, lang)
    rows = [[text("ui.side.state"), *(text(f"state.{view.status.state}") for view in both.views)]]
    for metric, is_cost in both.metrics.items():
        values = [(view.report or {"metrics": {TUNED: {}}})["metrics"][TUNED].get(metric) for view in both.views]
        shown = ["–" if value is None else verdict.amount(value, lang, is_cost) for value in values]
        rows.append([text(f"metric.{metric}"), *shown])
    spent = [(view.report or {}).get("seconds", {}).get("training") for view in both.views]
    rows.append([text("ui.side.seconds"), *("–" if one is None else duration(one, lang) for one in spent)])
    for name, values in both.settings.items():
        title = f"number.{name}" if name in TrainingParams.model_fields else f"ui.side.setting.{name}"
        rows.append([text(title), *(_setting(name, value, lang) for value in values)])
    first = 24
    widths = [f"{first}%", *[f"{(100 - first) / len(titles):.1f}%"] * len(titles)]
    return {"value": {"headers": ["", *titles], "data": rows}, "column_widths": widths}


def _setting(name: str, value: Any, lang: str) -> str:
    """A setting's value in words."""
    if value is None or value == "":
        return "–"
    if name in TrainingParams.model_fields:
        return word(name, value, lang)
    words = {"task": "task", "method": "ui.way", "preset": "ui.preset"}
    if name in words:
        return translate(lang, f"{words[name]}.{value}")
    return base_name(str(value)) if name == "base" else str(value)
