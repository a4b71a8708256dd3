"""One row per Field class and direction: the component that takes a value, or those that show it and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic.fields import FieldInfo

from playground.fields import Answer, CandidateLabels, Field, Generated, Label, Language, Row, Spans, Text
from playground.i18n import catalog, render, translate
from playground.languages import name_of
from playground.tasks.spec import PROMPT, PROMPT_CHARS, Task
from playground.ui import answers
from playground.ui.wrapper import QUIET, Visitor, guarded

SLIDER_SPAN = 100
"""A range wider than this is a number box: on a slider its values could not be hit."""
TOKEN_COLOURS = ("#0d9488", "#d97706", "#dc2626")
"""Of tokens that were likely, open, and a surprise."""

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
    own = f"ui.{field.name}.placeholder"
    return gr.Textbox(
        label=field_label(field, lang),
        placeholder=translate(lang, own if own in catalog() else "ui.text.placeholder"),
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


def _language_input(field: Field, lang: str) -> gr.Dropdown:
    """The languages are filled in once the model is there."""
    return gr.Dropdown(
        [(translate(lang, "ui.language.found"), "")],
        value="",
        label=field_label(field, lang),
        allow_custom_value=True,
        min_width=120,
    )


def language_choice(codes: Sequence[str], lang: str) -> gr.Dropdown:
    """An update of a language's picker: those languages by name, or to find it from the text."""
    named = sorted((name_of(code, lang), code) for code in codes)
    return gr.Dropdown(choices=[(translate(lang, "ui.language.found"), ""), *named])


def _label_output(field: Field, lang: str) -> list[gr.components.Component]:
    return [
        gr.Label(label=field_label(field, lang), show_heading=False, elem_classes="scores"),
        gr.HTML(padding=False, elem_classes="counts"),
    ]


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


def _generated_output(field: Field, lang: str) -> list[gr.components.Component]:
    assert isinstance(field, Text)
    # Gradio's own button says Copy in any language.
    copy = gr.Button(translate(lang, "ui.copy"), size="sm")
    text = gr.Textbox(
        label=field_label(field, lang), lines=field.lines, max_lines=4 * field.lines, buttons=[copy],
        interactive=False, elem_classes="written",
    )  # fmt: skip
    copy.click(None, text, None, js="(text) => { navigator.clipboard.writeText(text); }")
    note = gr.HTML(padding=False, elem_classes="counts")
    tokens = gr.HighlightedText(
        label=translate(lang, "ui.tokens"), color_map=_token_colours(lang), show_legend=True,
        show_inline_category=False, combine_adjacent=False, visible=False, elem_classes="marked tokens",
    )  # fmt: skip
    table = _table("ui.written.alternatives", answers.WRITTEN, lang, ["33%", "40%", "27%"], visible=False)
    told = gr.State([])
    tokens.select(guarded(on_token, lang), told, table, **QUIET)
    return [text, note, tokens, table, told]


def _token_colours(lang: str) -> dict[str, str]:
    return dict(zip((translate(lang, word) for word in answers.LIKELINESS), TOKEN_COLOURS, strict=True))


def on_token(visitor: Visitor, told: Any, event: gr.SelectData) -> Any:
    """The token that was clicked, and what else might have stood there."""
    index = event.index if isinstance(event.index, int) else event.index[0]
    if not isinstance(told, list) or not 0 <= index < len(told):
        return gr.skip()
    token = told[index]
    label = visitor.text("ui.tokens.which", token=token["token"].strip() or "␣")
    return gr.update(value=answers.others(token, visitor.lang), label=label, visible=True, column_widths=["60%", "40%"])


def _written(inputs: Row, output: Any, details: dict[str, Any], lang: str) -> list[Any]:
    """Tokens to click where the model tells them, else the sentences with their alternatives."""
    text, note, sentences = answers.written(inputs, output, details, lang)
    if sources := details.get("sources"):
        taken = translate(lang, "ui.summary.taken")
        places = [(source["start"], source["end"], taken) for source in sources]
        marked = gr.update(
            value=answers.marked(inputs["text"], places), label=translate(lang, "ui.summary.sources"),
            color_map={taken: TOKEN_COLOURS[0]}, visible=True,
        )  # fmt: skip
        return [text, note, marked, gr.update(visible=False), []]
    if "alternatives" not in details:
        table = gr.update(value=sentences, visible=bool(sentences["data"]))
        return [text, note, gr.update(visible=False), table, []]
    tokens = gr.update(
        value=answers.tokens(details, lang), label=translate(lang, "ui.tokens"), color_map=_token_colours(lang),
        visible=bool(details["alternatives"]),
    )  # fmt: skip
    return [text, note, tokens, gr.update(visible=False), details["alternatives"]]


def _table(key: str, columns: tuple[str, ...], lang: str, widths: list[str], *, visible: bool = True) -> gr.Dataframe:
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
        visible=visible,
    )


INPUTS: dict[type[Field], Build] = {
    Text: _text_input,
    CandidateLabels: _labels_input,
    Language: _language_input,
}
OUTPUTS: dict[type[Field], Output] = {
    Label: Output(_label_output, answers.scores),
    Spans: Output(_spans_output, answers.entities),
    Answer: Output(_answer_output, answers.answer),
    Generated: Output(_generated_output, _written),
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


def blank(field: Field, lang: str) -> list[Any]:
    """A text's output components before there is one."""
    return OUTPUTS[type(field)].values({}, {"": ""}, {}, lang)


def params_form(task: Task, lang: str) -> dict[str, gr.components.Component]:
    """{name: component} for the knobs of a task, bounds and help read off their pydantic fields."""
    return {
        name: _prompt(task, lang) if name == PROMPT else _knob(info, answers.knob_words(task.id, name, lang))
        for name, info in task.params.model_fields.items()
    }


def _prompt(task: Task, lang: str) -> gr.Textbox:
    """How chat models are asked, to be changed."""
    return gr.Textbox(
        value=translate(lang, task.prompt), lines=6, max_lines=20, max_length=PROMPT_CHARS, elem_classes="prompt",
        **answers.knob_words(task.id, PROMPT, lang),
    )  # fmt: skip


def _knob(info: FieldInfo, words: dict[str, str]) -> gr.components.Component:
    low, high = (next((getattr(m, bound) for m in info.metadata if hasattr(m, bound)), None) for bound in ("ge", "le"))
    if info.annotation is bool:
        return gr.Checkbox(value=info.default, **words)
    step = 1 if info.annotation is int else None
    if low is not None and high is not None and high - low <= SLIDER_SPAN:
        return gr.Slider(low, high, value=info.default, step=step or (high - low) / SLIDER_SPAN, **words)
    return gr.Number(
        value=info.default, minimum=low, maximum=high, step=step or 0.1, precision=0 if step else None, **words
    )
