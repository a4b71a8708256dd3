"""A search of the Hub by task, below the picker of models. Greyed out where the Hub does not answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import render, translate
from playground.services import hub_search
from playground.services.hub_search import WORDS_CHARS
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.wrapper import QUIET, Visitor, guarded


class HubPanel:
    """Words to search for, and what was found: a click chooses it in the picker. Nothing is asked before it opens."""

    def __init__(self, task: Task, lang: str, picker: gr.Dropdown) -> None:
        self.task = task
        self.lang = lang
        self.picker = picker
        text = partial(translate, lang)
        with gr.Accordion(text("ui.hub"), open=False, elem_id=f"hub-{task.id}") as self.accordion:
            self.note = gr.HTML(markup.note(text("ui.hub.asking"), "busy"), padding=False)
            with gr.Row(equal_height=True):
                self.words = gr.Textbox(
                    show_label=False, container=False, placeholder=text("ui.hub.words"), interactive=False, scale=4,
                    max_length=WORDS_CHARS, min_width=160,
                )  # fmt: skip
                self.search = gr.Button(text("ui.hub.search"), interactive=False, scale=0, min_width=110)
            self.found = gr.Radio([], label=text("ui.hub.found"), visible=False, elem_classes="hub-found")
        self._events()

    def _events(self) -> None:
        shown = [self.note, self.words, self.search]
        self.accordion.expand(guarded(self.on_open, self.lang), None, shown, preprocess=False, **QUIET)
        for trigger in (self.search.click, self.words.submit):
            trigger(
                guarded(self.on_search, self.lang), self.words, [self.note, self.found], show_progress_on=self.found,
                preprocess=False, api_visibility="private",
            )  # fmt: skip
        self.found.input(guarded(self.on_choose, self.lang), self.found, self.picker, preprocess=False, **QUIET)

    def on_open(self, visitor: Visitor) -> list[Any]:
        """Whether the Hub answers decides whether it can be searched."""
        online = hub_search.online()
        note = "" if online else markup.note(visitor.text("ui.hub.offline"), "bad")
        return [note, gr.Textbox(interactive=online), gr.Button(interactive=online)]

    def on_search(self, visitor: Visitor, words: Any) -> list[Any]:
        found = hub_search.search(self.task.id, str(words or ""))
        if not found:
            return [markup.note(visitor.text("ui.hub.nothing")), gr.Radio(choices=[], visible=False)]
        choices = [(render(hub_search.line(one), visitor.lang), one.id) for one in found]
        return [markup.note(visitor.text("ui.hub.what")), gr.Radio(choices=choices, value=None, visible=True)]

    def on_choose(self, visitor: Visitor, model: Any) -> Any:
        """In the picker, which then shows what the download would cost."""
        return str(model)
