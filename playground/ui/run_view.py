"""The runs: a list, and one of them in full. Drawn from the run's directory alone, and again while it goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.services import finetune, predict, watch
from playground.ui import markup, results
from playground.ui.loading import import_models
from playground.ui.wrapper import Visitor, guarded

TICK_SECONDS = 2.0
CHART_HEIGHT = 240
BUTTON_WIDTH = 180
GO_TO_MODEL = """(id) => {
  const address = new URL(window.location.href);
  address.searchParams.delete("run");
  address.searchParams.set("model", `run/${id}`);
  history.replaceState(null, "", address);
}"""
GOING = ("queued", "running")
QUIET: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


class RunPanel:
    """Everything about the run whose id is in `shown`. Each part is redrawn only when its content has changed."""

    def __init__(self, lang: str, tabs: gr.Tabs, pickers: dict[str, gr.Dropdown]) -> None:
        self.lang = lang
        self.text = partial(translate, lang)
        self.tabs = tabs
        self.pickers = pickers
        # The id lives in the page, not in the server's session: it must survive a restart of the server.
        self.shown = gr.Textbox(visible="hidden", elem_id="shown-run")
        self.seen = gr.State({})
        self.timer = gr.Timer(TICK_SECONDS)
        with gr.Column(elem_classes="run-panel"):
            gr.HTML(markup.section(self.text("ui.runs")), padding=False)
            self.missing = gr.HTML(padding=False, elem_id="missing-run")
            self.none = gr.HTML(padding=False)
            self.runs = gr.Dropdown(
                [], label=self.text("ui.runs.choose"), filterable=False, visible=False, elem_id="runs"
            )
            with gr.Column(visible=False) as self.body:
                self._body()
        self._events()

    def _body(self) -> None:
        self.head = gr.HTML(padding=False, elem_id="run-head")
        with gr.Row():
            self.stop = gr.Button(self.text("ui.stop"), visible=False, scale=0, min_width=BUTTON_WIDTH)
            self.resume = gr.Button(self.text("ui.resume"), visible=False, scale=0, min_width=BUTTON_WIDTH)
            self.use = gr.Button(self.text("ui.use"), variant="primary", visible=False, scale=0, min_width=BUTTON_WIDTH)
        with gr.Row(visible=False) as self.charts:
            self.loss = self._chart("loss")
            self.score = self._chart("score")
        with gr.Column(visible=False) as self.result:
            self.verdict = gr.HTML(padding=False, elem_id="verdict")
            self.scores = gr.Dataframe(
                interactive=False, datatype="str", type="array", wrap=True, label=self.text("ui.scores"), buttons=[],
                elem_id="scores",
            )  # fmt: skip
            self.breakdown = gr.Dataframe(
                interactive=False, datatype="str", type="array", wrap=True, label=self.text("ui.confusion"), buttons=[],
                elem_id="breakdown",
            )  # fmt: skip
            with gr.Accordion(self.text("ui.samples"), open=False):
                self.samples = gr.Dataframe(
                    interactive=False, datatype="str", type="array", wrap=True, show_label=False, buttons=[],
                    elem_id="samples",
                )  # fmt: skip
        with gr.Accordion(self.text("ui.events"), open=False):
            self.events = gr.HTML(padding=False)
        with gr.Accordion(self.text("ui.command"), open=False):
            self.command = gr.Textbox(
                show_label=False, container=False, interactive=False, lines=2, max_lines=6, elem_id="command"
            )
        with gr.Accordion(self.text("ui.log"), open=False):
            self.log = gr.Textbox(
                show_label=False, container=False, interactive=False, lines=12, max_lines=12, elem_id="log"
            )

    def _chart(self, name: str) -> gr.LinePlot:
        return gr.LinePlot(
            x=self.text("ui.chart.step"),
            y=self.text(f"ui.chart.{name}"),
            title=self.text(f"ui.chart.{name}"),
            x_title=self.text("ui.chart.step"),
            y_title=" ",
            height=CHART_HEIGHT,
            min_width=280,
            buttons=[],
        )

    def _events(self) -> None:
        parts = [
            self.none, self.runs, self.body, self.head, self.stop, self.resume, self.use, self.charts, self.loss,
            self.score, self.result, self.verdict, self.scores, self.breakdown, self.samples, self.events,
            self.command, self.log, self.timer,
        ]  # fmt: skip
        self.outputs = [self.shown, self.seen, *parts]
        draw = {"inputs": [self.shown, self.seen], "outputs": self.outputs, "preprocess": False, **QUIET}
        # `seen` is a State: with preprocess=False Gradio still hands over the session's value.
        self.timer.tick(guarded(self.on_tick, self.lang), trigger_mode="once", **draw)
        self.shown.change(guarded(self.on_tick, self.lang), **draw)
        self.shown.change(None, [self.shown, self.missing], self.missing, js="(id, missing) => id ? '' : missing")
        self.runs.input(
            guarded(self.on_choose, self.lang), self.runs, [self.shown, self.timer], preprocess=False, **QUIET
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
            api_visibility="private",
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
            missing = PlaygroundError("unknown_run", run=wished).text(visitor.lang)
            return [markup.note(missing, "bad"), *self.on_tick(visitor, "", {})]
        going = [view.id for view in views if view.status.state in GOING]
        newest = going[0] if going else views[0].id if views else ""
        return ["", *self.on_tick(visitor, wished or newest, {})]

    def on_choose(self, visitor: Visitor, run_id: Any) -> list[Any]:
        return [finetune.view(str(run_id), visitor.owner).id, gr.Timer(active=True)]

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
        offered = predict.offered(view.spec.task, visitor.owner)
        choices = [(visitor.text(f"ui.model.{info.kind}", title=info.title), info.id) for info in offered]
        chosen = gr.Dropdown(choices=choices, value=view.model)
        return [
            gr.Tabs(selected=view.spec.task),
            *(chosen if task_id == view.spec.task else gr.skip() for task_id in self.pickers),
        ]

    def on_tick(self, visitor: Visitor, run_id: Any, seen: Any) -> list[Any]:
        """Updates for what has changed since `seen` ({part: content}); nothing for the rest."""
        run_id = str(run_id or "")
        before = seen if isinstance(seen, dict) and seen.get("run") == run_id else {}
        # Taken before the files are read: what is written meanwhile makes the next tick look again.
        stamp = watch.stamp(run_id, visitor.owner)
        if before.get("stamp") == stamp:
            return [gr.skip() for _ in self.outputs]
        views = finetune.runs(visitor.owner)
        view = finetune.view(run_id, visitor.owner) if run_id else None
        content = {"run": run_id, "stamp": stamp, **results.contents(view, views, visitor.lang)}
        changed = {name: value for name, value in content.items() if before.get(name, before) != value}
        updates = _updates(content, changed)
        going = any(item.status.state in GOING for item in views)
        return [run_id, content, *updates, gr.skip() if going else gr.Timer(active=False)]


def _updates(content: dict[str, Any], changed: dict[str, Any]) -> list[Any]:
    """One update per part of the panel, in their order; gr.skip() where its content is as before."""
    text = {
        name: changed[name] if name in changed else gr.skip()
        for name in ("none", "head", "verdict", "events", "command", "log")
    }
    shown = {
        name: gr.update(visible=changed[name]) if name in changed else gr.skip()
        for name in ("body", "resume", "use", "charts", "result")
    }
    tables = {
        name: gr.update(**changed[name]) if name in changed else gr.skip()
        for name in ("runs", "stop", "scores", "breakdown", "samples")
    }
    charts = {name: results.frame(changed[name]) if name in changed else gr.skip() for name in ("loss", "score")}
    parts = {**text, **shown, **tables, **charts}
    order = (
        "none", "runs", "body", "head", "stop", "resume", "use", "charts", "loss", "score", "result", "verdict",
        "scores", "breakdown", "samples", "events", "command", "log",
    )  # fmt: skip
    assert set(order) == set(content) - {"run", "stamp"}
    return [parts[name] for name in order]
