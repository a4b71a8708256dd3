"""The public endpoints. A task's is read off its declaration; those of training are below it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr
from pydantic import ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.i18n import Message, render
from playground.runs import RunSpec
from playground.services import finetune as tuning
from playground.services import predict
from playground.services.evaluate import evaluate as score
from playground.tasks import TASKS
from playground.tasks.spec import Task
from playground.ui.document_api import ask_document, find_passages
from playground.ui.loading import import_models
from playground.ui.uploaded import uploaded_file
from playground.ui.wrapper import Visitor, guarded


def endpoints() -> None:
    """Add every public endpoint to the Blocks being built."""
    for task in TASKS:
        gr.api(guarded(prediction(task)), api_name=task.id)
    for handler in (models, ask_document, find_passages, finetune, run, runs, stop, resume, evaluate):
        gr.api(guarded(handler), api_name=handler.__name__)


def prediction(task: Task) -> Callable[..., Any]:
    """The endpoint of a task: its inputs, `model`, `details`, and its params by keyword."""
    fields = [field.name for field in task.inputs]
    extras = [field.name for field in task.extra_inputs]
    knobs = task.params.model_fields
    names = [*fields, *extras, "model", "details", *knobs]

    def handler(visitor: Visitor, *values: Any) -> Any:
        import_models()
        given = dict(zip(names, values, strict=True))
        return predict.predict(
            task.id,
            {name: given[name] for name in (*fields, *extras)},
            model=str(given["model"] or ""),
            details=bool(given["details"]),
            params={name: given[name] for name in knobs},
            owner=visitor.owner,
        )

    handler.__name__ = handler.__qualname__ = task.id
    handler.__doc__ = f"Predict {task.output.name} ({task.id}); `model` is one of /models, the default if empty."
    handler.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _argument("visitor", Visitor),
            *(_argument(name, str) for name in fields),
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
    data: dict,
    task: str = "classification",
    base: str = "",
    method: str = "lora",
    preset: str = "balanced",
    name: str = "",
    columns: dict | None = None,
) -> dict[str, str]:
    """Start a fine-tune of an uploaded csv, tsv, json, jsonl or CoNLL file: {"run", "model", "state"}.

    `columns` is {field: [column, ...]}; without it the columns are proposed.
    """
    upload = tuning.inspect(uploaded_file(data), task, visitor.owner)
    spec = run_spec(
        task=task, data=upload.table.name, base=base, method=method, preset=preset, name=name, columns=columns
    )
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
    """Score a model on an uploaded dataset: {"task", "model", "rows", "metrics": {name: value}}.

    Without `task` it is the model's own.
    """
    import_models()
    return score(model, uploaded_file(data), task_id=task, columns=columns, owner=visitor.owner)


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
        "name": spec.name or spec.data,
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


def _argument(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
