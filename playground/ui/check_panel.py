"""What the check of a dataset found, each fault with its fixes, and the charts of what would be trained on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr

from playground.data import FIXES, Checked, fix_label
from playground.errors import PlaygroundError
from playground.i18n import render, translate
from playground.services.lengths import BINS, Lengths
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.columns import PICKED
from playground.ui.unseen import unseen
from playground.ui.wrapper import Visitor

CHART_HEIGHT = 260
CHART_WIDTH = 280
SHOWN_LABELS = 8
CHARTED = 20
"""Labels with a bar of their own; the bar of the others stands beside them."""
LABEL_CHARS = 18
SPANS = [*(f"≤ {most}" for most in BINS), f"> {BINS[-1]}"]
"""What stands below each bar of lengths."""
WHOLE, PART = "#14b8a6", "#d97706"

ON_FIX = """let pressed = null;
element.addEventListener("click", (event) => {
  pressed = event.target.closest("[data-fix]");
  if (pressed) trigger("click", { fix: pressed.dataset.fix });
});
new MutationObserver(() => {
  const now = pressed && element.querySelector(`[data-fix="${pressed.dataset.fix}"]`);
  if (now && now !== pressed) {
    pressed = null;
    now.focus({ preventScroll: true });
  }
}).observe(element, { childList: true, subtree: true });"""
"""The findings are HTML, so a button in them says by itself which fix it is for.

The button that undoes a fix comes in the place of the one that was pressed, and takes over the keyboard from it.
"""


class CheckPanel:
    """Built inside the fine-tune tab, below the columns.

    fixes  holds the names of the fixes that are applied, with blanks between them
    """

    def __init__(self, lang: str) -> None:
        text = partial(translate, lang)
        self.lang = lang
        self.findings = gr.HTML(padding=False, elem_id="checked", js_on_load=ON_FIX)
        self.fixes = unseen("fixes")
        with gr.Row(visible=False) as self.charts:
            with gr.Column(min_width=CHART_WIDTH) as self.labels_box:
                self.labels_title = gr.HTML(padding=False)
                self.labels = self._chart(text("ui.chart.label"), elem_id="chart-labels", sort="-y")
            with gr.Column(min_width=CHART_WIDTH):
                self.lengths_title = gr.HTML(padding=False)
                words = (text("ui.chart.whole"), text("ui.chart.part"))
                self.lengths = self._chart(
                    text("ui.chart.tokens"), elem_id="chart-lengths", sort=SPANS, color=text("ui.chart.read"),
                    color_title=" ", color_map=dict(zip(words, (WHOLE, PART), strict=True)),
                )  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """All parts but the fixes: a check that ends behind a click on one must not take it back."""
        return self.parts[:-1]

    @property
    def parts(self) -> list[Any]:
        return [
            self.findings, self.charts, self.labels_box, self.labels_title, self.labels, self.lengths_title,
            self.lengths, self.fixes,
        ]  # fmt: skip

    def _chart(self, x: str, **options: Any) -> gr.BarPlot:
        y = translate(self.lang, "ui.chart.rows")
        return gr.BarPlot(
            x=x,
            y=y,
            x_title=" ",
            y_title=" ",
            x_label_angle=-40,
            height=CHART_HEIGHT,
            min_width=CHART_WIDTH,
            buttons=[],
            **options,
        )

    def drawn(
        self, visitor: Visitor, task: Task, checked: Checked, lengths: Lengths | None, fixes: list[str]
    ) -> list[Any]:
        """An update for each of `parts`."""
        title = ""
        if checked.counts:
            more = visitor.text("ui.chart.largest", shown=CHARTED) if len(checked.counts) > CHARTED else ""
            title = visitor.text(f"ui.chart.counts.{PICKED[type(task.output)]}") + more
        return [
            _findings(checked, task, visitor),
            gr.Row(visible=lengths is not None),
            gr.Column(visible=bool(checked.counts)),
            markup.note(title),
            _label_frame(checked.counts, visitor),
            markup.note(_lengths_title(lengths, task, visitor)) if lengths else "",
            _length_frame(lengths, visitor),
            " ".join(fixes),
        ]


def chosen(value: Any) -> list[str]:
    """The names of fixes that the page holds."""
    return str(value or "").split()


def toggled(value: Any, event: gr.EventData) -> list[str]:
    """The same after a click on a fix's button, which applies it or undoes it."""
    name = event._data.get("fix") if isinstance(event._data, dict) else None
    if not isinstance(name, str):
        raise PlaygroundError("unknown_fix", fix="", fixes=list(FIXES))
    fixes = chosen(value)
    return [fix for fix in fixes if fix != name] if name in fixes else [*fixes, name]


def _findings(checked: Checked, task: Task, visitor: Visitor) -> str:
    """What will be trained on where nothing forbids it, what fixes did, and what was found, the worst first."""
    items: list[tuple[str, str, str, list[tuple[str, str]]]] = []
    if checked.ok:
        labels = checked.labels[:SHOWN_LABELS]
        over = len(checked.labels) - SHOWN_LABELS
        more = visitor.text("ui.check.more", count=over) if over > 0 else ""
        numbers = {"rows": f"{checked.rows:,}", "count": len(checked.labels)}
        sentence = visitor.text(f"ui.check.ok.{PICKED[type(task.output)]}", **numbers)
        items.append(("fine", sentence, " · ".join(labels) + more, []))
    undo = visitor.text("ui.fix.undo")
    done = [
        ("fixed", render(message, visitor.lang), "", [(name, undo)]) for name, message in checked.mended.told.items()
    ]
    faults = [
        (
            "fatal" if fault.fatal else "",
            render(fault.message, visitor.lang),
            render(fault.remedy, visitor.lang),
            [(name, render(fix_label(name), visitor.lang)) for name in fault.fixes if name not in checked.mended.told],
        )
        for fault in sorted(checked.faults, key=lambda fault: not fault.fatal)
    ]
    fatal = [item for item in faults if item[0]]
    return markup.findings([*items, *fatal, *done, *faults[len(fatal) :]])


def _label_frame(counts: Mapping[str, int], visitor: Visitor) -> Any:
    """Bars of the most frequent labels, and one for all others."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    bars: dict[str, int] = {}
    for label, count in ranked[:CHARTED]:
        short = label if len(label) <= LABEL_CHARS else label[: LABEL_CHARS - 1] + "…"
        while short in bars:  # of two that begin alike, each keeps its bar
            short += "…"
        bars[short] = count
    if others := ranked[CHARTED:]:
        bars[visitor.text("ui.chart.others", count=len(others))] = sum(count for _, count in others)
    if bars:
        bars[" "] = 0  # the axis begins at the least value, and would leave the shortest bar without a height
    return _frame([visitor.text("ui.chart.label"), visitor.text("ui.chart.rows")], list(bars.items()))


def _length_frame(lengths: Lengths | None, visitor: Visitor) -> Any:
    names = [visitor.text(f"ui.chart.{name}") for name in ("tokens", "rows", "read")]
    points = [
        (name, count, visitor.text(word))
        for name, counts in zip(SPANS, lengths.bins if lengths else (), strict=False)
        for word, count in zip(("ui.chart.whole", "ui.chart.part"), counts, strict=True)
    ]
    return _frame(names, points)


def _lengths_title(lengths: Lengths, task: Task, visitor: Visitor) -> str:
    key = "ui.chart.lengths" if lengths.counted else "ui.chart.lengths.likely"
    read = "cut" if task.cuts else "parts"
    return visitor.text(key, rows=f"{lengths.rows:,}") + visitor.text(f"ui.chart.most.{read}", most=lengths.most)


def _frame(names: list[str], points: list[Any]) -> Any:
    import pandas as pd  # type: ignore[import-untyped]

    return pd.DataFrame(points, columns=names)
