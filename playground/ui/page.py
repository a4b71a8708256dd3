"""The page: one builder, called once for each language; and the endpoints, which exist once."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import LANGUAGES, translate
from playground.tasks import TASKS
from playground.ui import api, markup
from playground.ui.finetune_tab import FinetuneTab
from playground.ui.language import TAGS
from playground.ui.task_tab import TaskTab
from playground.ui.wrapper import Visitor, guarded

FINETUNE = "finetune"
TABS = """() => document.addEventListener("click", (event) => {
  const tab = event.target.closest('[role="tab"]');
  if (!tab) return;
  const address = new URL(window.location.href);
  address.searchParams.delete("run");
  if (tab.id === "tab-finetune-button")
    address.searchParams.set("run", document.querySelector("#shown-run textarea, #shown-run input")?.value ?? "");
  history.replaceState(null, "", address);
})"""
"""The address says what is looked at, so that a reload (Gradio reloads after a lost connection) comes back to it."""
KEYS = """() => document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const panel = event.target.closest(".document-panel") ?? document;
  const button = [...panel.querySelectorAll(".run-button")].find((one) => one.offsetParent);
  if (!button || !event.target.matches("textarea, input")) return;
  event.preventDefault();
  button.click();
})"""
"""Ctrl-Enter runs what the open tab shows; Enter alone stays a new line."""
CACHE_SECONDS = (3600, 86400)
"""How often uploads that Gradio keeps are looked at, and the age at which they go."""


def build() -> gr.Blocks:
    """All pages as one Blocks: the endpoints at its root, a page under /<language> for each language."""
    blocks = gr.Blocks(analytics_enabled=False, title=translate("en", "ui.title"), delete_cache=CACHE_SECONDS)
    with blocks:
        api.endpoints()
    for lang in LANGUAGES:
        with blocks.route(lang, f"/{lang}", show_in_navbar=False):
            _page(blocks, lang)
    return blocks


def _page(blocks: gr.Blocks, lang: str) -> None:
    text = partial(translate, lang)
    other = next(code for code in LANGUAGES if code != lang)
    gr.Navbar(visible=False, main_page_name=False)
    gr.HTML(
        markup.header(
            text("ui.title"), text("ui.tagline"), href=f"./{other}", language=text("ui.other_language"), tag=TAGS[other]
        ),
        padding=False,
    )
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        task_tabs = [TaskTab(task, lang) for task in TASKS]
        with gr.Tab(text("ui.tab.finetune"), id=FINETUNE, elem_id=f"tab-{FINETUNE}"):
            finetune = FinetuneTab(lang, tabs, {tab.task.id: tab.model for tab in task_tabs})
    for script in (KEYS, TABS):
        blocks.load(None, None, None, js=script)
    for tab in task_tabs:
        tab.on_page_load(blocks)
    finetune.on_page_load(blocks)
    blocks.load(guarded(_first_tab, lang), None, tabs, queue=False, api_visibility="private", show_progress="hidden")


def _first_tab(visitor: Visitor) -> Any:
    """A link to a run opens its tab."""
    return gr.Tabs(selected=FINETUNE) if "run" in visitor.query else gr.skip()
