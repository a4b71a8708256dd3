"""The table of runs: what they are called, how they stand, what they scored; filtered, opened, ticked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any, get_args

import gradio as gr

from playground.i18n import translate
from playground.runs import SCRATCH, State
from playground.services import history, verdict
from playground.services.finetune import RunView
from playground.services.history import MOST_SIDE_BY_SIDE, Line
from playground.tasks import LEARNED
from playground.ui import markup
from playground.ui.scorecard import duration
from playground.ui.unseen import unseen
from playground.ui.wrapper import Visitor

MOST_ROWS = 200
"""More rows make a page slow, and nobody reads them."""
NOTE_CHARS = 80
WORDS_CHARS = 200
COLUMNS = ("name", "task", "state", "base", "score", "rows", "seconds", "created")
RUNS_TABLE = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("table.runs button");
  if (button) trigger("click", { run: button.value });
});
element.addEventListener("change", (event) => {
  if (event.target.matches("table.runs input")) tell(3);
});
function tell(tries) {
  const boxes = () => [...element.querySelectorAll("table.runs input")];
  trigger("select", { chosen: boxes().filter((box) => box.checked).map((box) => box.value) });
  const isKnown = () => boxes().every((box) => box.checked === box.defaultChecked);
  if (tries) setTimeout(() => isKnown() || tell(tries - 1), 2500);
}
"""
"""A name that is clicked opens its run; ticks tell all that is ticked, again where the table that came back does not
have them: Gradio loses an event now and then that comes while it draws."""


class RunsTable:
    """Built inside the run panel, which fills `table` and `count`."""

    def __init__(self, lang: str) -> None:
        text = partial(translate, lang)
        any_of = (text("ui.runs.any"), "")
        with gr.Column(visible=False) as self.box:
            with gr.Row():
                self.words = gr.Textbox(
                    label=text("ui.runs.words"), placeholder=text("ui.runs.words.placeholder"), lines=1, max_lines=1,
                    max_length=WORDS_CHARS, elem_id="runs-words", scale=2, min_width=200,
                )  # fmt: skip
                self.task = gr.Dropdown(
                    [any_of, *((text(f"task.{task.id}"), task.id) for task in LEARNED)],
                    value="", label=text("ui.runs.task"), elem_id="runs-task", min_width=120,
                )  # fmt: skip
                self.state = gr.Dropdown(
                    [any_of, *((text(f"state.{state}"), state) for state in get_args(State))],
                    value="", label=text("ui.runs.state"), elem_id="runs-state", min_width=120,
                )  # fmt: skip
            self.count = gr.HTML(padding=False, elem_id="runs-count")
            self.table = gr.HTML(padding=False, elem_id="runs", js_on_load=RUNS_TABLE)
        self.chosen = unseen("runs-chosen")

    @property
    def asked(self) -> list[Any]:
        return [self.words, self.task, self.state, self.chosen]


def ticked(chosen: Any) -> list[str]:
    """Ids of the runs that are ticked, as the page keeps them."""
    return list(dict.fromkeys(str(chosen or "").split()))[:MOST_SIDE_BY_SIDE]


def contents(
    visitor: Visitor, shown: str, views: Collection[RunView], words: Any, task: Any, state: Any, chosen: list[str]
) -> dict[str, Any]:
    """{"count", "table"}: what is listed, as HTML."""
    found = history.lines(
        visitor.owner, words=str(words or "")[:WORDS_CHARS], task=str(task or ""), state=str(state or ""),
        kept=chosen, most=MOST_ROWS,
    )  # fmt: skip
    text = visitor.text
    rows = [_row(line, line.view.id == shown, line.view.id in chosen, visitor.lang) for line in found]
    titles = [text(f"ui.runs.col.{name}") for name in COLUMNS]
    count = markup.note(text("ui.runs.count", shown=f"{len(found):,}", all=f"{len(views):,}"))
    if len(found) == MOST_ROWS:
        count += markup.note(text("ui.runs.most", most=MOST_ROWS))
    if len(chosen) == 1:
        count += markup.note(text("ui.side.one_more"), "ready")
    full = len(chosen) >= MOST_SIDE_BY_SIDE
    return {"count": count, "table": markup.runs_table(text("ui.runs"), titles, rows, full=full) if rows else ""}


def _row(line: Line, is_open: bool, is_chosen: bool, lang: str) -> markup.RunRow:
    text = partial(translate, lang)
    spec, score = line.view.spec, line.score
    cells = [
        (text(f"task.{spec.task}"), ""),
        (text(f"state.{line.view.status.state}"), ""),
        (text(f"ui.way.{spec.method}"), base_name(spec.base)),
        (verdict.amount(score.value, lang, score.is_cost), text(f"metric.{score.metric}")) if score else ("–", ""),
        (f"{line.rows:,}" if line.rows else "–", ""),
        (duration(line.seconds, lang) if line.seconds is not None else "–", ""),
        (f"{datetime.fromisoformat(spec.created).astimezone():%Y-%m-%d %H:%M}", ""),
    ]
    note = " ".join(line.view.note.split())
    return markup.RunRow(
        id=line.view.id, name=line.view.title, note=note[:NOTE_CHARS] + ("…" if len(note) > NOTE_CHARS else ""),
        choose=text("ui.runs.choose", name=line.view.title), chosen=is_chosen, open=is_open, cells=cells,
    )  # fmt: skip


def base_name(base: str) -> str:
    """What a base is called on a line: without its owner."""
    return base if base.startswith(SCRATCH) else base.rpartition("/")[2]
