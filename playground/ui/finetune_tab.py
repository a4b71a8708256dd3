"""The fine-tune tab: a dataset, its columns, how to train, Start; below it the runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from playground.data import Checked, Proposal, conll
from playground.errors import PlaygroundError
from playground.fields import Answer, Field, Label, Spans, Split, Text
from playground.i18n import render, translate
from playground.runs import RunSpec
from playground.services import finetune
from playground.tasks import TASKS, get_task
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.api import run_spec, uploaded_file
from playground.ui.loading import import_models
from playground.ui.renderers import field_label
from playground.ui.run_view import RunPanel
from playground.ui.task_tab import EXAMPLES
from playground.ui.wrapper import Visitor, guarded

DATASETS = EXAMPLES / "datasets"
FILE_TYPES = [".csv", ".tsv", ".txt", ".jsonl", ".json", *conll.ENDINGS]
PREVIEW_ROWS = 6
CELL_CHARS = 160
PICKED = {Text: "several", Answer: "answer", Label: "one", Spans: "spans", Split: "split"}
"""Field class -> what its picker says (ui.columns.<word>); the first two take several columns."""
SEVERAL = (Text, Answer)
PRESETS = get_args(RunSpec.model_fields["preset"].annotation)
QUIET: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}

GO_TO_RUN = """(id) => {
  const address = new URL(window.location.href);
  address.searchParams.delete("model");
  address.searchParams.set("run", id);
  history.replaceState(null, "", address);
  document.querySelector(".run-panel")?.scrollIntoView({ behavior: "smooth" });
}"""
"""After Start the address names the run, so that a reload comes back to it."""


class FinetuneTab:
    """The form and the run panel. Built inside a gr.Tab."""

    def __init__(self, lang: str, tabs: gr.Tabs, pickers: dict[str, gr.Dropdown]) -> None:
        self.lang = lang
        self.text = partial(translate, lang)
        gr.HTML(markup.note(self.text("ui.finetune.what")), padding=False)
        self._data()
        with gr.Column(visible=False) as self.rest:
            self._columns()
            self._training()
        self.panel = RunPanel(lang, tabs, pickers)
        self._events()

    def _data(self) -> None:
        gr.HTML(markup.heading(1, self.text("ui.step.data")), padding=False)
        self.task = gr.Dropdown(
            [(self.text(f"task.{task.id}"), task.id) for task in TASKS],
            label=self.text("ui.task"),
            visible=len(TASKS) > 1,
        )
        self.what = gr.HTML(markup.note(self.text(f"task.{TASKS[0].id}.data")), padding=False)
        self.file = gr.File(label=self.text("ui.file"), file_types=FILE_TYPES, height=150, elem_id="dataset-file")
        with gr.Row(elem_classes="samples"):
            gr.HTML(markup.note(self.text("ui.example_dataset")), padding=False)
            self.datasets = {
                path: gr.Button(path.name, size="sm", visible=task is TASKS[0])
                for task in TASKS
                for path in sorted((DATASETS / task.id).iterdir())
            }
        self.upload = gr.Textbox(visible="hidden", elem_id="upload-id")

    def _columns(self) -> None:
        self.summary = gr.HTML(padding=False)
        self.preview = gr.Dataframe(
            interactive=False, datatype="str", type="array", wrap=True, label=self.text("ui.preview"), buttons=[],
            elem_id="preview",
        )  # fmt: skip
        gr.HTML(markup.heading(2, self.text("ui.step.columns")), padding=False)
        self.columns: dict[tuple[str, str], gr.Dropdown] = {}
        self.reasons: dict[tuple[str, str], gr.HTML] = {}
        self.groups: dict[str, gr.Row] = {}
        for task in TASKS:
            with gr.Row(visible=task is TASKS[0]) as self.groups[task.id]:
                for field in task.fields:
                    with gr.Column(min_width=260):
                        self._column(task, field)
        self.checked = gr.HTML(padding=False, elem_id="checked")

    def _column(self, task: Task, field: Field) -> None:
        several = isinstance(field, SEVERAL)
        self.columns[task.id, field.name] = gr.Dropdown(
            [],
            multiselect=several,
            label=field_label(field, self.lang),
            info=self.text(f"ui.columns.{PICKED[type(field)]}"),
            elem_id=f"column-{task.id}-{field.name}",
        )
        self.reasons[task.id, field.name] = gr.HTML(padding=False)

    def _training(self) -> None:
        gr.HTML(markup.heading(3, self.text("ui.step.training")), padding=False)
        with gr.Row():
            self.method = gr.Radio(
                _methods(TASKS[0], self.lang),
                value="lora",
                label=self.text("ui.method"),
                info=self.text("ui.method.info"),
            )
            self.preset = gr.Radio(
                [(self.text(f"ui.preset.{name}"), name) for name in PRESETS],
                value="balanced",
                label=self.text("ui.preset"),
                info=self.text("ui.preset.info"),
            )
        with gr.Row():
            self.base = gr.Dropdown(
                _bases(TASKS[0]), label=self.text("ui.base"), info=self.text("ui.base.info"), allow_custom_value=True
            )
            self.name = gr.Textbox(
                label=self.text("ui.name"),
                info=self.text("ui.name.info"),
                max_lines=1,
                max_length=100,
                elem_id="run-name",
            )
        self.start = gr.Button(self.text("ui.start"), variant="primary", interactive=False)

    def _events(self) -> None:
        opened = [self.upload, self.rest, self.summary, self.preview, *self.columns.values(), *self.reasons.values()]
        opened += [*self.groups.values(), self.method, self.base, self.checked, self.start]
        self.file.upload(
            guarded(self.on_file, self.lang), [self.file, self.task], opened, preprocess=False,
            api_visibility="private", show_progress_on=self.file,
        )  # fmt: skip
        for path, button in self.datasets.items():
            button.click(
                guarded(partial_handler(self.on_example, path), self.lang), self.task, opened, preprocess=False,
                api_visibility="private", show_progress_on=self.file,
            )  # fmt: skip
        self.file.clear(guarded(self.on_clear, self.lang), None, [self.upload, self.rest], **QUIET)
        self.task.input(
            guarded(self.on_task, self.lang), self.task,
            [self.file, self.what, self.upload, self.rest, *self.datasets.values()], preprocess=False, **QUIET,
        )  # fmt: skip
        columns = list(self.columns.values())
        gr.on(
            [column.input for column in columns],
            guarded(self.on_columns, self.lang),
            [self.upload, *columns],
            [self.checked, self.start],
            preprocess=False,
            api_visibility="private",
            show_progress="hidden",
            trigger_mode="always_last",
        )
        self.start.click(
            guarded(self.on_start, self.lang),
            [self.upload, self.base, self.method, self.preset, self.name, *columns],
            [self.panel.shown, self.panel.timer, self.file, self.upload, self.rest],
            preprocess=False,
            api_visibility="private",
            show_progress_on=self.start,
        ).success(None, self.panel.shown, None, js=GO_TO_RUN)

    def on_page_load(self, blocks: gr.Blocks) -> None:
        self.panel.on_page_load(blocks)

    def on_file(self, visitor: Visitor, file: Any, task: Any) -> list[Any]:
        return self._open(uploaded_file(file), task, visitor)

    def on_example(self, visitor: Visitor, path: Path, task: Any) -> list[Any]:
        return self._open(path, task, visitor)

    def _open(self, path: Path, task: Any, visitor: Visitor) -> list[Any]:
        """Read a dataset and show it, with the columns proposed and checked."""
        upload = finetune.inspect(path, str(task or TASKS[0].id), visitor.owner)
        table = upload.table
        proposed = {(upload.task.id, proposal.field): proposal for proposal in upload.proposals}
        checked = finetune.check_upload(upload.id, finetune_columns(proposed), visitor.owner)
        fields = {(task.id, field.name): field for task in TASKS for field in task.fields}
        dropdowns, reasons = [], []
        for key in self.columns:
            proposal = proposed.get(key)
            value: Any = list(proposal.columns) if proposal else []
            if not isinstance(fields[key], SEVERAL):
                value = value[0] if value else None
            dropdowns.append(gr.Dropdown(choices=list(table.columns), value=value))
            reasons.append(_reason(proposal, fields[key], visitor) if proposal else "")
        cells = [[_short(row[column]) for column in table.columns] for row in table.preview(PREVIEW_ROWS)]
        facts = visitor.text("ui.summary", file=table.name, rows=f"{table.rows:,}", columns=len(table.columns))
        return [
            upload.id,
            gr.Column(visible=True),
            markup.note(facts, "ready"),
            gr.Dataframe(value={"headers": list(table.columns), "data": cells}),
            *dropdowns,
            *reasons,
            *(gr.Row(visible=task_id == upload.task.id) for task_id in self.groups),
            _method_choice(upload.task, visitor.lang),
            gr.Dropdown(choices=_bases(upload.task), value=upload.task.bases[0]),
            findings(checked, upload.task.output, visitor),
            gr.Button(interactive=checked.ok),
        ]

    def on_clear(self, visitor: Visitor) -> list[Any]:
        return ["", gr.Column(visible=False)]

    def on_task(self, visitor: Visitor, task_id: Any) -> list[Any]:
        """Another task: another kind of data, so what was opened is closed."""
        task = get_task(str(task_id))
        shown = [gr.Button(visible=path.parent.name == task.id) for path in self.datasets]
        what = markup.note(visitor.text(f"task.{task.id}.data"))
        return [gr.File(value=None), what, "", gr.Column(visible=False), *shown]

    def on_columns(self, visitor: Visitor, upload_id: Any, *values: Any) -> list[Any]:
        upload = finetune.get_upload(str(upload_id), visitor.owner)
        checked = finetune.check_upload(upload.id, self._chosen(upload.task, values), visitor.owner)
        return [findings(checked, upload.task.output, visitor), gr.Button(interactive=checked.ok)]

    def on_start(
        self, visitor: Visitor, upload_id: Any, base: Any, method: Any, preset: Any, name: Any, *values: Any
    ) -> list[Any]:
        upload = finetune.get_upload(str(upload_id), visitor.owner)
        spec = run_spec(
            task=upload.task.id, data=upload.table.name, columns=self._chosen(upload.task, values), base=base,
            method=method, preset=preset, name=name, owner=visitor.owner,
        )  # fmt: skip
        import_models()
        run_id = finetune.start(spec, upload.id, visitor.owner)
        return [run_id, gr.Timer(active=True), gr.File(value=None), "", gr.Column(visible=False)]

    def _chosen(self, task: Task, values: tuple[Any, ...]) -> dict[str, list[str]]:
        """{field: columns} of a task, from the values of all column pickers."""
        chosen = dict(zip(self.columns, values, strict=False))
        columns: dict[str, list[str]] = {}
        for field in task.fields:
            value = chosen.get((task.id, field.name))
            names = value if isinstance(value, list) else [value] if value is not None else []
            if not all(isinstance(item, str) for item in names):
                raise PlaygroundError("bad_columns")
            columns[field.name] = names
        return columns


def partial_handler(handler: Any, path: Path) -> Any:
    """The handler of an example dataset's button."""

    def on_example(visitor: Visitor, task: Any) -> list[Any]:
        return handler(visitor, path, task)

    return on_example


def finetune_columns(proposed: dict[tuple[str, str], Proposal]) -> dict[str, list[str]]:
    """{field: columns} of proposals."""
    return {field: list(proposal.columns) for (_, field), proposal in proposed.items()}


def findings(checked: Checked, output: Field, visitor: Visitor) -> str:
    """What the check found, the worst first; what will be trained on where nothing forbids it."""
    items = [
        ("fatal" if fault.fatal else "", render(fault.message, visitor.lang), render(fault.remedy, visitor.lang))
        for fault in sorted(checked.faults, key=lambda fault: not fault.fatal)
    ]
    if checked.ok:
        labels = checked.labels[:8]
        more = visitor.text("ui.check.more", count=len(checked.labels) - 8) if len(checked.labels) > 8 else ""
        numbers = {"rows": f"{checked.rows:,}", "count": len(checked.labels)}
        sentence = visitor.text(f"ui.check.ok.{PICKED[type(output)]}", **numbers)
        items.insert(0, ("fine", sentence, " · ".join(labels) + more))
    return markup.faults(items)


def _methods(task: Task, lang: str) -> list[tuple[str, str]]:
    return [(translate(lang, f"ui.method.{name}"), name) for name in finetune.methods(task)]


def _method_choice(task: Task, lang: str) -> gr.Radio:
    """The methods; not shown where there is only one."""
    methods = _methods(task, lang)
    return gr.Radio(choices=methods, value="lora", visible=len(methods) > 1)


def _bases(task: Task) -> list[tuple[str, str]]:
    return [(base.rpartition("/")[2], base) for base in task.bases]


def _reason(proposal: Proposal, field: Field, visitor: Visitor) -> str:
    """Why a column was proposed, or why none was."""
    key = "ui.proposed" if proposal.columns else "ui.optional" if field.optional else "ui.not_proposed"
    return markup.note(visitor.text(key, reason=proposal.reason))


def _short(cell: str) -> str:
    return cell if len(cell) <= CELL_CHARS else cell[:CELL_CHARS] + "…"
