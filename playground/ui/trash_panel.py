"""What was thrown away: put back one by one, or deleted for good."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import translate
from playground.services import finetune, trash
from playground.ui import markup
from playground.ui.unseen import unseen
from playground.ui.wrapper import QUIET, Visitor, guarded

BUTTON_WIDTH = 160
PARTS = ("trash_box", "trashed")


class TrashPanel:
    """Built inside the run panel, which fills `parts`. What comes back is shown there: its id goes to `shown`."""

    def __init__(self, lang: str, shown: gr.Textbox, timer: gr.Timer) -> None:
        self.lang, self.shown, self.timer = lang, shown, timer
        text = partial(translate, lang)
        self.thrown = unseen("thrown-run")
        with gr.Row(visible=False, elem_id="thrown") as self.undoing:
            self.told = gr.HTML(padding=False)
            self.undo = gr.Button(text("ui.trash.undo"), size="sm", scale=0, min_width=BUTTON_WIDTH)
        with gr.Accordion(" ", open=False, visible=False, elem_id="trash") as box:
            self.parts: dict[str, Any] = {"trash_box": box}
            self.parts["trashed"] = gr.Dropdown([], label=text("ui.trash.choose"), elem_id="trashed")
            with gr.Row():
                self.restore = gr.Button(text("ui.trash.restore"), scale=0, min_width=BUTTON_WIDTH)
                self.empty = gr.Button(text("ui.trash.empty"), scale=0, min_width=BUTTON_WIDTH)
            with gr.Column(visible=False) as self.asking:
                self.sure = gr.HTML(padding=False, elem_id="trash-sure")
                with gr.Row():
                    self.really = gr.Button(text("ui.trash.really"), variant="stop", scale=0, min_width=BUTTON_WIDTH)
                    self.keep = gr.Button(text("ui.trash.keep"), scale=0, min_width=BUTTON_WIDTH)
        assert list(self.parts) == list(PARTS)
        self._events()

    def _events(self) -> None:
        back = [self.shown, self.timer, self.undoing]
        for button, wished in ((self.undo, self.thrown), (self.restore, self.parts["trashed"])):
            button.click(guarded(self.on_restore, self.lang), wished, back, preprocess=False, api_visibility="private")
        asking = [self.sure, self.asking]
        self.empty.click(guarded(self.on_empty, self.lang), None, asking, preprocess=False, **QUIET)
        self.keep.click(guarded(self.on_keep, self.lang), None, self.asking, preprocess=False, **QUIET)
        self.really.click(
            guarded(self.on_really, self.lang), None, [self.asking, self.undoing, self.timer], preprocess=False,
            api_visibility="private",
        )  # fmt: skip

    def throw_away(self, visitor: Visitor, run_id: str) -> list[Any]:
        """Move a run to the trash; updates of `shown`, `timer`, `thrown`, `undoing` and `told`."""
        title = finetune.view(run_id, visitor.owner).title
        trash.throw_away(run_id, visitor.owner)
        told = markup.note(visitor.text("ui.trash.thrown", name=title), "ready")
        return ["", gr.Timer(active=True), run_id, gr.Row(visible=True), told]

    def on_restore(self, visitor: Visitor, run_id: Any) -> list[Any]:
        trash.restore(str(run_id or ""), visitor.owner)
        return [str(run_id), gr.Timer(active=True), gr.Row(visible=False)]

    def on_empty(self, visitor: Visitor) -> list[Any]:
        """Ask first: nothing brings it back."""
        count = len(trash.thrown_away(visitor.owner))
        return [markup.note(visitor.text("ui.trash.sure", count=count), "bad"), gr.Column(visible=True)]

    def on_keep(self, visitor: Visitor) -> Any:
        return gr.Column(visible=False)

    def on_really(self, visitor: Visitor) -> list[Any]:
        trash.empty(visitor.owner)
        return [gr.Column(visible=False), gr.Row(visible=False), gr.Timer(active=True)]


def contents(visitor: Visitor) -> dict[str, dict[str, Any]]:
    """{component: keyword arguments of its update}."""
    views = trash.thrown_away(visitor.owner)
    choices = [
        (visitor.text("ui.trash.line", name=view.title, days=trash.days_left(view.id, visitor.owner)), view.id)
        for view in views
    ]
    return {
        "trash_box": {"visible": bool(views), "label": visitor.text("ui.trash", count=len(views))},
        "trashed": {"choices": choices, "value": choices[0][1] if choices else None},
    }
