"""The public endpoints. A task's is read off its declaration; those of training are below it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from pydantic import ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.fields import Field, Generated, Messages
from playground.i18n import Message, render
from playground.runs import RunSpec
from playground.services import finetune as tuning
from playground.services import predict
from playground.services.evaluate import evaluate as score
from playground.services.streaming import changes, stream
from playground.tasks import TASKS, get_task
from playground.tasks.spec import Task
from playground.ui.batch_api import predict_file
from playground.ui.document_api import ask_document, find_passages
from playground.ui.loading import import_models
from playground.ui.uploaded import uploaded_files
from playground.ui.wrapper import Visitor, guarded


def endpoints() -> None:
    """Add every public endpoint to the Blocks being built."""
    for task in TASKS:
        gr.api(guarded(prediction(task)), api_name=task.id)
    for handler in (models, ask_document, find_passages, predict_file, finetune, run, runs, stop, resume, evaluate):
        gr.api(guarded(handler), api_name=handler.__name__)


def prediction(task: Task) -> Callable[..., Any]:
    """The endpoint of a task: its inputs, `model`, `details`, and its params by keyword."""
    fields = [field.name for field in task.inputs]
    extras = [field.name for field in task.extra_inputs]
    knobs = task.params.model_fields
    names = [*fields, *extras, "model", "details", *knobs]

    def asked(values: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what was given, how services are asked with it)"""
        import_models()
        given = dict(zip(names, values, strict=True))
        inputs = {name: given[name] for name in (*fields, *extras)}
        params = {name: given[name] for name in knobs}
        return given, {"task_id": task.id, "inputs": inputs, "model": str(given["model"] or ""), "params": params}

    def whole(visitor: Visitor, *values: Any) -> Any:
        given, call = asked(values)
        return predict.predict(**call, details=bool(given["details"]), owner=visitor.owner)

    def growing(visitor: Visitor, *values: Any) -> Iterator[Any]:
        """Each value is the text so far; the last one is the answer."""
        given, call = asked(values)
        for found in changes(stream(**call, owner=visitor.owner)):
            yield {"output": found.output, "details": {}} if given["details"] else found.output
        if given["details"]:  # once: they tell of every token
            yield predict.with_model(found, call["model"] or task.models[0], visitor.owner)

    handler: Any = growing if isinstance(task.output, Generated) else whole
    handler.__name__ = handler.__qualname__ = task.id
    handler.__doc__ = f"Predict {task.output.name} ({task.id}); `model` is one of /models, the default if empty."
    handler.__signature__ = inspect.Signature(
        [
            _argument("visitor", Visitor),
            *(_argument(field.name, *_kind(field, task)) for field in task.inputs),
            *(_argument(name, str, "") for name in extras),
            _argument("model", str, ""),
            _argument("details", bool, False),
            *(_argument(name, info.annotation, info.get_default()) for name, info in knobs.items()),
        ],
        return_annotation=list | dict,
    )
    return handler


def models(visitor: Visitor, task: str = "classification") -> list[dict[str, str]]:
    """The models offered for a task: [{"id", "title", "kind"}], the default first."""
    return [{"id": info.id, "title": info.title, "kind": info.kind} for info in predict.offered(task, visitor.owner)]


def finetune(
    visitor: Visitor,
    data: dict | None = None,
    task: str = "classification",
    base: str = "",
    method: str = "",
    preset: str = "balanced",
    name: str = "",
    columns: dict | None = None,
    fixes: list | None = None,
    training: dict | None = None,
    rows_of: str = "",
) -> dict[str, str]:
    """Start a fine-tune of an uploaded dataset, or of two parallel texts: {"run", "model", "state"}.

    `data` is a file of any kind that README.md lists, or a list: of two parallel texts, or of texts whose names are
    their classes.
    `columns` is {field: [column, ...]}, or ["=en"] for the language of all rows; without it they are proposed.
    `fixes` are names of fixes of the data, such as "duplicates"; the command line's `--fix` lists them.
    `training` are numbers set by hand, such as {"epochs": 2}; `rows_of` is run/<id> in place of a file: its rows.
    Without `method` it is LoRA, or from nothing where the task has no base on this machine.
    """
    if rows_of:
        upload, _ = tuning.again(str(rows_of).removeprefix("run/"), visitor.owner)
    else:
        upload = tuning.inspect(uploaded_files(data, get_task(task)), task, visitor.owner)
    spec = run_spec(
        task=task, data=upload.table.name, base=base, method=method or None, preset=preset, name=name, columns=columns,
        fixes=fixes, training=training,
    )  # fmt: skip
    import_models()
    run_id = tuning.start(spec, upload.id, visitor.owner)
    return {"run": run_id, "model": f"run/{run_id}", "state": "queued"}


def run(visitor: Visitor, run: str) -> dict[str, Any]:
    """All about a fine-tune: state, progress, metrics, events and, once it is done, the report."""
    view = tuning.view(run, visitor.owner)
    events = [{"time": event["time"], "text": _text(event["message"], visitor)} for event in view.events]
    return {**_brief(view, visitor), "metrics": view.metrics, "events": events, "report": view.report}


def runs(visitor: Visitor) -> list[dict[str, Any]]:
    """All fine-tunes, newest first."""
    return [_brief(view, visitor) for view in tuning.runs(visitor.owner)]


def stop(visitor: Visitor, run: str) -> dict[str, str]:
    """Ask a fine-tune to stop; what it has learned is saved."""
    tuning.stop(run, visitor.owner)
    return {"run": run, "state": tuning.view(run, visitor.owner).status.state}


def resume(visitor: Visitor, run: str) -> dict[str, str]:
    """Go on with a stopped or failed fine-tune."""
    import_models()
    tuning.resume(run, visitor.owner)
    return {"run": run, "state": tuning.view(run, visitor.owner).status.state}


def evaluate(visitor: Visitor, model: str, data: dict, task: str = "", columns: dict | None = None) -> dict[str, Any]:
    """Score a model on an uploaded dataset: {"task", "model", "rows", "metrics": {name: value}, …}, its scorecard.

    Without `task` it is the model's own.
    """
    import_models()
    files = uploaded_files(data, predict.task_for(model, task, visitor.owner))
    return score(model, files, task_id=task, columns=columns, owner=visitor.owner)


def run_spec(**values: Any) -> RunSpec:
    """A RunSpec from what somebody sent, or a PlaygroundError that names the first thing wrong."""
    try:
        return RunSpec.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        where, _, why = first_fault(error)
        raise PlaygroundError("bad_param", param=where, reason=why) from None


def _brief(view: tuning.RunView, visitor: Visitor) -> dict[str, Any]:
    status, spec = view.status, view.spec
    return {
        "run": view.id,
        "name": view.title,
        "note": view.note,
        "task": spec.task,
        "base": spec.base,
        "method": spec.method,
        "created": spec.created,
        "state": status.state,
        "phase": status.phase,
        "step": status.step,
        "max_steps": status.max_steps,
        "seconds_left": status.seconds_left,
        "device": _text(status.device, visitor),
        "reason": _text(status.reason, visitor),
        "hint": _text(status.hint, visitor),
        "usable": view.usable,
        "model": view.model if view.usable else "",
    }


def _text(message: dict[str, Any] | None, visitor: Visitor) -> str:
    return render(Message.from_json(message), visitor.lang) if message else ""


def _kind(field: Field, task: Task) -> tuple[Any, Any]:
    """(type, default) of an input as an argument."""
    if isinstance(field, Messages):
        return list | None, None
    return str, "" if field.optional or field.name in task.needless else REQUIRED


REQUIRED = inspect.Parameter.empty


def _argument(name: str, kind: Any, default: Any = REQUIRED) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
