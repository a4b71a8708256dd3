"""One row per Field class and direction: the component that takes a value, or the one that shows it and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from playground.fields import Field, Label, LabelScore, Text
from playground.i18n import render, translate

SLIDER_SPAN = 100
"""A range wider than this is a number box: on a slider its values could not be hit."""


Build = Callable[[Field, str], gr.components.Component]
"""A component for a field, with its words in a language."""


@dataclass(frozen=True)
class Output:
    """What shows a class of fields. `value` turns a service's output into the component's value."""

    build: Build
    value: Callable[[Any], Any]


def field_label(field: Field, lang: str) -> str:
    """The field's word as the title of a component."""
    word = render(field.word, lang)
    return word[:1].upper() + word[1:]


def _text_input(field: Field, lang: str) -> gr.Textbox:
    assert isinstance(field, Text)
    return gr.Textbox(
        label=field_label(field, lang),
        placeholder=translate(lang, "ui.text.placeholder"),
        lines=field.lines,
        max_lines=4 * field.lines,
        max_length=field.max_chars,
        autofocus=True,
    )


def _label_output(field: Field, lang: str) -> gr.Label:
    return gr.Label(label=field_label(field, lang), show_heading=False, elem_classes="scores")


def _scores(output: list[LabelScore]) -> dict[str, float]:
    """The only place where labels are keys: gr.Label wants them so."""
    return {entry["label"]: entry["score"] for entry in output}


INPUTS: dict[type[Field], Build] = {Text: _text_input}
OUTPUTS: dict[type[Field], Output] = {Label: Output(_label_output, _scores)}


def input_for(field: Field, lang: str) -> gr.components.Component:
    """The component that takes a value of the field."""
    return INPUTS[type(field)](field, lang)


def output_for(field: Field, lang: str) -> gr.components.Component:
    """The component that shows a value of the field."""
    return OUTPUTS[type(field)].build(field, lang)


def shown(field: Field, output: Any) -> Any:
    """A service's output as the value of the field's output component."""
    return OUTPUTS[type(field)].value(output)


def params_form(params: type[BaseModel], lang: str) -> dict[str, gr.components.Component]:
    """{name: component} for the knobs of a task, bounds and help read off their pydantic fields."""
    return {name: _knob(name, info, lang) for name, info in params.model_fields.items()}


def _knob(name: str, info: FieldInfo, lang: str) -> gr.components.Component:
    low, high = (next((getattr(m, bound) for m in info.metadata if hasattr(m, bound)), None) for bound in ("ge", "le"))
    words = {"label": translate(lang, f"param.{name}"), "info": translate(lang, f"param.{name}.help")}
    step = 1 if info.annotation is int else None
    if low is not None and high is not None and high - low <= SLIDER_SPAN:
        return gr.Slider(low, high, value=info.default, step=step, **words)
    return gr.Number(
        value=info.default, minimum=low, maximum=high, step=step or 0.1, precision=0 if step else None, **words
    )
