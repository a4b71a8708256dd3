"""Fine-tunes as the page, the endpoints and the command line see them.

A run is started here and then known by its directory alone: nothing is kept in this process, so a
restarted server, or a second one on the same folder, shows and steers the same runs.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, field
from typing import Any, get_args

from filelock import FileLock

from playground import data
from playground.errors import PlaygroundError
from playground.fields import Label, Row
from playground.i18n import msg
from playground.models.resolve import Resolved, longest_input, resolve
from playground.runs import Method, Run, RunSpec, RunStatus, TrainingParams, create_run, find_run, list_runs
from playground.services import autopilot
from playground.services.launch import launch
from playground.services.uploads import Upload, check_upload, get_upload, inspect, proposed, unusable
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

__all__ = [
    "RunView", "Upload", "check_upload", "command", "get_upload", "inspect", "methods", "proposed", "resume", "runs",
    "start", "stop", "view",
]  # fmt: skip


@dataclass(frozen=True)
class RunView:
    """All that a page shows of a run. `model` is the id to predict with once `usable`."""

    id: str
    spec: RunSpec
    status: RunStatus
    usable: bool
    model: str
    metrics: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""
    report: dict[str, Any] | None = None


def start(spec: RunSpec, upload_id: str, owner: str) -> str:
    """Check, complete and start a fine-tune of an uploaded dataset; the run's id.

    What `spec` leaves open (columns, base, numbers) is chosen, with reasons. Raises PlaygroundError.
    """
    upload = get_upload(upload_id, owner)
    task = get_task(spec.task)
    if spec.method not in methods(task):
        raise PlaygroundError("method_not_for_task", method=spec.method, task=task.id, methods=methods(task))
    columns = spec.columns or proposed(upload)
    checked = data.check(upload.table, columns, task.fields)
    if not checked.ok:
        raise unusable(checked)
    base = _base(spec.base or task.bases[0], owner)
    most_tokens = longest_input(base)
    _check_length(spec.training.max_length, task, base, most_tokens)
    # The training process has another working directory than whoever typed a relative folder.
    base_id = str(base.folder.resolve()) if base.id.startswith(".") else base.id
    rows = list(data.rows_of(upload.table, columns, task.fields))
    inputs = [item.name for item in task.inputs]
    spec = spec.model_copy(
        update={
            "columns": columns, "base": base_id, "base_revision": base.revision, "owner": owner,
            "data": upload.table.name, "labels": checked.labels,
        }
    )  # fmt: skip
    longest = max((str(row[name]) for row in rows for name in inputs), key=autopilot.likely_tokens)
    spec = autopilot.complete(
        spec, rows=len(rows), labels=len(checked.labels), longest=longest, most_tokens=most_tokens,
        marked=data.marked(rows),
    )  # fmt: skip
    assert spec.training.held_out is not None, "complete() fills every number"
    train, held_out = data.split(
        rows,
        label=task.output.name if isinstance(task.output, Label) else None,
        inputs=inputs,
        together=task.kept_together,
        held_out=spec.training.held_out,
        seed=spec.training.seed,
    )
    if not held_out:
        raise PlaygroundError("nothing_held_out")
    return _create(spec, train, held_out)


def methods(task: Task) -> list[str]:
    """LoRA, and whatever other method the task has a head for."""
    return [name for name in get_args(Method) if name == "lora" or name in task.heads]


def view(run_id: str, owner: str) -> RunView:
    """A run as its directory tells it."""
    run = find_run(settings().runs_dir, run_id, owner)
    shown = _brief(run)
    return RunView(
        **{
            **vars(shown),
            "metrics": run.metrics(),
            "events": run.events(),
            "log": run.log_tail(),
            "report": run.report(),
        }
    )


def runs(owner: str) -> list[RunView]:
    """The owner's runs, newest first, without charts, events, log and report."""
    return [_brief(run) for run in list_runs(settings().runs_dir, owner)]


def stop(run_id: str, owner: str) -> None:
    """Ask a run to stop; it saves what it has learned first. A run that is over is a PlaygroundError."""
    run = find_run(settings().runs_dir, run_id, owner)
    status = run.status()
    if status.state not in ("queued", "running"):
        raise PlaygroundError("run_not_running", state=msg(f"state.{status.state}"))
    if not run.stop_requested():
        run.request_stop()
        run.add_event(msg("event.stop_requested"))


def resume(run_id: str, owner: str) -> None:
    """Go on with a run that was stopped or failed, from its newest good checkpoint."""
    run = find_run(settings().runs_dir, run_id, owner)
    # Two servers may share the folder: who holds the lock looks, starts, and writes who it started.
    with FileLock(run.dir / ".start.lock"):
        status = run.status()
        if status.state in ("queued", "running"):
            raise PlaygroundError("run_still_running")
        if status.state == "done":
            raise PlaygroundError("run_already_done")
        run.clear_stop()
        launch(run)
    run.add_event(msg("event.resume_requested"))


def command(spec: RunSpec, file_name: str) -> str:
    """The command line that does what the form does."""
    words = ["python", "-m", "playground", "finetune", file_name, "--task", spec.task]
    words += ["--base", spec.base] if spec.base else []
    words += ["--preset", spec.preset]
    for name, columns in spec.columns.items():
        for column in columns:
            words += ["--map", f"{name}={column}"]
    defaults = TrainingParams()
    numbers: dict[str, Any] = {"method": spec.method, **spec.training.model_dump(exclude_none=True)}
    chosen = set(spec.reasons)
    if spec.reasons and spec.method == "linear_probe":
        chosen |= set(TrainingParams.model_fields) - autopilot.PROBE_NUMBERS - {"seed"}
    known = {"method": RunSpec.model_fields["method"].default, **defaults.model_dump()}
    for key, value in numbers.items():
        # What the program chose, it chooses again.
        if value != known[key] and key not in chosen:
            words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def _base(model_id: str, owner: str) -> Resolved:
    """The base model, its files on this machine: the run itself goes without a network."""
    base = resolve(model_id, owner)
    if base.kind != "model":
        raise PlaygroundError("not_a_base", model=model_id)
    return base


def _check_length(length: int | None, task: Task, base: Resolved, most: int) -> None:
    """Refuse a max_length that was set by hand and that the base cannot read or the task not be learned in."""
    if length and most and length > most:
        raise PlaygroundError("max_length_over_base", value=length, most=most, base=base.id)
    if length and length < task.least_tokens:
        raise PlaygroundError("max_length_under_task", value=length, least=task.least_tokens, task=task.id)


def _create(spec: RunSpec, train: list[Row], held_out: list[Row]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = create_run(settings().runs_dir, spec)
    try:
        for name, rows in (("train", train), ("held_out", held_out)):
            pq.write_table(pa.Table.from_pylist(rows), run.data_dir / f"{name}.parquet")
        launch(run)
    except BaseException:
        shutil.rmtree(run.dir, ignore_errors=True)
        raise
    return run.id


def _brief(run: Run) -> RunView:
    return RunView(id=run.id, spec=run.spec(), status=run.status(), usable=run.usable, model=f"run/{run.id}")
