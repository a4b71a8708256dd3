"""A value that lives in the page, and that nobody sees."""

from __future__ import annotations

import gradio as gr


def unseen(elem_id: str | None = None) -> gr.Textbox:
    """Text that handlers and scripts of the page hand on; it survives a restart of the server.

    By style, not by `visible="hidden"`: that one Gradio undoes when it shows a column around it.
    """
    return gr.Textbox(show_label=False, container=False, elem_id=elem_id, elem_classes="unseen")
