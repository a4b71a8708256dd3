"""The numbers of a fine-tune as a form, read off TrainingParams, and what a dry run tells of them."""

from __future__ import annotations

import typing
from functools import partial
from typing import Any, Literal

import gradio as gr
from pydantic import ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.i18n import Message, msg, render, translate
from playground.runs import RunSpec, TrainingParams
from playground.services.autopilot import told
from playground.services.rehearsal import Rehearsal
from playground.ui import markup
from playground.ui.wrapper import Visitor

NAMES = tuple(TrainingParams.model_fields)


class NumbersForm:
    """An accordion with a component for each number; empty ones are left to the program."""

    def __init__(self, lang: str, method: str, task: str) -> None:
        text = partial(translate, lang)
        with gr.Accordion(text("ui.advanced.numbers"), open=False, elem_id="numbers") as self.box:
            gr.HTML(markup.note(text("ui.advanced.numbers.what")), padding=False)
            with gr.Row():
                shown = told(method, task)
                self.inputs = {name: _input(name, lang, visible=name in shown) for name in NAMES}

    @property
    def components(self) -> list[gr.components.Component]:
        return list(self.inputs.values())


def for_method(method: str, task: str, lang: str, *, emptied: bool = False) -> list[Any]:
    """What is shown of the form with another method or task; `emptied` of what was typed."""
    shown, value = told(method, task), {"value": ""} if emptied else {}
    return [gr.update(visible=name in shown, **_empty(name, lang), **value) for name in NAMES]


def _empty(name: str, lang: str) -> dict[str, str]:
    """What stands in an empty input, where it shows that."""
    if typing.get_origin(_kind(name)) is Literal:
        return {}
    return {"placeholder": translate(lang, "number.auto") if name != "seed" else "0"}


def of_run(asked: RunSpec, spec: RunSpec, lang: str) -> list[Any]:
    """The form as it was filled for a run: what was set by hand, and beside the rest what it was chosen to be."""
    found = []
    for name, value in asked.training.model_dump().items():
        was = getattr(spec.training, name)
        placeholder = _empty(name, lang)
        if placeholder and was is not None and name != "seed":
            placeholder = {"placeholder": translate(lang, "number.auto_was", value=word(name, was, lang))}
        typed = "" if value is None else str(value)
        found.append(gr.update(visible=name in told(spec.method, spec.task), value=typed, **placeholder))
    return found


def given(method: str, task: str, values: typing.Sequence[Any]) -> dict[str, Any]:
    """What was set by hand, of the numbers that matter to a method and task.

    Raises PlaygroundError that names the first one which is no number or out of its bounds.
    """
    typed = {name: str(value).strip() for name, value in zip(NAMES, values, strict=True) if value is not None}
    shown = told(method, task)
    try:
        numbers = TrainingParams.model_validate({n: value for n, value in typed.items() if value and n in shown})
    except ValidationError as error:
        name, _, why = first_fault(error)
        raise PlaygroundError("bad_number", name=msg(f"number.{name}"), reason=why) from None
    return numbers.model_dump(exclude_unset=True)


def rehearsed(found: Rehearsal, visitor: Visitor) -> str:
    """What a dry run told: time and memory, then every number with its reason."""
    items = [("fine", render(message, visitor.lang), "") for message in found.told()]
    for name, reason in numbers(found, visitor.lang):
        items.append(("", name, reason))
    return markup.faults(items)


def numbers(found: Rehearsal, lang: str) -> list[tuple[str, str]]:
    """(a number's name and value, why it is that) of those that matter to the method."""
    rows = []
    for name, value in found.spec.training.model_dump().items():
        if name not in told(found.spec.method, found.spec.task) or value is None:
            continue
        reason = found.spec.reasons.get(name)
        why = render(Message.from_json(reason), lang) if reason else ""
        if not why and value != TrainingParams.model_fields[name].default:
            why = translate(lang, "ui.dry.by_hand")
        rows.append(
            (
                translate(lang, "ui.dry.number", name=translate(lang, f"number.{name}"), value=word(name, value, lang)),
                why,
            )
        )
    return rows


def word(name: str, value: int | float | str, lang: str) -> str:
    """A number's value as it is shown."""
    if isinstance(value, str):
        return translate(lang, f"number.{name}.{value}")
    return str(value) if isinstance(value, int) else f"{value:g}"


def _kind(name: str) -> Any:
    """int, float or Literal: what a number is, None aside."""
    annotation = TrainingParams.model_fields[name].annotation
    if typing.get_origin(annotation) is Literal:
        return annotation
    return next(kind for kind in typing.get_args(annotation) or (int,) if kind)


def _input(name: str, lang: str, visible: bool) -> gr.components.Component:
    words = {"label": translate(lang, f"number.{name}"), "info": translate(lang, f"number.{name}.help")}
    kind = _kind(name)
    if typing.get_origin(kind) is Literal:
        choices = [(translate(lang, f"number.{name}.{value}"), value) for value in typing.get_args(kind)]
        default = TrainingParams.model_fields[name].default
        if default is None:
            choices.insert(0, (translate(lang, "number.auto"), ""))
        return gr.Dropdown(choices, value=default or "", visible=visible, min_width=200, **words)
    # A gr.Number that is empty becomes 0 when it is shown again.
    return gr.Textbox(
        max_lines=1, max_length=20, visible=visible, min_width=200, elem_id=f"number-{name}", **_empty(name, lang),
        **words,
    )  # fmt: skip
