"""The scorecard of the run that is shown: the verdict and the scores, and behind titles what they are made of."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.services import finetune
from playground.ui import scorecard
from playground.ui.saving import save_as
from playground.ui.unseen import unseen
from playground.ui.wrapper import QUIET, Visitor, guarded

ROWS_HEIGHT = 480
SAVE_WIDTH = 240


class ScorecardPanel:
    """Built inside the run panel. Its parts are filled by scorecard.contents, and by its own events from the run.

    shown  holds the id of the run
    """

    def __init__(self, lang: str, shown: gr.Textbox) -> None:
        self.lang, self.shown = lang, shown
        self.text = partial(translate, lang)
        self.saved = unseen()
        with gr.Column(visible=False) as result:
            self.parts: dict[str, Any] = {"result": result}
            self.parts["verdict"] = gr.HTML(padding=False, elem_id="verdict")
            self.parts["scores"] = self._table("scores", "ui.scores", show_label=True)
            self._rows()
            with gr.Accordion(" ", open=False, visible=False, elem_id="types-box") as self.parts["types_box"]:
                self.parts["types"] = self._table("types", "types.of_labels")
            self._matrix()
            title = self.text("calibration.title")
            with gr.Accordion(title, open=False, visible=False) as self.parts["calibration_box"]:
                self.parts["calibration"] = gr.HTML(padding=False, elem_id="calibration")
            with gr.Row():
                self.save = gr.Button(self.text("ui.report.save"), size="sm", scale=0, min_width=SAVE_WIDTH)
        assert list(self.parts) == list(scorecard.EMPTY)
        self._events()

    def _rows(self) -> None:
        with gr.Accordion(self.text("outcomes"), open=False, elem_id="rows-box") as self.parts["rows"]:
            self.parts["tested"] = gr.HTML(padding=False, elem_id="tested")
            self.parts["outcome"] = gr.Radio([], label=self.text("outcome.show"), elem_id="outcome")
            self.parts["words"] = gr.Textbox(
                label=self.text("outcome.words"), placeholder=self.text("outcome.words.placeholder"), lines=1,
                max_lines=1, max_length=scorecard.WORDS_CHARS, elem_id="outcome-words",
            )  # fmt: skip
            self.parts["kept"] = gr.HTML(padding=False, elem_id="kept")
            self.parts["samples"] = self._table("samples", "outcomes")

    def _matrix(self) -> None:
        with gr.Accordion(" ", open=False, visible=False, elem_id="matrix-box") as self.parts["matrix_box"]:
            self.parts["hint"] = gr.HTML(padding=False)
            self.parts["matrix"] = self._table("matrix", "matrix")
            self.parts["taken"] = gr.HTML(padding=False, elem_id="taken")
            self.parts["opened"] = self._table("opened", "matrix", visible=False)

    def _table(self, name: str, label: str, *, show_label: bool = False, visible: bool = True) -> gr.Dataframe:
        """A table; its label is heard, also where the title above says it already."""
        return gr.Dataframe(
            interactive=False, datatype="str", type="array", wrap=True, buttons=[], label=self.text(label),
            show_label=show_label, visible=visible, max_height=ROWS_HEIGHT, elem_id=name,
        )  # fmt: skip

    def _events(self) -> None:
        asked = [self.shown, self.parts["outcome"], self.parts["words"]]
        rows = [self.parts["kept"], self.parts["samples"]]
        words = self.parts["words"]
        # Not `change`, which comes with every redrawing; what Backspace leaves is heard when the field is left.
        for trigger in (self.parts["outcome"].input, words.input, words.submit, words.blur):
            trigger(
                guarded(self.on_rows, self.lang), asked, rows, preprocess=False, trigger_mode="always_last", **QUIET
            )
        opened = [self.parts["taken"], self.parts["opened"]]
        self.parts["matrix"].select(guarded(self.on_cell, self.lang), self.shown, opened, preprocess=False, **QUIET)
        self.save.click(guarded(self.on_save, self.lang), self.shown, self.saved, preprocess=False, **QUIET).success(
            None, self.saved, None, js=save_as("report.json")
        )

    def on_rows(self, visitor: Visitor, run_id: Any, outcome: Any, words: Any) -> list[Any]:
        """The rows of that outcome that hold the words."""
        kept, table = scorecard.samples(_report(visitor, run_id), str(outcome or ""), str(words or ""), visitor.lang)
        return [gr.update(**kept), gr.update(**table)]

    def on_cell(self, visitor: Visitor, run_id: Any, event: gr.SelectData) -> list[Any]:
        """The rows of the cell that was clicked."""
        report = _report(visitor, run_id)
        cell = scorecard.cell_at(report, event.index, event.row_value, visitor.lang)
        if cell is None or "cells" not in report:
            return [gr.skip(), gr.skip()]
        note, table = scorecard.opened(report, cell, visitor.lang)
        return [gr.update(**note), gr.update(**table)]

    def on_save(self, visitor: Visitor, run_id: Any) -> str:
        return json.dumps(_report(visitor, run_id), ensure_ascii=False, indent=1)


def _report(visitor: Visitor, run_id: Any) -> dict[str, Any]:
    """The report of a run of the visitor's. Raises PlaygroundError."""
    report = finetune.view(str(run_id), visitor.owner).report
    if report is None:
        raise PlaygroundError("run_not_usable", run=str(run_id)[:64])
    return report
