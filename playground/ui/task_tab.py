"""The tab of a task, for whatever task: everything is read off its declaration."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.fields import Field
from playground.i18n import Message, render, translate
from playground.services import predict
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.document_panel import DocumentPanel
from playground.ui.loading import import_models, loader
from playground.ui.renderers import input_for, outputs_for, params_form, shown
from playground.ui.wrapper import OWNER, Visitor, guarded

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LOOK_SECONDS = 0.7
MODEL_CHARS = 300


class TaskTab:
    """A model to choose, the task's inputs, its output. Built inside a gr.Tabs."""

    def __init__(self, task: Task, lang: str) -> None:
        self.task = task
        self.lang = lang
        self.text = partial(translate, lang)
        self.extra_inputs: list[gr.components.Component] = []
        with gr.Tab(self.text(f"task.{task.id}"), id=task.id):
            gr.HTML(markup.note(self.text(f"task.{task.id}.what")), padding=False)
            self._model()
            with gr.Row(equal_height=False):
                with gr.Column(scale=3, min_width=300):
                    self.inputs = [input_for(field, lang) for field in task.inputs]
                    self.extras = [self._extra(field) for field in task.extra_inputs]
                    self.run = gr.Button(self.text("ui.run"), variant="primary", elem_classes="run-button")
                with gr.Column(scale=2, min_width=300):
                    self.outputs = outputs_for(task.output, lang)
            self.samples = _samples(task, lang)
            self.examples = gr.Dataset(
                components=self.inputs,
                samples=self.samples,
                type="index",
                label=self.text("ui.examples"),
                show_label=True,
            )
            with gr.Accordion(self.text("ui.advanced"), open=False):
                self.knobs = params_form(task.params, lang)
            with gr.Accordion(self.text("ui.card"), open=False):
                self.sharing = gr.HTML(padding=False, elem_id=f"sharing-{task.id}")
                self.card = gr.Markdown()
            if task.documents:
                DocumentPanel(lang, self.model)
        self._events()

    def _model(self) -> None:
        choices = _choices(self.task, OWNER, self.lang)
        self.model = gr.Dropdown(
            choices,
            value=choices[0][1],
            label=self.text("ui.model"),
            info=self.text("ui.model.info"),
            allow_custom_value=True,
            elem_id=f"model-{self.task.id}",
        )
        self.state = gr.HTML(padding=False, elem_classes="model-state")
        self.look = gr.Timer(LOOK_SECONDS)

    def _extra(self, field: Field) -> gr.Column:
        """An input that shows only where the chosen model takes it."""
        shown = field in predict.extras(self.task.id, self.task.models[0], OWNER)
        with gr.Column(visible=shown, min_width=0) as column:
            self.extra_inputs.append(input_for(field, self.lang))
        return column

    def _events(self) -> None:
        quiet: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        asked = [self.model, *self.inputs, *self.extra_inputs, *self.knobs.values()]
        call = {"fn": guarded(self.on_run, self.lang), "inputs": asked}
        self.told = [self.state, self.card, self.look, *self.extras]
        for trigger in (self.run.click, *(field.submit for field in (*self.inputs, *self.extra_inputs))):
            trigger(
                **call,
                outputs=self.outputs,
                preprocess=False,
                api_visibility="private",
                show_progress_on=self.outputs[0],
            )
        self.examples.click(guarded(self.on_example, self.lang), self.examples, self.inputs, preprocess=False, **quiet)
        self.model.change(guarded(self.on_model, self.lang), self.model, self.told, preprocess=False, **quiet)
        looked = [self.state, self.sharing, self.look]
        self.look.tick(guarded(self.on_look, self.lang), self.model, looked, preprocess=False, **quiet)

    def on_page_load(self, blocks: gr.Blocks) -> None:
        """Fill the picker for the visitor, with the model that the address names."""
        blocks.load(
            guarded(self.on_load, self.lang),
            None,
            [self.model, *self.told],
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )

    def on_load(self, visitor: Visitor) -> list[Any]:
        choices = _choices(self.task, visitor.owner, visitor.lang)
        wished = visitor.query.get("model", "")[:MODEL_CHARS] or choices[0][1]
        if wished not in [model for _, model in choices]:
            # Named in the address, which any page can link to: chosen, but not loaded before somebody runs it.
            choices.append((wished, wished))
            note = markup.note(visitor.text("ui.model.absent"), "")
            told = [note, _card(wished, visitor), gr.Timer(active=False), *self._shown_extras(visitor, wished)]
            return [gr.Dropdown(choices=choices, value=wished), *told]
        return [gr.Dropdown(choices=choices, value=wished), *self.on_model(visitor, wished)]

    def on_model(self, visitor: Visitor, model: Any) -> list[Any]:
        """Another model was chosen: load it behind the page, show its card."""
        model = _model_id(model, self.task)
        loader().start(model, visitor.owner)
        note = markup.note(visitor.text("ui.model.loading"), "busy")
        return [note, _card(model, visitor), gr.Timer(active=True), *self._shown_extras(visitor, model)]

    def _shown_extras(self, visitor: Visitor, model: str) -> list[gr.Column]:
        taken = predict.extras(self.task.id, model, visitor.owner)
        return [gr.Column(visible=field in taken) for field in self.task.extra_inputs]

    def on_look(self, visitor: Visitor, model: Any) -> list[Any]:
        model = _model_id(model, self.task)
        settled, message = loader().status(model, visitor.owner)
        note = markup.note(render(message, visitor.lang), _kind(settled, message))
        sharing = loader().sharing(model, visitor.owner)
        told = markup.note(render(sharing, visitor.lang)) if sharing else ""
        return [note, told, gr.Timer(active=False) if settled else gr.skip()]

    def on_example(self, visitor: Visitor, index: Any) -> Any:
        known = isinstance(index, int) and 0 <= index < len(self.samples)
        values = self.samples[index] if known else [gr.skip() for _ in self.inputs]
        return values if len(self.inputs) > 1 else values[0]

    def on_run(self, visitor: Visitor, model: Any, *values: Any) -> Any:
        import_models()
        names = [field.name for field in (*self.task.inputs, *self.task.extra_inputs)]
        knobs = {name: value for name, value in zip(self.knobs, values[len(names) :], strict=True) if value is not None}
        inputs = dict(zip(names, values, strict=False))
        found = predict.predict(
            self.task.id, inputs, model=_model_id(model, self.task), params=knobs, owner=visitor.owner, details=True
        )
        answer = shown(self.task.output, inputs, found["output"], found["details"], visitor.lang)
        return answer if len(answer) > 1 else answer[0]


def _model_id(value: Any, task: Task) -> str:
    return str(value or task.models[0])[:MODEL_CHARS]


def _kind(settled: bool, message: Message) -> markup.NoteKind:
    """The dot before what is said of a model."""
    if not settled:
        return "busy"
    return {"ui.model.ready": "ready", "ui.model.absent": ""}.get(message.key, "bad")  # type: ignore[return-value]


def _card(model: str, visitor: Visitor) -> str:
    try:
        card = predict.card(model, visitor.lang, visitor.owner)
    except PlaygroundError:
        card = ""  # there is no such model, which the line under the picker says
    return card or visitor.text("ui.card.none")


def _choices(task: Task, owner: str, lang: str) -> list[tuple[str, str]]:
    offered = predict.offered(task.id, owner)
    return [(translate(lang, f"ui.model.{info.kind}", title=info.title), info.id) for info in offered]


def _samples(task: Task, lang: str) -> list[list[str]]:
    """Inputs to try, those in the page's language first."""
    lines = (EXAMPLES / f"{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted(map(json.loads, lines), key=lambda row: row["lang"] != lang)
    return [[row[field.name] for field in task.inputs] for row in rows]
