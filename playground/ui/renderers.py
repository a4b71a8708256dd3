"""One row per Field class and direction: the component that takes a value, or those that show it and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from playground.fields import Answer, CandidateLabels, Field, Label, Row, Spans, Text
from playground.i18n import render, translate
from playground.ui import answers

SLIDER_SPAN = 100
"""A range wider than this is a number box: on a slider its values could not be hit."""


Build = Callable[[Field, str], gr.components.Component]
"""A component for a field, with its words in a language."""


@dataclass(frozen=True)
class Output:
    """What shows a class of fields.

    build   the components, top to bottom
    values  their values for a row's inputs, the output and its details, in a language
    """

    build: Callable[[Field, str], list[gr.components.Component]]
    values: Callable[[Row, Any, dict[str, Any], str], list[Any]]


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


def _labels_input(field: Field, lang: str) -> gr.Textbox:
    return gr.Textbox(
        label=field_label(field, lang),
        placeholder=translate(lang, f"ui.{field.name}.placeholder"),
        lines=1,
        max_lines=6,
    )


def _label_output(field: Field, lang: str) -> list[gr.components.Component]:
    return [gr.Label(label=field_label(field, lang), show_heading=False, elem_classes="scores")]


def _spans_output(field: Field, lang: str) -> list[gr.components.Component]:
    return [
        gr.HighlightedText(
            label=field_label(field, lang), show_legend=True, combine_adjacent=False, elem_classes="marked"
        ),
        gr.HTML(padding=False, elem_classes="counts"),
        _table("ui.entities", answers.ENTITIES, lang, ["37%", "17%", "22%", "24%"]),
    ]


def _answer_output(field: Field, lang: str) -> list[gr.components.Component]:
    return [
        gr.HTML(padding=False, elem_classes="answer-box"),
        gr.HighlightedText(label=translate(lang, "ui.answer.place"), combine_adjacent=False, elem_classes="marked"),
        _table("ui.answer.alternatives", answers.ALTERNATIVES, lang, ["52%", "22%", "26%"]),
    ]


def _table(key: str, columns: tuple[str, ...], lang: str, widths: list[str]) -> gr.Dataframe:
    """Its columns' widths are fixed: measured ones follow the longest cell and push the others out of sight."""
    return gr.Dataframe(
        headers=answers.headers(columns, lang),
        interactive=False,
        datatype="str",
        type="array",
        wrap=True,
        label=translate(lang, key),
        buttons=[],
        column_widths=list(widths),
    )


INPUTS: dict[type[Field], Build] = {Text: _text_input, CandidateLabels: _labels_input}
OUTPUTS: dict[type[Field], Output] = {
    Label: Output(_label_output, answers.scores),
    Spans: Output(_spans_output, answers.entities),
    Answer: Output(_answer_output, answers.answer),
}


def input_for(field: Field, lang: str) -> gr.components.Component:
    """The component that takes a value of the field."""
    return INPUTS[type(field)](field, lang)


def outputs_for(field: Field, lang: str) -> list[gr.components.Component]:
    """The components that show a value of the field."""
    return OUTPUTS[type(field)].build(field, lang)


def shown(field: Field, inputs: Row, output: Any, details: dict[str, Any], lang: str) -> list[Any]:
    """A service's output as the values of the field's output components."""
    return OUTPUTS[type(field)].values(inputs, output, details, lang)


def params_form(params: type[BaseModel], lang: str) -> dict[str, gr.components.Component]:
    """{name: component} for the knobs of a task, bounds and help read off their pydantic fields."""
    return {name: _knob(name, info, lang) for name, info in params.model_fields.items()}


def _knob(name: str, info: FieldInfo, lang: str) -> gr.components.Component:
    low, high = (next((getattr(m, bound) for m in info.metadata if hasattr(m, bound)), None) for bound in ("ge", "le"))
    words = {"label": translate(lang, f"param.{name}"), "info": translate(lang, f"param.{name}.help")}
    if info.annotation is bool:
        return gr.Checkbox(value=info.default, **words)
    step = 1 if info.annotation is int else None
    if low is not None and high is not None and high - low <= SLIDER_SPAN:
        return gr.Slider(low, high, value=info.default, step=step or (high - low) / SLIDER_SPAN, **words)
    return gr.Number(
        value=info.default, minimum=low, maximum=high, step=step or 0.1, precision=0 if step else None, **words
    )
