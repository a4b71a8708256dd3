"""The panel that asks a document or searches it, below the tab of a task that can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.services import documents
from playground.services.file_snippets import Asking
from playground.settings import settings
from playground.ui import markup
from playground.ui.answers import marked
from playground.ui.code_panel import CodePanel
from playground.ui.document_api import opened
from playground.ui.loading import import_models
from playground.ui.unseen import unseen
from playground.ui.wrapper import UNMARKED, Visitor, guarded

FILE_TYPES = [".txt", ".md", ".pdf"]
MODEL_CHARS = 300
PASTED = "document.txt"
"""What the code calls a text that was pasted."""
WRAPPED = re.compile(r"(?<=[^\n])\n(?![\n#>*•–-]|\d{1,3}[.)])")
"""A line break that only the width of a page made: none of a paragraph, a heading or a list."""


class DocumentPanel:
    """A document, a question, answers in their passages. Built inside a task's gr.Tab; `model` is its picker."""

    def __init__(self, lang: str, model: gr.Dropdown) -> None:
        self.lang = lang
        self.model = model
        self.text = partial(translate, lang)
        with gr.Column(elem_classes="document-panel"):
            gr.HTML(markup.section(self.text("ui.documents")), padding=False)
            what = self.text("ui.documents.what", max_mb=settings().max_document_mb)
            gr.HTML(markup.note(what), padding=False)
            self._document()
            self._question()
        self._events()

    def _document(self) -> None:
        with gr.Row(equal_height=False):
            with gr.Column(min_width=260):
                self.file = gr.File(
                    label=self.text("ui.documents.file"), file_types=FILE_TYPES, height=150, elem_id="document-file"
                )
            with gr.Column(min_width=260):
                self.pasted = gr.Textbox(
                    label=self.text("ui.documents.text"),
                    placeholder=self.text("ui.documents.text.placeholder"),
                    lines=4,
                    max_lines=8,
                    max_length=settings().max_document_mb * 1_000_000,
                )
        self.document = unseen("document-id")

    def _question(self) -> None:
        self.question = gr.Textbox(
            label=self.text("ui.documents.question"),
            placeholder=self.text("ui.documents.question.placeholder"),
            lines=1,
            max_lines=1,
        )
        with gr.Row():
            self.ask = gr.Button(self.text("ui.documents.ask"), variant="primary", elem_classes="run-button")
            self.find = gr.Button(self.text("ui.documents.find"))
            self.stop = gr.Button(self.text("ui.documents.stop"), visible=False)
        self.state = gr.HTML(padding=False, elem_classes="document-state")
        self.found = gr.HTML(padding=False, elem_classes="document-found")
        self.code = CodePanel(self.lang)

    def _events(self) -> None:
        quiet: dict[str, Any] = {"preprocess": False, **UNMARKED}
        sources = [self.model, self.pasted, self.file, self.document]
        told = [self.document, self.state, self.stop]
        found = [*told, self.found, self.code.code]
        work = [
            self.file.upload(guarded(self.on_file, self.lang), [self.model, self.file], told, **quiet),
            *(
                trigger(guarded(handler, self.lang), [self.question, *sources], found, **quiet)
                for trigger, handler in (
                    (self.ask.click, self.on_ask),
                    (self.question.submit, self.on_ask),
                    (self.find.click, self.on_find),
                )
            ),
        ]
        self.file.clear(guarded(self.on_clear, self.lang), None, [self.document, self.state], queue=False, **quiet)
        stopped = self.stop.click(guarded(self.on_stop, self.lang), None, told[1:], cancels=work, queue=False, **quiet)
        # Once more: what the work had said just before may come in after the first answer, and would stay.
        stopped.then(guarded(self.on_stop, self.lang), None, told[1:], queue=False, **quiet)

    def on_file(self, visitor: Visitor, model: Any, file: Any) -> Iterator[list[Any]]:
        """Read and index an uploaded document, so that the first question need not wait."""
        yield from self._indexed(visitor, model, "", file, "")

    def on_ask(self, visitor: Visitor, question: Any, *sources: Any) -> Iterator[list[Any]]:
        documents.QUESTION.parse(question)
        for told in self._indexed(visitor, *sources):
            yield [*told, gr.skip(), gr.skip()]
        model = _model(sources[0])
        found = documents.ask(told[0], question, model, owner=visitor.owner)
        items = [_answer(visitor, answer) for answer in found]
        said = markup.note(visitor.text("document.scores" if items else "document.no_answer"))
        yield [
            *told,
            said + markup.passages(items) if items else said,
            self._code(visitor, "ask", told[0], question, model),
        ]

    def on_find(self, visitor: Visitor, question: Any, *sources: Any) -> Iterator[list[Any]]:
        documents.QUESTION.parse(question)
        for told in self._indexed(visitor, *sources):
            yield [*told, gr.skip(), gr.skip()]
        model = _model(sources[0])
        found = documents.find_passages(told[0], question, owner=visitor.owner, model=model)
        shown = markup.passages(_passage(visitor, passage) for passage in found)
        yield [*told, shown, self._code(visitor, "search", told[0], question, model)]

    def _code(self, visitor: Visitor, command: str, document: str, question: Any, model: str) -> str:
        name, _ = documents.describe(document, visitor.owner)
        asking = Asking(command, str(question), name or PASTED, model, visitor.origin)
        return self.code.of_document(visitor, asking)

    def on_stop(self, visitor: Visitor) -> list[Any]:
        return [markup.note(visitor.text("document.stopped")), gr.Button(visible=False)]

    def on_clear(self, visitor: Visitor) -> list[Any]:
        return ["", ""]

    def _indexed(self, visitor: Visitor, model: Any, text: Any, file: Any, document: Any) -> Iterator[list[Any]]:
        """What the page shows while a document is read and indexed: [document id, state, Stop]; at last it is ready."""
        try:
            if file and not document:
                yield ["", markup.note(visitor.text("document.reading"), "busy"), gr.Button(visible=True)]
            import_models()
            document_id = opened(visitor, text, None if document else file, document)
            for done, total in documents.index(document_id, _model(model), visitor.owner):
                state = visitor.text("document.indexing", done=done, total=total)
                yield [document_id, markup.note(state, "busy"), gr.Button(visible=True)]
        except PlaygroundError:
            yield ["", "", gr.Button(visible=False)]
            raise
        name, passages = documents.describe(document_id, visitor.owner)
        state = visitor.text("document.ready", name=name or visitor.text("document.pasted"), passages=passages)
        yield [document_id, markup.note(state, "ready"), gr.Button(visible=False)]


def _model(value: Any) -> str:
    return str(value or "")[:MODEL_CHARS]


def _answer(visitor: Visitor, found: documents.FoundInDocument) -> tuple[str, list[str], markup.Pieces]:
    passage = found["passage"]
    place = (found["start"] - passage["start"], found["end"] - passage["start"], "")
    facts = [visitor.text("document.score", score=f"{found['score']:.2f}"), *_place(visitor, found)]
    return " ".join(found["answer"].split()), facts, marked(_flowing(passage["text"]), [place])


def _passage(visitor: Visitor, found: documents.Found) -> tuple[str, list[str], markup.Pieces]:
    facts = [visitor.text("document.similarity", score=f"{found['score']:.2f}"), *_place(visitor, found)]
    return "", facts, [(_flowing(found["text"]), None)]


def _flowing(text: str) -> str:
    """The text of a passage with its lines joined; every character keeps its place."""
    return WRAPPED.sub(" ", text)


def _place(visitor: Visitor, found: documents.Found | documents.FoundInDocument) -> list[str]:
    page = [visitor.text("document.page", page=found["page"])] if "page" in found else []
    return [*page, visitor.text("document.place", start=found["start"], end=found["end"])]
