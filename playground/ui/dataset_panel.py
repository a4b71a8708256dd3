"""A dataset of the Hub by its name: what it is, its download, and then it is opened as a file would be."""

from __future__ import annotations

import time
from functools import partial

import gradio as gr

from playground.i18n import translate
from playground.services.downloads import dataset_id, rows_here
from playground.ui.download_panel import DownloadPanel
from playground.ui.unseen import unseen
from playground.ui.wrapper import Visitor, guarded


class DatasetPanel:
    """Below the place for a file. `arrived.change` tells that one is here: see `dataset_of`."""

    def __init__(self, lang: str) -> None:
        text = partial(translate, lang)
        asked, self.arrived = unseen(), unseen()
        with gr.Accordion(text("ui.hub_data"), open=False, elem_id="hub-data"):
            with gr.Row(equal_height=False):
                name = gr.Textbox(
                    label=text("ui.hub_data.name"), info=text("ui.hub_data.info"), placeholder="owner/name",
                    max_lines=1, max_length=300, scale=4,
                )  # fmt: skip
                look = gr.Button(text("ui.hub_data.look"), scale=0, min_width=120)
            DownloadPanel(lang, asked, wanted=_missing, arrived=self.arrived)
        # In the queue: outside of it a refusal would be shown without its words.
        gr.on(
            [look.click, name.submit], guarded(_asked, lang), name, asked, preprocess=False, api_visibility="private",
            show_progress_on=look,
        )  # fmt: skip


def _asked(visitor: Visitor, name: str) -> str:
    """With a mark behind it, so that asking for the same again is another value."""
    dataset = dataset_id(str(name or ""))
    return f"{dataset} {time.time()}" if dataset else ""


def _missing(asked: str, owner: str) -> str:
    dataset = dataset_of(asked)
    return "" if rows_here(dataset) else dataset


def dataset_of(value: object) -> str:
    """The id of a dataset, of what the page holds with a mark behind it; "" where it holds none."""
    return str(value or "").partition(" ")[0]
