"""The same answer in code, below what the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.runs import RunSpec
from playground.services import predict
from playground.services.batch.job import BatchSpec
from playground.services.file_snippets import Asking, batch_snippets, document_snippets, run_snippets
from playground.services.snippets import TOKEN, snippets
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.wrapper import Visitor

COPY = """() => document.addEventListener("click", (event) => {
  const button = event.target.closest(".codes button");
  if (button) navigator.clipboard.writeText(button.closest("section").querySelector("code").textContent);
})"""


class CodePanel:
    """Built below a result; filled when something is run."""

    def __init__(self, lang: str) -> None:
        with gr.Accordion(translate(lang, "ui.code"), open=False, elem_classes="code-panel"):
            self.code = gr.HTML(markup.note(translate(lang, "ui.code.what")), padding=False)

    def of_task(self, visitor: Visitor, task: Task, inputs: dict[str, Any], knobs: dict[str, Any], model: str) -> Any:
        """The code that asks what was asked; as it was where it cannot be asked, which the answer's place says."""
        taken = predict.extras(task.id, model, visitor.owner)
        try:
            row = predict.checked_row(task, inputs)
            asked = {field.name: row[field.name] for field in task.inputs}
            asked |= {field.name: field.parse(row[field.name]) for field in taken}
            params = predict.checked_params(task, knobs).model_dump()
        except PlaygroundError:
            return gr.skip()
        own = _is_own(visitor, model)
        return _shown(visitor, snippets(task, asked, model, params, visitor.origin, own=own), token=own)

    def of_document(self, visitor: Visitor, asking: Asking) -> str:
        """The code that asks the same of the same document, which is whose it is."""
        token = bool(visitor.token)
        found = document_snippets(asking, here=not _is_own(visitor, asking.model), token=token)
        return markup.note(visitor.text("ui.code.document", name=asking.file)) + _shown(visitor, found, token=token)


def of_batch(visitor: Visitor, spec: BatchSpec) -> str:
    """The code that sends the same file through the same model."""
    token = bool(visitor.token)
    said = visitor.text("ui.code.file", name=str(spec.table["name"]))
    return markup.note(said) + _shown(visitor, batch_snippets(spec, visitor.origin, token=token), token=token)


def of_run(visitor: Visitor, spec: RunSpec) -> str:
    """The code that trains the same."""
    token = bool(visitor.token)
    said = "" if spec.rows_of else markup.note(visitor.text("ui.code.file", name=spec.data))
    return said + _shown(visitor, run_snippets(spec, visitor.origin, token=token), token=token)


def _is_own(visitor: Visitor, model: str) -> bool:
    """Whether it is a model that only its owner may ask, on a page of several owners."""
    return bool(visitor.token) and model.startswith("run/")


def _shown(visitor: Visitor, found: Mapping[str, str], *, token: bool) -> str:
    codes = [(kind, visitor.text(f"ui.code.{kind}"), code) for kind, code in found.items()]
    said = markup.note(visitor.text("ui.code.token", name=TOKEN)) if token else ""
    return said + markup.codes(codes, visitor.text("ui.copy"))
