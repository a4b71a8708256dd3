"""The runs: a list, and one of them in full. Drawn from the run's directory alone, and again while it goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import render, translate
from playground.runs import NAME_CHARS, NOTE_CHARS
from playground.services import finetune, history, predict, watch
from playground.tasks import get_task
from playground.ui import markup, results, runs_table, scorecard, side_by_side, trash_panel
from playground.ui.code_panel import CodePanel, of_run
from playground.ui.loading import import_models
from playground.ui.runs_table import RunsTable, ticked
from playground.ui.scorecard_panel import ScorecardPanel
from playground.ui.side_by_side import SidePanel
from playground.ui.trash_panel import TrashPanel
from playground.ui.unseen import unseen
from playground.ui.wrapper import QUIET, Visitor, guarded

TICK_SECONDS = 2.0
FAR_TICK_SECONDS = 4.0
"""The pace of a run whose end is more than FAR_SECONDS away: each look costs the page and the server work, which on
two cores is work that training has not."""
FAR_SECONDS = 60
CHART_HEIGHT = 240
BUTTON_WIDTH = 200
WIDE_BUTTON_WIDTH = 250
GO_TO_MODEL = """(id) => {
  const address = new URL(window.location.href);
  address.searchParams.delete("run");
  address.searchParams.set("model", `run/${id}`);
  history.replaceState(null, "", address);
}"""
GO_TO_HEAD = """() => setTimeout(
  () => document.querySelector("#run-head")?.scrollIntoView({ behavior: "smooth", block: "nearest" }), 300)"""
GOING = ("queued", "running")
OVERLAYS = tuple(f"over_{name}" for name in side_by_side.CURVES)
ORDER = (
    "none", "list", "count", "table", *side_by_side.PARTS, "body", "head", "stop", "resume", "pack", "use", "charts",
    "loss", "charted", "score", *scorecard.EMPTY, "name", "note", "events", "code", "log", *trash_panel.PARTS,
)  # fmt: skip
"""The parts of the panel that are filled from the run's directory, in the order of their components."""


class RunPanel:
    """Everything about the run whose id is in `shown`. Each part is redrawn only when its content has changed."""

    def __init__(self, lang: str, tabs: gr.Tabs, pickers: dict[str, gr.Dropdown]) -> None:
        self.lang = lang
        self.text = partial(translate, lang)
        self.tabs = tabs
        self.pickers = pickers
        # The id lives in the page, not in the server's session: it must survive a restart of the server.
        self.shown = unseen("shown-run")
        self.seen = gr.State({})
        self.timer = gr.Timer(TICK_SECONDS)
        with gr.Column(elem_classes="run-panel"):
            gr.HTML(markup.section(self.text("ui.runs")), padding=False)
            self.missing = gr.HTML(padding=False, elem_id="missing-run")
            self.none = gr.HTML(padding=False)
            self.list = RunsTable(lang)
            self.side = SidePanel(lang)
            with gr.Column(visible=False) as self.body:
                self._body()
            self.trash = TrashPanel(lang, self.shown, self.timer)
        self._events()

    def _body(self) -> None:
        self.head = gr.HTML(padding=False, elem_id="run-head")
        with gr.Row():
            narrow: dict[str, Any] = {"scale": 0, "size": "md", "min_width": BUTTON_WIDTH}
            self.stop = gr.Button(self.text("ui.stop"), visible=False, **narrow)
            self.resume = gr.Button(self.text("ui.resume"), visible=False, **narrow)
            self.pack = gr.DownloadButton(self.text("ui.pack"), visible=False, **narrow)
            self.use = gr.Button(self.text("ui.use"), variant="primary", visible=False, **narrow)
            self.again = gr.Button(self.text("ui.again"), scale=0, size="md", min_width=WIDE_BUTTON_WIDTH)
            self.throw = gr.Button(self.text("ui.trash.throw"), **narrow)
        with gr.Row(visible=False) as self.charts:
            with gr.Column(min_width=280):
                gr.HTML(markup.note(self.text("ui.chart.loss")), padding=False)
                self.loss = self._chart("loss")
            with gr.Column(min_width=280):
                # Its title depends on the run. In the chart, each change of it would draw the chart anew, and fail
                # where that comes to pass behind another tab.
                self.charted = gr.HTML(padding=False, elem_id="charted")
                self.score = self._chart("score")
        self.card = ScorecardPanel(self.lang, self.shown)
        with gr.Accordion(self.text("ui.about"), open=False):
            self.name = gr.Textbox(
                label=self.text("ui.about.name"), lines=1, max_lines=1, max_length=NAME_CHARS, elem_id="about-name"
            )
            self.note = gr.Textbox(
                label=self.text("ui.about.note"), info=self.text("ui.about.note.info"), lines=3, max_lines=8,
                max_length=NOTE_CHARS, elem_id="about-note",
            )  # fmt: skip
            self.save = gr.Button(self.text("ui.about.save"), size="sm", scale=0, min_width=BUTTON_WIDTH)
        with gr.Accordion(self.text("ui.events"), open=False):
            self.events = gr.HTML(padding=False)
        self.code = CodePanel(self.lang).code
        with gr.Accordion(self.text("ui.log"), open=False):
            self.log = gr.Textbox(
                label=self.text("ui.log"),
                show_label=False,
                container=False,
                interactive=False,
                lines=12,
                max_lines=12,
                elem_id="log",
            )

    def _chart(self, name: str) -> gr.LinePlot:
        return gr.LinePlot(
            x=self.text("ui.chart.step"),
            y=self.text(f"ui.chart.{name}"),
            x_title=self.text("ui.chart.step"),
            y_title=" ",
            height=CHART_HEIGHT,
            min_width=280,
            buttons=[],
        )

    def _events(self) -> None:
        parts = [
            self.none, self.list.box, self.list.count, self.list.table, *self.side.parts.values(), self.body,
            self.head, self.stop, self.resume, self.pack, self.use, self.charts, self.loss, self.charted, self.score,
            *self.card.parts.values(), self.name, self.note, self.events, self.code, self.log,
            *self.trash.parts.values(), self.timer,
        ]  # fmt: skip
        self.outputs = [self.shown, self.seen, *parts]
        asked = [self.shown, self.seen, *self.list.asked, self.side.over]
        draw = {"inputs": asked, "outputs": self.outputs, "preprocess": False, **QUIET}
        # `seen` is a State: with preprocess=False Gradio still hands over the session's value.
        self.timer.tick(guarded(self.on_tick, self.lang), trigger_mode="once", **draw)
        self.list.words.change(guarded(self.on_tick, self.lang), trigger_mode="always_last", **draw)
        # Each of these counts: a click that comes while another is answered must not be lost.
        redraw = [self.shown.change, self.list.task.input, self.list.state.input]
        gr.on([*redraw, self.side.over.input], guarded(self.on_tick, self.lang), trigger_mode="multiple", **draw)
        self.shown.change(None, [self.shown, self.missing], self.missing, js="(id, missing) => id ? '' : missing")
        clicked: dict[str, Any] = {"preprocess": False, "trigger_mode": "multiple", **QUIET}
        self.list.table.click(guarded(self.on_open, self.lang), None, [self.shown, self.timer], **clicked).success(
            None, None, None, js=GO_TO_HEAD
        )
        self.list.table.select(
            guarded(self.on_chosen, self.lang), asked, [self.list.chosen, *self.outputs], **clicked
        )  # fmt: skip
        self.save.click(
            guarded(self.on_save, self.lang), [self.shown, self.name, self.note], None, preprocess=False,
            api_visibility="private",
        ).success(guarded(self.on_tick, self.lang), **draw)  # fmt: skip
        self.throw.click(
            guarded(self.on_throw, self.lang),
            self.shown,
            [self.shown, self.timer, self.trash.thrown, self.trash.undoing, self.trash.told],
            preprocess=False,
            api_visibility="private",
        )
        self.stop.click(
            guarded(self.on_stop, self.lang), self.shown, self.stop, preprocess=False, api_visibility="private"
        )
        self.resume.click(
            guarded(self.on_resume, self.lang),
            self.shown,
            [self.resume, self.timer],
            preprocess=False,
            api_visibility="private",
        )
        self.use.click(
            guarded(self.on_use, self.lang), self.shown, [self.tabs, *self.pickers.values()], preprocess=False,
            api_visibility="private", show_progress_on=self.use,
        ).success(None, self.shown, None, js=GO_TO_MODEL)  # fmt: skip

    def on_page_load(self, blocks: gr.Blocks) -> None:
        blocks.load(guarded(self.on_load, self.lang), None, [self.missing, *self.outputs], **QUIET)

    def on_load(self, visitor: Visitor) -> list[Any]:
        """The run that the address names, else the newest in progress, else the last one."""
        views = finetune.runs(visitor.owner)
        wished = visitor.query.get("run", "")[:64]
        if wished and wished not in [view.id for view in views]:
            # In the panel: a warning of Gradio's is lost where the event has no queue. And no other run below it,
            # which would be taken for the one that was asked for.
            return [markup.note(_missing(wished, visitor).text(visitor.lang), "bad"), *self.on_tick(visitor, "", {})]
        going = [view.id for view in views if view.status.state in GOING]
        newest = going[0] if going else views[0].id if views else ""
        return ["", *self.on_tick(visitor, wished or newest, {})]

    def on_open(self, visitor: Visitor, event: gr.EventData) -> list[Any]:
        """The run whose name was clicked."""
        run_id = event._data.get("run", "") if isinstance(event._data, dict) else ""
        return [finetune.view(str(run_id), visitor.owner).id, gr.Timer(active=True)]

    def on_chosen(
        self, visitor: Visitor, run_id: Any, seen: Any, words: Any, task: Any, state: Any, chosen: Any, over: Any,
        event: gr.EventData,
    ) -> list[Any]:  # fmt: skip
        """What is ticked now, of the visitor's runs, and the panel with that."""
        wished = event._data.get("chosen", []) if isinstance(event._data, dict) else []
        there = [view.id for view in finetune.runs(visitor.owner)]
        chosen = " ".join(one for one in there if isinstance(wished, list) and one in wished)
        return [chosen, *self.on_tick(visitor, run_id, seen, words, task, state, chosen, over)]

    def on_save(self, visitor: Visitor, run_id: Any, name: Any, note: Any) -> None:
        finetune.describe(str(run_id), visitor.owner, name=str(name or ""), note=str(note or ""))

    def on_throw(self, visitor: Visitor, run_id: Any) -> list[Any]:
        return self.trash.throw_away(visitor, str(run_id))

    def on_stop(self, visitor: Visitor, run_id: Any) -> Any:
        finetune.stop(str(run_id), visitor.owner)
        return gr.Button(visitor.text("ui.stopping"), interactive=False)

    def on_resume(self, visitor: Visitor, run_id: Any) -> list[Any]:
        import_models()
        finetune.resume(str(run_id), visitor.owner)
        return [gr.Button(visible=False), gr.Timer(active=True)]

    def on_use(self, visitor: Visitor, run_id: Any) -> list[Any]:
        """The task's tab, with this run's model chosen."""
        view = finetune.view(str(run_id), visitor.owner)
        if not view.usable:
            raise PlaygroundError("run_not_usable", run=view.id)
        tab = get_task(view.spec.task).tab
        offered = predict.offered(tab, visitor.owner)
        choices = [(render(predict.label(info), visitor.lang), info.id) for info in offered]
        chosen = gr.Dropdown(choices=choices, value=view.model)
        return [
            gr.Tabs(selected=tab),
            *(chosen if task_id == tab else gr.skip() for task_id in self.pickers),
        ]

    def on_tick(
        self, visitor: Visitor, run_id: Any, seen: Any, words: Any = "", task: Any = "", state: Any = "",
        chosen: Any = "", over: Any = "",
    ) -> list[Any]:  # fmt: skip
        """Updates for what has changed since `seen` ({part: content}); nothing for the rest."""
        run_id = str(run_id or "")
        before = seen if isinstance(seen, dict) and seen.get("run") == run_id else {}
        # Taken before the files are read: what is written meanwhile makes the next tick look again.
        try:
            stamp = [watch.stamp(run_id, visitor.owner), *map(str, (words, task, state, chosen, over))]
        except PlaygroundError:  # it was thrown away elsewhere
            run_id, stamp = "", [watch.stamp("", visitor.owner)]
        if before.get("stamp") == stamp:
            return [gr.skip() for _ in self.outputs]
        views = finetune.runs(visitor.owner)
        there = [view.id for view in views]
        marked = [one for one in ticked(chosen) if one in there]
        view = finetune.view(run_id, visitor.owner) if run_id else None
        content = {
            "run": run_id,
            "stamp": stamp,
            "pace": FAR_TICK_SECONDS if view and _far(view) else TICK_SECONDS,
            **results.contents(view, views, visitor.lang, finetune.peers(view, views) if view else []),
            "code": of_run(visitor, view.spec) if view else "",
            **runs_table.contents(visitor, run_id, views, words, task, state, marked),
            **side_by_side.contents(history.side_by_side(marked, visitor.owner), str(over), visitor.lang),
            **trash_panel.contents(visitor),
        }
        changed = {name: value for name, value in content.items() if before.get(name, before) != value}
        updates = _updates(content, changed)
        going = any(item.status.state in GOING for item in views)
        timer = gr.Timer(changed["pace"]) if "pace" in changed else gr.skip()
        return [run_id, content, *updates, timer if going else gr.Timer(active=False)]


def _far(view: finetune.RunView) -> bool:
    """Whether a run goes on for so long that nobody waits for its next step."""
    return view.status.state == "running" and (view.status.seconds_left or 0) > FAR_SECONDS


def _missing(run_id: str, visitor: Visitor) -> PlaygroundError:
    """Why a run is not among the visitor's."""
    try:
        finetune.view(run_id, visitor.owner)
    except PlaygroundError as error:
        return error
    return PlaygroundError("unknown_run", run=run_id)


def _updates(content: dict[str, Any], changed: dict[str, Any]) -> list[Any]:
    """One update per part of the panel, in their order; gr.skip() where its content is as before."""
    found = {}
    for name in ORDER:
        if name not in changed or changed[name] == {}:
            found[name] = gr.skip()
        elif name in ("loss", "score"):
            found[name] = results.frame(changed[name])
        elif name in OVERLAYS:
            found[name] = side_by_side.frame(changed[name]["value"])
        elif isinstance(changed[name], bool):
            found[name] = gr.update(visible=changed[name])
        else:
            found[name] = gr.update(**changed[name]) if isinstance(changed[name], dict) else changed[name]
    assert set(ORDER) == set(content) - {"run", "stamp", "pace"}
    return [found[name] for name in ORDER]
