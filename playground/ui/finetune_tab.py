"""The fine-tune tab: a dataset, its columns, how to train, Start; below it the runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from playground.data import Proposal
from playground.errors import PlaygroundError
from playground.fields import SPLIT
from playground.i18n import msg, translate
from playground.runs import RunSpec
from playground.services import finetune
from playground.services.downloads import rows_here
from playground.services.rehearsal import Rehearsal, rehearse
from playground.settings import settings
from playground.tasks import LEARNED, get_task
from playground.tasks.spec import Task
from playground.ui import markup
from playground.ui.api import run_spec
from playground.ui.check_panel import CheckPanel, chosen, toggled
from playground.ui.columns import FILE_TYPES, PICKED, ColumnPicker, chosen_columns, short, summary
from playground.ui.dataset_panel import DatasetPanel, dataset_of
from playground.ui.download_panel import DownloadPanel
from playground.ui.loading import import_models
from playground.ui.numbers import NumbersForm, for_method, given, of_run, rehearsed
from playground.ui.renderers import field_label
from playground.ui.run_view import RunPanel
from playground.ui.task_tab import EXAMPLES
from playground.ui.unseen import unseen
from playground.ui.uploaded import uploaded_files
from playground.ui.wrapper import QUIET, UNMARKED, Visitor, guarded

DATASETS = EXAMPLES / "datasets"
PREVIEW_ROWS = 6
STACKED_WIDTH = 280
"""Below twice as much, two choices stand one below the other."""
PRESETS = get_args(RunSpec.model_fields["preset"].annotation)

GO_TO_RUN = """(id) => {
  const address = new URL(window.location.href);
  address.searchParams.delete("model");
  address.searchParams.set("run", id);
  history.replaceState(null, "", address);
  document.querySelector(".run-panel")?.scrollIntoView({ behavior: "smooth" });
}"""
"""After Start the address names the run, so that a reload comes back to it."""


GO_TO_FORM = """() => document.querySelector("#data-summary")?.scrollIntoView({ behavior: "smooth" })"""
"""What was filled in is above what was clicked."""


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
            [(self.text(f"task.{task.id}"), task.id) for task in LEARNED],
            label=self.text("ui.task"),
            visible=len(LEARNED) > 1,
        )
        self.what = gr.HTML(markup.note(self.text(f"task.{LEARNED[0].id}.data")), padding=False)
        self.file = gr.File(
            label=self.text("ui.file"), file_types=FILE_TYPES, file_count="multiple", height=150, elem_id="dataset-file"
        )
        with gr.Row(elem_classes="samples"):
            gr.HTML(markup.note(self.text("ui.example_dataset")), padding=False)
            self.datasets = {
                path: gr.Button(path.name, size="sm", visible=task is LEARNED[0])
                for task in LEARNED
                for path in sorted((DATASETS / task.id).iterdir())
            }
        # Visitors who are told apart are offered no downloads.
        self.hub = None if settings().public else DatasetPanel(self.lang)
        self.upload = unseen("upload-id")

    def _columns(self) -> None:
        self.summary = gr.HTML(padding=False, elem_id="data-summary")
        self.preview = gr.Dataframe(
            interactive=False, datatype="str", type="array", wrap=True, label=self.text("ui.preview"), buttons=[],
            elem_id="preview",
        )  # fmt: skip
        gr.HTML(markup.heading(2, self.text("ui.step.columns")), padding=False)
        self.pickers: dict[tuple[str, str], ColumnPicker] = {}
        self.groups: dict[str, gr.Row] = {}
        for task in LEARNED:
            with gr.Row(visible=task is LEARNED[0]) as self.groups[task.id]:
                for field in task.fields:
                    with gr.Column(min_width=260):
                        info = self.text(f"ui.columns.{PICKED[type(field)]}")
                        self.pickers[task.id, field.name] = ColumnPicker(task.id, field, info, self.lang)
        self.check = CheckPanel(self.lang)

    def _training(self) -> None:
        gr.HTML(markup.heading(3, self.text("ui.step.training")), padding=False)
        with gr.Row():
            self.method = gr.Radio(
                _methods(LEARNED[0], self.lang),
                value=finetune.default_method(LEARNED[0]),
                label=self.text("ui.method"),
                info=self.text("ui.method.info"),
                min_width=STACKED_WIDTH,
            )
            self.preset = gr.Radio(
                [(self.text(f"ui.preset.{name}"), name) for name in PRESETS],
                value="balanced",
                label=self.text("ui.preset"),
                info=self.text("ui.preset.info"),
                min_width=STACKED_WIDTH,
            )
        with gr.Row():
            self.base = gr.Dropdown(
                _bases(LEARNED[0], finetune.default_method(LEARNED[0]), self.lang),
                label=self.text("ui.base"),
                info=None if settings().public else self.text("ui.base.info"),
                allow_custom_value=True,
                elem_id="base-model",
                min_width=STACKED_WIDTH,
            )
            self.name = gr.Textbox(
                label=self.text("ui.name"),
                info=self.text("ui.name.info"),
                max_lines=1,
                max_length=100,
                elem_id="run-name",
                min_width=STACKED_WIDTH,
            )
        DownloadPanel(self.lang, self.base)
        self.numbers = NumbersForm(self.lang, finetune.default_method(LEARNED[0]), LEARNED[0].id)
        self.dry_told = gr.HTML(padding=False, elem_id="dry-run")
        with gr.Row():
            self.start = gr.Button(self.text("ui.start"), variant="primary", interactive=False)
            self.dry = gr.Button(self.text("ui.dry.start"), interactive=False)
            self.dry_stop = gr.Button(self.text("ui.dry.stop"), visible=False)
            self.compare = gr.Button(self.text("ui.start.both"), interactive=False, visible=_has_scratch(LEARNED[0]))

    def _events(self) -> None:
        columns = [picker.columns for picker in self.pickers.values()]
        reasons = [picker.reason for picker in self.pickers.values()]
        opened = [self.upload, self.rest, self.summary, self.preview, *columns, *reasons]
        opened += [*self.groups.values(), self.method, self.base, *self.check.parts, *self._starts, self.dry_told]
        opened += [*self.numbers.components, self.preset, self.name]
        self.opened = opened
        self.file.upload(
            guarded(self.on_file, self.lang), [self.file, self.task, self.upload], opened, preprocess=False,
            api_visibility="private", show_progress_on=self.file,
        )  # fmt: skip
        for path, button in self.datasets.items():
            button.click(
                guarded(partial_handler(self.on_example, path), self.lang), [self.task, self.upload], opened,
                preprocess=False,
                api_visibility="private", show_progress_on=self.file,
            )  # fmt: skip
        if self.hub:
            self.hub.arrived.change(
                guarded(self.on_hub, self.lang), [self.hub.arrived, self.task, self.upload], opened, preprocess=False,
                api_visibility="private", show_progress_on=self.file,
            )  # fmt: skip
        self.panel.again.click(
            guarded(self.on_again, self.lang),
            self.panel.shown,
            [
                *opened,
                self.task,
                self.file,
                self.what,
                *self.datasets.values(),
                self.numbers.box,
            ],
            preprocess=False,
            api_visibility="private",
            show_progress_on=self.panel.again,
        ).success(None, None, None, js=GO_TO_FORM)
        self.file.clear(guarded(self.on_clear, self.lang), None, [self.upload, self.rest], **QUIET)
        self.task.input(
            guarded(self.on_task, self.lang), [self.task, self.upload],
            [self.file, self.what, self.upload, self.rest, *self.datasets.values()], preprocess=False, **QUIET,
        )  # fmt: skip
        self._form_events(columns)

    def _form_events(self, columns: list[gr.components.Component]) -> None:
        """What is chosen is checked, tried and started."""
        other_method = self.method.input(
            guarded(self.on_method, self.lang),
            [self.task, self.method],
            [self.base, *self.numbers.components],
            preprocess=False,
            **QUIET,
        )
        asked = [self.upload, self.base, self.method, self.preset, self.name, self.check.fixes]
        asked += [*self.numbers.components, *columns]
        checked = {"inputs": asked, "outputs": [*self._starts, *self.check.shown], "preprocess": False, **UNMARKED}
        length = self.numbers.inputs["max_length"]
        gr.on(
            [column.input for column in columns] + [self.base.input, length.blur, length.submit],
            guarded(self.on_check, self.lang), trigger_mode="always_last", **checked,
        )  # fmt: skip
        other_method.then(guarded(self.on_check, self.lang), **checked)
        # Of a large file this takes a while.
        shown = {**checked, "outputs": [*self._starts, *self.check.parts], "show_progress": "minimal"}
        shown["show_progress_on"] = self.check.findings
        self.check.findings.click(guarded(self.on_fix, self.lang), **shown)
        measuring = self.dry.click(
            guarded(self.on_dry, self.lang), asked, [self.dry_told, self.dry_stop], preprocess=False,
            **UNMARKED,
        )  # fmt: skip
        ended = [guarded(self.on_dry_stop, self.lang), None, [self.dry_told, self.dry_stop]]
        self.dry_stop.click(*ended, cancels=measuring, **QUIET)
        measuring.failure(*ended, **QUIET)
        for button, handler in ((self.start, self.on_start), (self.compare, self.on_compare)):
            button.click(
                guarded(handler, self.lang),
                asked,
                [self.panel.shown, self.panel.timer, self.file, self.upload, self.rest, self.name],
                preprocess=False,
                api_visibility="private",
                show_progress_on=button,
            ).success(None, self.panel.shown, None, js=GO_TO_RUN)

    def on_page_load(self, blocks: gr.Blocks) -> None:
        self.panel.on_page_load(blocks)

    def on_file(self, visitor: Visitor, file: Any, task: Any, before: Any) -> list[Any]:
        return self._open(uploaded_files(file, get_task(str(task or LEARNED[0].id))), task, before, visitor)

    def on_example(self, visitor: Visitor, path: Path, task: Any, before: Any) -> list[Any]:
        return self._open(path, task, before, visitor)

    def on_hub(self, visitor: Visitor, arrived: Any, task: Any, before: Any) -> Any:
        """A dataset of the Hub that is here now."""
        dataset = dataset_of(arrived)
        paths = rows_here(dataset)
        return self._open(paths, task, before, visitor, dataset) if paths else gr.skip()

    def _open(self, path: Path | list[Path], task: Any, before: Any, visitor: Visitor, called: str = "") -> list[Any]:
        """Read a dataset and show it, with the columns proposed and checked.

        Where a run's rows stood there `before`, that run's settings go with them.
        """
        upload = finetune.inspect(path, str(task or LEARNED[0].id), visitor.owner, called)
        emptied = False
        with suppress(PlaygroundError):  # there may be none
            emptied = bool(finetune.get_upload(str(before or ""), visitor.owner).rows_of)
        return self._opened(upload, upload.proposals, visitor, emptied=emptied)

    def _opened(
        self, upload: finetune.Upload, proposals: Sequence[Proposal], visitor: Visitor, asked: RunSpec | None = None,
        emptied: bool = False,
    ) -> list[Any]:  # fmt: skip
        """Updates of `opened`: a dataset that was read, under those columns, checked for what is asked."""
        table = upload.table
        proposed = {(upload.task.id, proposal.field): proposal for proposal in proposals}
        columns = finetune_columns(proposed)
        spec = run_spec(task=upload.task.id, data=table.name, columns=columns)
        if asked:
            spec = asked.model_copy(update={"columns": columns})
        checked, lengths = finetune.examine(spec, upload.id, visitor.owner)
        pickers = [
            picker.opened(table, proposed.get(key), visitor, picker.field.optional)
            for key, picker in self.pickers.items()
        ]
        cells = [short([row[column] for column in table.columns]) for row in table.preview(PREVIEW_ROWS)]
        return [
            upload.id,
            gr.Column(visible=True),
            summary(table, visitor),
            gr.Dataframe(value={"headers": list(table.columns), "data": cells}),
            *(columns for columns, _ in pickers),
            *(reason for _, reason in pickers),
            *(gr.Row(visible=task_id == upload.task.id) for task_id in self.groups),
            _method_choice(upload.task, visitor.lang),
            _base_choice(upload.task, finetune.default_method(upload.task), visitor),
            *self.check.drawn(visitor, upload.task, checked, lengths, spec.fixes),
            gr.Button(interactive=checked.ok),
            gr.Button(interactive=checked.ok),
            gr.Button(interactive=checked.ok, visible=_has_scratch(upload.task)),
            "",
            *for_method(finetune.default_method(upload.task), upload.task.id, visitor.lang, emptied=emptied),
            *([gr.Radio(value="balanced"), gr.Textbox(value="")] if emptied else [gr.skip(), gr.skip()]),
        ]

    def on_again(self, visitor: Visitor, run_id: Any) -> dict[Any, Any]:
        """The form as it was filled for a run, with that run's rows."""
        view = finetune.view(str(run_id), visitor.owner)
        upload, asked = finetune.again(view.id, visitor.owner)
        task, lang = upload.task, visitor.lang
        proposals = [
            Proposal(name, columns, msg("ui.again.reason")) for name, columns in asked.columns.items()
        ]  # fmt: skip
        shown = dict(zip(self.opened, self._opened(upload, proposals, visitor, asked), strict=True))
        told = visitor.text("ui.again.told", name=view.title, split=field_label(SPLIT, lang))
        bases = _bases(task, asked.method, lang, visitor.owner)
        method = gr.Radio(
            choices=_methods(task, lang), value=asked.method, visible=len(finetune.methods(task)) > 1
        )  # fmt: skip
        return {
            **shown,
            self.summary: markup.note(told, "ready"),
            self.method: method,
            self.base: gr.Dropdown(choices=bases, value=asked.base),
            self.task: task.id,
            self.file: gr.File(value=None),
            self.what: markup.note(visitor.text(f"task.{task.id}.data")),
            **{button: gr.Button(visible=path.parent.name == task.id) for path, button in self.datasets.items()},
            self.preset: asked.preset,
            self.name: asked.name,
            self.numbers.box: gr.Accordion(open=True),
            **dict(zip(self.numbers.components, of_run(asked, view.spec, lang), strict=True)),
        }

    def on_clear(self, visitor: Visitor) -> list[Any]:
        return ["", gr.Column(visible=False)]

    def on_task(self, visitor: Visitor, task_id: Any, before: Any) -> list[Any]:
        """Another task: another kind of data, so what was opened `before` is closed.

        Where nothing was, what is being uploaded by the time this answer arrives stays.
        """
        task = get_task(str(task_id))
        shown = [gr.Button(visible=path.parent.name == task.id) for path in self.datasets]
        what = markup.note(visitor.text(f"task.{task.id}.data"))
        file, upload, rest = (gr.File(value=None), "", gr.Column(visible=False)) if before else [gr.skip()] * 3
        return [file, what, upload, rest, *shown]

    def on_method(self, visitor: Visitor, task_id: Any, method: Any) -> list[Any]:
        """Another method stands on other bases, and has other numbers."""
        task = get_task(str(task_id or LEARNED[0].id))
        methods = finetune.methods(task)
        if method not in methods:
            raise PlaygroundError("method_not_for_task", method=str(method), task=task.id, methods=methods)
        return [_base_choice(task, method, visitor), *for_method(method, task.id, visitor.lang)]

    def on_check(self, visitor: Visitor, upload_id: Any, *values: Any) -> list[Any]:
        """The check anew, of what is chosen now."""
        return self._checked(visitor, upload_id, *values)[:-1]

    def _checked(self, visitor: Visitor, upload_id: Any, *values: Any) -> list[Any]:
        upload, spec = self._spec(visitor, upload_id, *values)
        checked, lengths = finetune.examine(spec, upload.id, visitor.owner)
        buttons = [gr.Button(interactive=checked.ok)] * len(self._starts)
        return [*buttons, *self.check.drawn(visitor, upload.task, checked, lengths, spec.fixes)]

    def on_fix(self, visitor: Visitor, event: gr.EventData, *values: Any) -> list[Any]:
        """A fix is applied, or undone."""
        upload_id, base, method, preset, name, fixes, *rest = values
        return self._checked(visitor, upload_id, base, method, preset, name, " ".join(toggled(fixes, event)), *rest)

    def on_dry(self, visitor: Visitor, upload_id: Any, *values: Any) -> Iterator[list[Any]]:
        """Take a few steps, and tell what the whole would take."""
        upload, spec = self._spec(visitor, upload_id, *values)
        import_models()
        for found in rehearse(spec, upload.id, visitor.owner):
            if isinstance(found, Rehearsal):
                yield [rehearsed(found, visitor), gr.Button(visible=False)]
            else:
                phase = visitor.text("ui.dry.going", phase=visitor.text(f"phase.{found.phase or 'queued'}"))
                yield [markup.note(phase, "busy"), gr.Button(visible=True)]

    def on_dry_stop(self, visitor: Visitor) -> list[Any]:
        return ["", gr.Button(visible=False)]

    def on_start(self, visitor: Visitor, upload_id: Any, *values: Any) -> list[Any]:
        upload, spec = self._spec(visitor, upload_id, *values)
        import_models()
        run_id = finetune.start(spec, upload.id, visitor.owner)
        return [run_id, gr.Timer(active=True), gr.File(value=None), "", gr.Column(visible=False), ""]

    def on_compare(self, visitor: Visitor, upload_id: Any, *values: Any) -> list[Any]:
        """From nothing and from pretrained, one after the other."""
        upload, spec = self._spec(visitor, upload_id, *values)
        import_models()
        run_id, _ = finetune.start_both(spec, upload.id, visitor.owner)
        return [run_id, gr.Timer(active=True), gr.File(value=None), "", gr.Column(visible=False), ""]

    def _spec(
        self, visitor: Visitor, upload_id: Any, base: Any, method: Any, preset: Any, name: Any, fixes: Any, *rest: Any
    ) -> tuple[finetune.Upload, RunSpec]:
        """The form's upload, and what is asked for."""
        upload = finetune.get_upload(str(upload_id), visitor.owner)
        numbers, values = rest[: len(self.numbers.inputs)], rest[len(self.numbers.inputs) :]
        spec = run_spec(
            task=upload.task.id, data=upload.table.name, columns=self._chosen(upload.task, values), base=base,
            method=method, preset=preset, name=name, owner=visitor.owner, fixes=chosen(fixes),
            training=given(str(method), upload.task.id, numbers),
        )  # fmt: skip
        return upload, spec

    @property
    def _starts(self) -> list[gr.Button]:
        return [self.start, self.dry, self.compare]

    def _chosen(self, task: Task, values: tuple[Any, ...]) -> dict[str, list[str]]:
        """{field: columns} of a task, from the values of all column pickers."""
        chosen = dict(zip(self.pickers, values, strict=False))
        return chosen_columns({field.name: chosen.get((task.id, field.name)) for field in task.fields})


def partial_handler(handler: Any, path: Path) -> Any:
    """The handler of an example dataset's button."""

    def on_example(visitor: Visitor, *values: Any) -> list[Any]:
        return handler(visitor, path, *values)

    return on_example


def finetune_columns(proposed: dict[tuple[str, str], Proposal]) -> dict[str, list[str]]:
    """{field: columns} of proposals."""
    return {field: list(proposal.columns) for (_, field), proposal in proposed.items()}


def _methods(task: Task, lang: str) -> list[tuple[str, str]]:
    return [(translate(lang, f"ui.method.{name}"), name) for name in finetune.methods(task)]


def _has_scratch(task: Task) -> bool:
    """Whether it can be trained from nothing, too; the other base is offered, or has to be named."""
    return bool(finetune.bases(task, "scratch"))


def _method_choice(task: Task, lang: str) -> gr.Radio:
    """The methods; not shown where there is only one."""
    methods = _methods(task, lang)
    return gr.Radio(choices=methods, value=finetune.default_method(task), visible=len(methods) > 1)


def _base_choice(task: Task, method: str, visitor: Visitor) -> gr.Dropdown:
    """The bases that go with a method; where it has no usual one, one is chosen or named."""
    usual = finetune.bases(task, method)
    return gr.Dropdown(choices=_bases(task, method, visitor.lang, visitor.owner), value=usual[0] if usual else "")


def _bases(task: Task, method: str, lang: str, owner: str = "") -> list[tuple[str, str]]:
    """(what it is called, its id)"""
    bases = [*finetune.bases(task, method), *finetune.further_bases(task, method, owner)]
    titles = {view.model: view.title for view in finetune.runs(owner)} if bases and bases[-1].startswith("run/") else {}

    def name(base: str) -> str:
        kind, _, rest = base.rpartition("/")
        if kind == "scratch":
            return translate(lang, f"ui.scratch.{rest}")
        return translate(lang, f"ui.model.{kind}", title=titles.get(base, rest)) if kind in ("starter", "run") else rest

    return [(name(base), base) for base in bases]
