"""A whole file through the tab's model: upload, columns, start; then how it gets on, its first results, downloads."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.fields import Field, Language, Messages
from playground.i18n import Message, render, translate
from playground.services import batch, predict
from playground.services.batch import BatchView
from playground.tasks.spec import PROMPT, Task
from playground.ui import markup
from playground.ui.batch_api import saved
from playground.ui.code_panel import CodePanel, of_batch
from playground.ui.columns import FILE_TYPES, ColumnPicker, chosen_columns, short, summary
from playground.ui.loading import import_models
from playground.ui.unseen import unseen
from playground.ui.uploaded import uploaded_files
from playground.ui.wrapper import QUIET, Visitor, guarded

TICK_SECONDS = 1.0
PREVIEW_ROWS = 5
BUTTON_WIDTH = 140
NARROW = ("predicted_score", "predicted_label", "prediction_error", "label")
"""Columns of numbers and words; those of texts are wider, and a narrow window scrolls."""
GO_TO_BATCH = """(id) => {
  const address = new URL(window.location.href);
  for (const name of ["model", "run"]) address.searchParams.delete(name);
  address.searchParams.set("batch", id);
  history.replaceState(null, "", address);
}"""
"""After Start the address names the batch, so that a reload comes back to it."""
SAVE = """(path) => {
  const link = document.createElement("a");
  const parts = path.replaceAll("\\\\", "/").split("/");
  const root = window.gradio_config.root.replace(/\\/(en|zh)$/, "");
  link.href = `${root}/gradio_api/file=${parts.map(encodeURIComponent).join("/")}`;
  link.download = parts.pop();
  link.click();
}"""


class BatchPanel:
    """Built inside a task's tab. The model, the knobs and what only some models take are the tab's own."""

    def __init__(self, task: Task, lang: str, model: gr.Dropdown, others: list[gr.components.Component]) -> None:
        """others: the components of the task's extra inputs, then of its knobs."""
        self.task, self.lang, self.model, self.others = task, lang, model, others
        self.text = partial(translate, lang)
        with gr.Accordion(self.text("ui.batch"), open=False, elem_classes="batch-panel") as self.accordion:
            gr.HTML(markup.note(self.text("ui.batch.what", most=batch.MOST_ROWS)), padding=False)
            self.file = gr.File(
                label=self.text("ui.file"), file_types=FILE_TYPES, height=130, elem_id=f"batch-file-{task.id}"
            )
            self._form()
            self._work()
        self._events()

    def _form(self) -> None:
        self.upload = unseen()
        with gr.Column(visible=False) as self.form:
            self.summary = gr.HTML(padding=False)
            with gr.Row():
                self.pickers: list[ColumnPicker] = []
                for field in (*self.task.inputs, self.task.output):
                    with gr.Column(min_width=260):
                        info = self.text(self._says(field))
                        self.pickers.append(ColumnPicker(self.task.id, field, info, self.lang, "batch"))
            self.start = gr.Button(self.text("ui.batch.start"), variant="primary")

    def _says(self, field: Field) -> str:
        """Which words stand below a field's name."""
        if field is self.task.output:
            return "ui.batch.gold"
        if isinstance(field, Language):
            return "ui.columns.language"
        return "ui.batch.messages" if isinstance(field, Messages) else "ui.batch.text"

    def _work(self) -> None:
        # The id lives in the page: it must survive a restart of the server.
        self.shown = unseen(f"batch-{self.task.id}")
        self.saved = unseen()
        self.seen = gr.State({})
        self.timer = gr.Timer(TICK_SECONDS, active=False)
        self.batches = gr.Dropdown(
            [], label=self.text("ui.batch.choose"), info=self.text("ui.batch.kept"), filterable=False, visible=False
        )
        with gr.Column(visible=False) as self.body:
            self.head = gr.HTML(padding=False, elem_classes="batch-head")
            with gr.Row():
                self.stop, self.resume, self.discard = (
                    gr.Button(self.text(key), visible=False, scale=0, min_width=BUTTON_WIDTH)
                    for key in ("ui.stop", "ui.batch.resume", "ui.batch.discard")
                )
            self.score = gr.HTML(padding=False, elem_classes="batch-score")
            self.preview = gr.Dataframe(
                interactive=False, datatype="str", type="array", wrap=True, label=self.text("ui.batch.preview"),
                buttons=[], visible=False, elem_classes="batch-preview",
            )  # fmt: skip
            with gr.Row(visible=False, elem_classes="samples") as self.downloads:
                self.download = gr.HTML(padding=False)
                self.saves = {ending: gr.Button(ending, size="sm") for ending in batch.ENDINGS}
            self.code = CodePanel(self.lang).code

    def _events(self) -> None:
        work: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}
        columns = [picker.columns for picker in self.pickers]
        opened = [self.upload, self.form, self.summary, *columns, *(picker.reason for picker in self.pickers)]
        self.file.upload(guarded(self.on_file, self.lang), self.file, opened, show_progress_on=self.file, **work)
        self.file.clear(guarded(self.on_clear, self.lang), None, [self.upload, self.form], **QUIET)
        self.start.click(
            guarded(self.on_start, self.lang),
            [self.upload, self.model, *columns, *self.others],
            [self.shown, self.timer, self.file, self.upload, self.form],
            show_progress_on=self.start,
            **work,
        ).success(None, self.shown, None, js=GO_TO_BATCH)
        self.parts = {
            "batches": self.batches, "body": self.body, "head": self.head, "stop": self.stop, "resume": self.resume,
            "discard": self.discard, "score": self.score, "preview": self.preview, "downloads": self.downloads,
            "download": self.download, "code": self.code,
        }  # fmt: skip
        self.drawn = [self.shown, self.seen, *self.parts.values(), self.timer]
        gr.on(
            [self.timer.tick, self.shown.change], guarded(self.on_tick, self.lang), [self.shown, self.seen], self.drawn,
            preprocess=False, trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        self.batches.input(
            guarded(self.on_choose, self.lang), self.batches, [self.shown, self.timer], preprocess=False, **QUIET
        )
        self.stop.click(guarded(self.on_stop, self.lang), self.shown, self.stop, **work)
        self.resume.click(guarded(self.on_resume, self.lang), self.shown, [self.resume, self.timer], **work)
        self.discard.click(
            guarded(self.on_discard, self.lang), self.shown, self.drawn, show_progress_on=self.discard, **work
        )
        for ending, button in self.saves.items():
            button.click(guarded(_saving(ending), self.lang), self.shown, self.saved, show_progress_on=button, **work)
        self.saved.change(None, self.saved, None, js=SAVE)

    def on_page_load(self, blocks: gr.Blocks) -> None:
        blocks.load(guarded(self.on_load, self.lang), None, [self.accordion, *self.drawn], **QUIET)

    def on_load(self, visitor: Visitor) -> list[Any]:
        """The batch that the address names, else the newest that is at work."""
        views = batch.batches(visitor.owner, self.task.id)
        going = [view.id for view in views if view.status.state in batch.GOING]
        known = [view.id for view in views]
        wished = visitor.query.get("batch", "")[:64]
        found = wished if wished in known else next(iter(going), "")
        # Whoever has opened it before this arrived keeps it open.
        return [gr.Accordion(open=True) if found else gr.skip(), *self.on_tick(visitor, found, {})]

    def on_file(self, visitor: Visitor, file: Any) -> list[Any]:
        """Read a file and propose its columns."""
        upload = batch.inspect(uploaded_files(file, self.task), self.task.id, visitor.owner)
        proposals = {item.field: item for item in batch.proposed(self.task, upload.proposals)}
        pickers = [
            picker.opened(
                upload.table,
                proposals[picker.field.name],
                visitor,
                picker.field.optional or picker.field is self.task.output,
            )
            for picker in self.pickers
        ]
        shown = [upload.id, gr.Column(visible=True), summary(upload.table, visitor)]
        return [*shown, *(columns for columns, _ in pickers), *(reason for _, reason in pickers)]

    def on_clear(self, visitor: Visitor) -> list[Any]:
        return ["", gr.Column(visible=False)]

    def on_start(self, visitor: Visitor, upload_id: Any, model: Any, *values: Any) -> list[Any]:
        fields = [picker.field.name for picker in self.pickers]
        extras = [field.name for field in self.task.extra_inputs]
        columns = chosen_columns(dict(zip(fields, values, strict=False)))
        rest = values[len(fields) :]
        given = dict(zip(extras, rest, strict=False))
        knobs = dict(zip(self.task.params.model_fields, rest[len(extras) :], strict=True))
        if PROMPT in knobs and not predict.chats(self.task.id, str(model or ""), visitor.owner):
            del knobs[PROMPT]
        batch_id = batch.begin(
            str(upload_id), model=str(model or "")[:300], columns=columns, given=given,
            params={name: value for name, value in knobs.items() if value is not None}, owner=visitor.owner,
        )  # fmt: skip
        import_models()
        batch.start(batch_id, visitor.owner)
        return [batch_id, gr.Timer(active=True), gr.File(value=None), "", gr.Column(visible=False)]

    def on_choose(self, visitor: Visitor, batch_id: Any) -> list[Any]:
        return [batch.view(str(batch_id), visitor.owner).id, gr.Timer(active=True)]

    def on_stop(self, visitor: Visitor, batch_id: Any) -> Any:
        batch.stop(str(batch_id), visitor.owner)
        return gr.Button(visitor.text("ui.stopping"), interactive=False)

    def on_resume(self, visitor: Visitor, batch_id: Any) -> list[Any]:
        import_models()
        batch.start(str(batch_id), visitor.owner)
        return [gr.Button(visible=False), gr.Timer(active=True)]

    def on_discard(self, visitor: Visitor, batch_id: Any) -> list[Any]:
        batch.discard(str(batch_id), visitor.owner)
        return self.on_tick(visitor, "", {})

    def on_tick(self, visitor: Visitor, batch_id: Any, seen: Any) -> list[Any]:
        """Updates for what has changed since `seen` ({part: content}); nothing for the rest."""
        batch_id = str(batch_id or "")
        before = seen if isinstance(seen, dict) and seen.get("id") == batch_id else {}
        view = batch.view(batch_id, visitor.owner) if batch_id else None
        content = self._content(view, visitor, before)
        updates = [
            gr.skip() if before.get(name) == content[name] else gr.update(**content[name]) for name in self.parts
        ]
        going = view is not None and view.status.state in batch.GOING
        return [batch_id, {"id": batch_id, **content}, *updates, gr.Timer(active=going)]

    def _content(self, view: BatchView | None, visitor: Visitor, before: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Of every part what it shows, as the arguments of an update."""
        views = batch.batches(visitor.owner, self.task.id)
        choices = [(_choice(one, visitor), one.id) for one in views]
        batches = {"choices": choices, "value": view.id if view else None, "visible": bool(views)}
        if view is None:
            return {**{name: {} for name in self.parts}, "batches": batches, "body": {"visible": False}}
        status, going = view.status, view.status.state in batch.GOING
        stop = {"visible": going, "value": visitor.text("ui.stop"), "interactive": True}
        download = "ui.batch.download" if status.state == "done" else "ui.batch.download.some"
        return {
            "batches": batches,
            "body": {"visible": True},
            "head": {"value": _head(view, visitor)},
            "stop": stop,
            "resume": {"visible": status.state in ("stopped", "failed")},
            "discard": {"visible": not going},
            "score": {"value": _score(view, visitor)},
            "preview": _preview(view, visitor, before.get("preview", {})),
            "downloads": {"visible": status.done > 0},
            "download": {"value": markup.note(visitor.text(download))},
            "code": {"value": of_batch(visitor, view.spec)},
        }


def _saving(ending: str) -> Any:
    """The handler of a download's button."""

    def on_save(visitor: Visitor, batch_id: Any) -> str:
        return str(saved(str(batch_id), visitor, ending))

    return on_save


def _choice(view: BatchView, visitor: Visitor) -> str:
    return visitor.text(
        "ui.batch.choice", file=view.file, rows=view.rows, state=visitor.text(f"state.{view.status.state}"),
        time=f"{datetime.fromisoformat(view.spec.created).astimezone():%Y-%m-%d %H:%M}",
    )  # fmt: skip


def _head(view: BatchView, visitor: Visitor) -> str:
    """The file's name, how far it is, and why it does not go on."""
    status = view.status
    facts = [visitor.text(f"state.{status.state}"), visitor.text("batch.progress", done=status.done, rows=view.rows)]
    if status.failed:
        facts.append(visitor.text("batch.failures", failed=status.failed))
    if status.retries:
        facts.append(visitor.text("batch.retries", retries=status.retries))
    if status.rows_per_second:
        facts.append(visitor.text("batch.speed", speed=f"{status.rows_per_second:.3g}"))
    if status.seconds_left is not None and status.state == "running":
        facts.append(visitor.text("cli.left", seconds=round(status.seconds_left)))
    facts.append(visitor.text("ui.batch.facts.model", model=view.spec.model))
    why = [render(Message.from_json(item), visitor.lang) for item in (status.reason, status.hint) if item]
    return markup.run_head(view.file, facts, done=status.done / max(1, view.rows), why=" ".join(why))


def _score(view: BatchView, visitor: Visitor) -> str:
    """How the model did, where the file has right answers."""
    status = view.status
    if status.unscored:
        reason = render(Message.from_json(status.unscored), visitor.lang)
        return markup.note(visitor.text("ui.batch.unscored", reason=reason))
    if not status.score:
        return ""
    key = "ui.batch.score" if status.score["rows"] == status.score["of"] else "ui.batch.score.drawn"
    first, *others = (
        visitor.text(
            key, metric=visitor.text(f"metric.{name}"), value=f"{value:.3f}", low=f"{low:.3f}", high=f"{high:.3f}",
            rows=status.score["rows"], of=status.score["of"],
        )
        for (name, value), (low, high) in zip(
            status.score["metrics"].items(), status.score["intervals"].values(), strict=True
        )
    )  # fmt: skip
    return markup.verdict(first) + "".join(map(markup.note, others))


def _preview(view: BatchView, visitor: Visitor, before: dict[str, Any]) -> dict[str, Any]:
    """The first rows; once they are all there they stay."""
    if len(before.get("value", {}).get("data", ())) >= min(PREVIEW_ROWS, view.rows):
        return before
    try:
        columns, cells = batch.preview(view.id, visitor.owner, PREVIEW_ROWS, visitor.lang)
    except PlaygroundError:  # it was deleted just now
        return {}
    # Measured widths follow the longest cell and push the others out of sight.
    widths = ["120px" if name in NARROW else "220px" for name in columns]
    value = {"headers": columns, "data": [short(row) for row in cells]}
    return {"value": value, "visible": bool(cells), "column_widths": widths}
