"""The tab of a task, for whatever task: everything is read off its declaration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.fields import Field, Generated, Language, Messages
from playground.i18n import Message, msg, render, translate
from playground.runs import GUEST
from playground.services import predict
from playground.services.downloads import needed
from playground.services.streaming import stream
from playground.settings import settings
from playground.tasks.spec import PROMPT, Task
from playground.ui import markup
from playground.ui.batch_panel import BatchPanel
from playground.ui.chat_panel import ChatPanel
from playground.ui.code_panel import CodePanel
from playground.ui.document_panel import DocumentPanel
from playground.ui.download_panel import DownloadPanel
from playground.ui.endpoint_panel import EndpointPanel
from playground.ui.hub_panel import HubPanel
from playground.ui.loading import import_models, loader
from playground.ui.renderers import blank, input_for, language_choice, outputs_for, params_form, shown
from playground.ui.wrapper import QUIET, Visitor, guarded

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
                    self._inputs()
                    self.extras = [self._extra(field) for field in task.extra_inputs]
                    with gr.Row():
                        self.run = gr.Button(self.text("ui.run"), variant="primary", elem_classes="run-button")
                        self.stop = gr.Button(self.text("ui.write.stop"), visible=False)
                with gr.Column(scale=2, min_width=300):
                    self.outputs = outputs_for(task.output, lang)
            self.code = CodePanel(lang)
            self.samples = _samples(task, self.asked, lang)
            read = [
                index
                for index, field in enumerate(self.asked)
                if not isinstance(field, Language) and any(values[index] for _, values in self.samples)
            ]
            self.examples = gr.Dataset(
                components=[self.inputs[index] for index in read],
                samples=[[values[index] for index in read] for _, values in self.samples],
                type="index",
                label=self.text("ui.examples"),
                show_label=True,
            )
            with gr.Accordion(self.text("ui.advanced"), open=False):
                self.knobs = params_form(task, lang)
            with gr.Accordion(self.text("ui.card"), open=False):
                self.sharing = gr.HTML(padding=False, elem_id=f"sharing-{task.id}")
                self.card = gr.Markdown()
            self.batch = BatchPanel(task, lang, self.model, [*self.extra_inputs, *self.knobs.values()])
            if task.documents:
                DocumentPanel(lang, self.model)
            if any(isinstance(field, Messages) for field in task.inputs):
                ChatPanel(task, lang, self.model, self.knobs)
        self._events()

    def _inputs(self) -> None:
        """The task's inputs; languages stand in a row above the texts, with a button that swaps them."""
        made: dict[str, gr.components.Component] = {}
        self.asked = [field for field in self.task.inputs if not isinstance(field, Messages)]
        self.languages = [field for field in self.asked if isinstance(field, Language)]
        self.swap: gr.Button | None = None
        if self.languages:
            with gr.Row(elem_classes="languages"):
                for field in self.languages:
                    made[field.name] = input_for(field, self.lang)
                    if self.swap is None:
                        self.swap = gr.Button("⇄", elem_classes="swap", min_width=44, scale=0)
        made |= {field.name: input_for(field, self.lang) for field in self.asked if field.name not in made}
        self.inputs = [made[field.name] for field in self.asked]

    def _model(self) -> None:
        choices = _choices(self.task, GUEST, self.lang)
        self.model = gr.Dropdown(
            choices,
            value=choices[0][1],
            label=self.text("ui.model"),
            info=None if settings().public else self.text("ui.model.info"),
            allow_custom_value=True,
            elem_id=f"model-{self.task.id}",
        )
        self.state = gr.HTML(padding=False, elem_classes="model-state")
        self.look = gr.Timer(LOOK_SECONDS)
        DownloadPanel(self.lang, self.model, self.look)
        if not settings().public:  # visitors are offered the catalog alone
            HubPanel(self.task, self.lang, self.model)
            EndpointPanel(self.task.id, self.lang, self.model, self._offered)

    def _offered(self, visitor: Visitor) -> list[tuple[str, str]]:
        return _choices(self.task, visitor.owner, visitor.lang)

    def _extra(self, field: Field) -> gr.Column:
        """An input that shows only where the chosen model takes it."""
        shown = field in predict.extras(self.task.id, self.task.models[0], GUEST)
        with gr.Column(visible=shown, min_width=0) as column:
            self.extra_inputs.append(input_for(field, self.lang))
        return column

    def _events(self) -> None:
        asked = [self.model, *self.inputs, *self.extra_inputs, *self.knobs.values()]
        writes = isinstance(self.task.output, Generated)
        handler = self.on_write if writes else self.on_run
        shown = [*self.outputs, self.stop] if writes else self.outputs
        self.told = [self.state, self.card, self.look, *self.extras]
        typed = [field for field in (*self.inputs, *self.extra_inputs) if isinstance(field, gr.Textbox)]
        work = [
            trigger(
                guarded(handler, self.lang),
                inputs=asked,
                outputs=shown,
                preprocess=False,
                api_visibility="private",
                show_progress_on=self.outputs[0],
            )
            for trigger in (self.run.click, *(field.submit for field in typed))
        ]
        triggers = [self.run.click, *(field.submit for field in typed)]
        gr.on(triggers, guarded(self.on_code, self.lang), asked, self.code.code, preprocess=False, **QUIET)
        self.stop.click(guarded(self.on_stop, self.lang), None, self.stop, cancels=work, **QUIET)
        if self.swap:
            swapped = [*(self.inputs[index] for index in self._places()), self.outputs[0]]
            shown = [*swapped, *self.outputs[1:]]
            # A translation that is still being written would go on in the old direction.
            self.swap.click(
                guarded(self.on_swap, self.lang), swapped, [*shown, self.stop], preprocess=False, cancels=work, **QUIET
            )
        # What was written of another text goes.
        filled = [self.model, *self.inputs, *(self.outputs if writes else [])]
        self.examples.click(guarded(self.on_example, self.lang), self.examples, filled, preprocess=False, **QUIET)
        self.model.change(guarded(self.on_model, self.lang), self.model, self.told, preprocess=False, **QUIET)
        languages = [self.inputs[self.asked.index(field)] for field in self.languages]
        looked = [self.state, self.sharing, self.look, *languages]
        self.look.tick(guarded(self.on_look, self.lang), self.model, looked, preprocess=False, **QUIET)

    def on_page_load(self, blocks: gr.Blocks) -> None:
        """Fill the picker for the visitor, with the model that the address names; show a file that is at work."""
        self.batch.on_page_load(blocks)
        blocks.load(
            guarded(self.on_load, self.lang),
            None,
            [self.model, *self.told],
            **QUIET,
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
        """Another model was chosen: show its card, load it behind the page where it is on this machine."""
        model = _model_id(model, self.task)
        if here := not needed(model, visitor.owner):
            loader().start(model, visitor.owner)
        note = markup.note(visitor.text(f"ui.model.{'loading' if here else 'elsewhere'}"), "busy" if here else "")
        return [note, _card(model, visitor), gr.Timer(active=here), *self._shown_extras(visitor, model)]

    def _shown_extras(self, visitor: Visitor, model: str) -> list[gr.Column]:
        taken = predict.extras(self.task.id, model, visitor.owner)
        return [gr.Column(visible=field in taken) for field in self.task.extra_inputs]

    def on_look(self, visitor: Visitor, model: Any) -> list[Any]:
        model = _model_id(model, self.task)
        settled, message, facts = loader().look(model, visitor.owner)
        if settled and message.key == "ui.model.ready":
            misfit = predict.misfit(self.task.id, model, visitor.owner)
            message = msg("ui.model.failed", message=misfit.message, hint=misfit.hint) if misfit else message
        note = markup.note(render(message, visitor.lang), _kind(settled, message))
        told = markup.note(render(facts.sharing, visitor.lang)) if facts else ""
        known = facts.languages if facts else ()
        choices = [language_choice(known, visitor.lang) if known else gr.skip() for _ in self.languages]
        return [note, told, gr.Timer(active=False) if settled else gr.skip(), *choices]

    def on_example(self, visitor: Visitor, index: Any) -> list[Any]:
        """Fill in an example, and choose the model that it was made for, where it is for one."""
        known = isinstance(index, int) and 0 <= index < len(self.samples)
        model, values = self.samples[index] if known else ("", [gr.skip() for _ in self.inputs])
        written = blank(self.task.output, visitor.lang) if isinstance(self.task.output, Generated) else []
        return [gr.Dropdown(value=model) if model else gr.skip(), *values, *written]

    def on_run(self, visitor: Visitor, model: Any, *values: Any) -> Any:
        import_models()
        model = _model_id(model, self.task)
        inputs, knobs = self._asked(values, model, visitor)
        found = predict.predict(self.task.id, inputs, model=model, params=knobs, owner=visitor.owner, details=True)
        answer = shown(self.task.output, inputs, found["output"], found["details"], visitor.lang)
        return answer if len(answer) > 1 else answer[0]

    def on_write(self, visitor: Visitor, model: Any, *values: Any) -> Iterator[list[Any]]:
        """As `on_run`, shown while it is being written; whoever closes it, by Stop or by leaving, ends the work.

        The parts below the text come with its end: a table that is redrawn several times a second loses rows.
        """
        import_models()
        model = _model_id(model, self.task)
        inputs, knobs = self._asked(values, model, visitor)
        last = None
        yield [*blank(self.task.output, visitor.lang), gr.Button(visible=True)]
        try:
            for found in stream(self.task.id, inputs, model=model, params=knobs, owner=visitor.owner):
                if found is None or found is last:
                    yield [gr.skip() for _ in (*self.outputs, self.stop)]
                else:
                    text, note, *_ = shown(self.task.output, inputs, found.output, found.details, visitor.lang)
                    yield [text, note, *(gr.skip() for _ in (*self.outputs[2:], self.stop))]
                last = found
        except GeneratorExit:
            raise
        except BaseException:
            yield [*(gr.skip() for _ in self.outputs), gr.Button(visible=False)]
            raise
        assert last is not None
        yield [*shown(self.task.output, inputs, last.output, last.details, visitor.lang), gr.Button(visible=False)]

    def on_code(self, visitor: Visitor, model: Any, *values: Any) -> Any:
        """The code that asks the same."""
        model = _model_id(model, self.task)
        return self.code.of_task(visitor, self.task, *self._asked(values, model, visitor), model)

    def on_stop(self, visitor: Visitor) -> gr.Button:
        return gr.Button(visible=False)

    def on_swap(self, visitor: Visitor, text: Any, source: Any, target: Any, written: Any) -> list[Any]:
        """The other way round: what was written becomes the text. What was told of it goes."""
        told = blank(self.task.output, visitor.lang)[1:]
        return [written or text, target, source, text if written else "", *told, gr.Button(visible=False)]

    def _places(self) -> list[int]:
        """Where the text and its two languages stand among the inputs."""
        source, target = (self.asked.index(field) for field in self.languages)
        of = next(index for index, field in enumerate(self.asked) if field.name == self.languages[0].of)
        return [of, source, target]

    def _asked(self, values: tuple[Any, ...], model: str, visitor: Visitor) -> tuple[dict[str, Any], dict[str, Any]]:
        """(inputs, knobs) of the values of all components but the model's. Only chat models are given a prompt."""
        names = [field.name for field in (*self.asked, *self.task.extra_inputs)]
        knobs = {name: value for name, value in zip(self.knobs, values[len(names) :], strict=True) if value is not None}
        if PROMPT in knobs and not predict.chats(self.task.id, model, visitor.owner):
            del knobs[PROMPT]
        return dict(zip(names, values, strict=False)), knobs


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
    # A model made for the page's language comes first.
    offered = sorted(
        predict.offered(task.id, owner), key=lambda info: info.kind != "starter" or not info.id.endswith(f"-{lang}")
    )
    return [(render(predict.label(info), lang), info.id) for info in offered]


def _samples(task: Task, fields: list[Field], lang: str) -> list[tuple[str, list[str]]]:
    """(the model it is for, "" for any; inputs to try), those in the page's language first."""
    lines = (EXAMPLES / f"{task.id}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted(map(json.loads, lines), key=lambda row: row["lang"] != lang)
    return [(row.get("model", ""), [row.get(field.name, "") for field in fields]) for row in rows]
