"""A server of the panel alone: `python -m tests.ui.document_page PORT MODEL`, with the guards of the app around it."""

from __future__ import annotations

import sys

from playground.ui.document_panel import DocumentPanel  # first: playground.ui prepares the environment for gradio

import gradio as gr  # isort: skip
from playground.i18n import LANGUAGES
from playground.settings import settings
from playground.ui.server import launch_options


def main(port: int, model: str) -> None:
    settings().uploads_dir.mkdir(parents=True, exist_ok=True)
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Markdown()
    for lang in LANGUAGES:
        with blocks.route(lang, f"/{lang}", show_in_navbar=False):
            gr.Navbar(visible=False, main_page_name=False)
            DocumentPanel(lang, gr.Dropdown([model], value=model, label="Model"))
    blocks.queue(api_open=False, default_concurrency_limit=8)
    blocks.launch(server_name="127.0.0.1", server_port=port, **launch_options("en"))
    print("ready", flush=True)
    blocks.block_thread()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
