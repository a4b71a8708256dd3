"""Below a picker: what a model or a dataset of the Hub would cost to download, the download, and its end.

Nothing is downloaded before a click, which stands beside the size and the licence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import render, translate
from playground.services.downloads import Download, downloads, facts, needed
from playground.ui import markup
from playground.ui.loading import loader
from playground.ui.wrapper import QUIET, Visitor, guarded

TICK_SECONDS = 0.7
MODEL_CHARS = 300
GOING = ("looking", "downloading", "stopping")


class DownloadPanel:
    """Shown where what was chosen is not on this machine.

    look     the timer that watches a model being loaded
    wanted   (chosen, owner) -> what has to be downloaded, "" for nothing
    arrived  gets what was chosen once it is here
    """

    def __init__(
        self, lang: str, picker: gr.components.Component, look: gr.Timer | None = None, *,
        wanted: Callable[[str, str], str] = needed, arrived: gr.Textbox | None = None,
    ) -> None:  # fmt: skip
        self.lang = lang
        self.text = partial(translate, lang)
        self.picker = picker
        self.look = look
        self.wanted, self.arrived = wanted, arrived
        with gr.Column(visible=False, elem_classes="download-panel") as self.column:
            self.told = gr.HTML(padding=False)
            with gr.Row():
                self.start = gr.Button(self.text("ui.download.start"), variant="primary", scale=0, min_width=180)
                self.stop = gr.Button(self.text("ui.download.stop"), visible=False, scale=0, min_width=220)
        self.timer = gr.Timer(TICK_SECONDS, active=False)
        self._events()

    def _events(self) -> None:
        also = [part for part in (self.look, self.arrived) if part is not None]
        shown = [self.column, self.told, self.start, self.stop, self.timer, *also]
        events = (
            (self.picker.change, self.on_choose),
            (self.timer.tick, self.on_tick),
            (self.start.click, self.on_start),
            (self.stop.click, self.on_stop),
        )
        for trigger, handler in events:
            trigger(
                guarded(handler, self.lang), self.picker, shown, preprocess=False, **QUIET,
            )  # fmt: skip

    def on_choose(self, visitor: Visitor, model: Any) -> list[Any]:
        """Another model was chosen: where it is not here, ask the Hub what it is."""
        wanted = self._wanted(visitor, model)
        if wanted:
            downloads().look(wanted)
        return self._shown(visitor, model, wanted)

    def on_tick(self, visitor: Visitor, model: Any) -> list[Any]:
        wanted = self._wanted(visitor, model)
        if not wanted and self.look:  # it has come: load it
            loader().start(str(model)[:MODEL_CHARS], visitor.owner)
        known = downloads().status(wanted)
        if wanted and (known is None or known.state == "done"):  # an adapter has come, and its base is not here
            downloads().look(wanted)
        return self._shown(visitor, model, wanted)

    def on_start(self, visitor: Visitor, model: Any) -> list[Any]:
        """Download what was offered, or ask again where asking has failed."""
        wanted = self._wanted(visitor, model)
        known = downloads().status(wanted)
        if known and known.state == "offered":
            downloads().start(wanted, visitor.owner)
        elif wanted:
            downloads().look(wanted)
        return self._shown(visitor, model, wanted)

    def on_stop(self, visitor: Visitor, model: Any) -> list[Any]:
        wanted = self._wanted(visitor, model)
        downloads().stop(wanted, visitor.owner)
        return self._shown(visitor, model, wanted)

    def _wanted(self, visitor: Visitor, model: Any) -> str:
        return self.wanted(str(model or "")[:MODEL_CHARS], visitor.owner)

    def _shown(self, visitor: Visitor, chosen: Any, wanted: str) -> list[Any]:
        """The panel for what has to be downloaded; nothing for ""."""
        known = downloads().status(wanted) if wanted else None
        going = known is not None and known.state in GOING
        also = [gr.skip() if wanted else gr.Timer(active=True)] if self.look else []
        also += [gr.skip() if wanted else chosen] if self.arrived else []
        if known is None:
            return [gr.Column(visible=False), "", gr.skip(), gr.skip(), gr.Timer(active=False), *also]
        start = visitor.text("ui.download.start" if known.state == "offered" else "ui.download.again")
        return [
            gr.Column(visible=True),
            self._told(visitor, wanted, known),
            gr.Button(start, visible=not going),
            gr.Button(visible=known.state == "downloading"),
            gr.Timer(active=going),
            *also,
        ]

    def _told(self, visitor: Visitor, wanted: str, known: Download) -> str:
        if known.state == "looking":
            return markup.note(visitor.text("hub.looking", model=wanted), "busy")
        told = [render(message, visitor.lang) for message in facts(known)]
        return markup.download(told, done=known.share if known.state in ("downloading", "stopping") else None)
