"""Adding a model that runs elsewhere, below the picker of models, and removing it. On one's own machine only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import translate
from playground.models import endpoints
from playground.ui import markup
from playground.ui.wrapper import QUIET, Visitor, guarded

FIELD_CHARS = 500


class EndpointPanel:
    """Where it runs, model, name and key; a click adds them and chooses the model in the picker, another removes it."""

    def __init__(self, task_id: str, lang: str, picker: gr.Dropdown, choices: Callable[[Visitor], Any]) -> None:
        self.choices = choices
        text = partial(translate, lang)

        def box(name: str, placeholder: str = "", **more: Any) -> gr.Textbox:
            info = f"ui.endpoint.{name}.info"
            return gr.Textbox(
                label=text(f"ui.endpoint.{name}"), placeholder=placeholder, max_length=FIELD_CHARS, max_lines=1,
                info=text(info) if name != "url" else None, min_width=200, **more,
            )  # fmt: skip

        with gr.Accordion(text("ui.endpoint"), open=False, elem_id=f"endpoint-{task_id}"):
            gr.HTML(markup.note(text("ui.endpoint.what")), padding=False)
            places = [(text("ui.endpoint.server"), ""), *((name, name) for name in endpoints.providers())]
            with gr.Row():
                provider = gr.Dropdown(
                    places, value="", label=text("ui.endpoint.provider"), info=text("ui.endpoint.provider.info"),
                    min_width=200,
                )  # fmt: skip
                url, model = box("url", "http://127.0.0.1:8000/v1"), box("model", "Qwen/Qwen2.5-7B-Instruct")
            with gr.Row():
                name, key = box("name", "local-qwen"), box("key", type="password")
            with gr.Row():
                add = gr.Button(text("ui.endpoint.add"), size="sm")
                remove = gr.Button(text("ui.endpoint.remove"), size="sm")
            self.note = gr.HTML(padding=False)
        provider.change(None, provider, url, js="provider => ({__type__: 'update', visible: !provider})", **QUIET)
        add.click(
            guarded(self.on_add, lang), [name, provider, url, model, key], [picker, self.note, key],
            preprocess=False, **QUIET,
        )  # fmt: skip
        remove.click(guarded(self.on_remove, lang), picker, [picker, self.note], preprocess=False, **QUIET)

    def on_add(self, visitor: Visitor, name: Any, provider: Any, url: Any, model: Any, key: Any) -> list[Any]:
        """The key leaves the page at once."""
        words = {"provider": provider, "url": "" if provider else url, "model": model, "key": key}
        added = endpoints.add(
            str(name or ""), **{word: str(value or "")[:FIELD_CHARS] for word, value in words.items()}
        )
        note = markup.note(visitor.text("ui.endpoint.added"), "ready")
        return [gr.Dropdown(choices=self.choices(visitor), value=added), note, ""]

    def on_remove(self, visitor: Visitor, chosen: Any) -> list[Any]:
        """The picker goes back to the first model."""
        endpoints.remove(str(chosen or ""))
        left = self.choices(visitor)
        return [gr.Dropdown(choices=left, value=left[0][1]), markup.note(visitor.text("ui.endpoint.removed"))]
