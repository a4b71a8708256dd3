"""The page: one builder, called once for each language; and the endpoints, which exist once."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, translate
from playground.services import batch
from playground.settings import settings
from playground.tasks import TASKS, get_task
from playground.ui import api, markup
from playground.ui.code_panel import COPY
from playground.ui.finetune_tab import FinetuneTab
from playground.ui.language import TAGS
from playground.ui.task_tab import TaskTab
from playground.ui.wrapper import QUIET, Pages, Visitor, guarded

FINETUNE = "finetune"
TABS = """() => document.addEventListener("click", (event) => {
  const tab = event.target.closest('[role="tab"]');
  if (!tab) return;
  const address = new URL(window.location.href);
  for (const name of ["run", "batch"]) address.searchParams.delete(name);
  if (tab.id === "tab-finetune-button")
    address.searchParams.set("run", document.querySelector("#shown-run textarea, #shown-run input")?.value ?? "");
  history.replaceState(null, "", address);
})"""
"""The address says what is looked at, so that a reload (Gradio reloads after a lost connection) comes back to it."""
KEYS = """() => document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const panel = event.target.closest(".document-panel, .chat-panel") ?? document;
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
    blocks = Pages(analytics_enabled=False, title=translate("en", "ui.title"), delete_cache=CACHE_SECONDS)
    with blocks:
        api.endpoints()
    for lang in LANGUAGES:
        with blocks.route(lang, f"/{lang}", show_in_navbar=False):
            _page(blocks, lang)
    return blocks


def _page(blocks: gr.Blocks, lang: str) -> None:
    text = partial(translate, lang)
    other = next(code for code in LANGUAGES if code != lang)
    where = "there" if settings().public else "here"
    gr.Navbar(visible=False, main_page_name=False)
    gr.HTML(
        markup.header(
            text("ui.title"),
            text(f"ui.tagline.{where}"),
            href=f"./{other}",
            language=text("ui.other_language"),
            tag=TAGS[other],
        ),
        padding=False,
    )
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        task_tabs = [TaskTab(task, lang) for task in TASKS]
        with gr.Tab(text("ui.tab.finetune"), id=FINETUNE, elem_id=f"tab-{FINETUNE}"):
            finetune = FinetuneTab(lang, tabs, {tab.task.id: tab.model for tab in task_tabs})
    if settings().public:
        _token_panel(lang)
    for script in (KEYS, TABS, COPY):
        blocks.load(None, None, None, js=script)
    for tab in task_tabs:
        tab.on_page_load(blocks)
    finetune.on_page_load(blocks)
    blocks.load(guarded(_first_tab, lang), None, tabs, **QUIET)


def _token_panel(lang: str) -> None:
    """For those who use the endpoints: what tells that a request is theirs, shown when it is asked for."""
    with gr.Accordion(translate(lang, "ui.token.title"), open=False):
        gr.HTML(markup.note(translate(lang, "ui.token.what")), padding=False)
        show = gr.Button(translate(lang, "ui.token.show"), size="sm")
        token = gr.Textbox(
            label=translate(lang, "ui.token.label"),
            buttons=["copy"],
            visible=False,
            interactive=False,
            elem_id="visitor-token",
        )
        show.click(guarded(_token, lang), None, token, queue=False, api_visibility="private")


def _token(visitor: Visitor) -> Any:
    return gr.Textbox(value=visitor.token, visible=True)


def _first_tab(visitor: Visitor) -> Any:
    """A link to a run opens its tab, one to a file that is worked on its task's."""
    if "run" in visitor.query:
        return gr.Tabs(selected=FINETUNE)
    try:
        wished = visitor.query.get("batch", "")
        return gr.Tabs(selected=get_task(batch.view(wished, visitor.owner).spec.task).tab) if wished else gr.skip()
    except PlaygroundError:
        return gr.skip()
