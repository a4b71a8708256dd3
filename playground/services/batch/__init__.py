"""A whole file through a model. A batch is known by its folder: the page, the command line and a restarted server
see and steer the same one, and go on with it where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, Timeout

from playground.data import TOGETHER
from playground.errors import PlaygroundError, why
from playground.i18n import Message
from playground.models.resolve import resolve
from playground.services import limits
from playground.services.batch.job import (
    GOING,
    Batch,
    BatchSpec,
    BatchStatus,
    create_batch,
    find_batch,
    list_batches,
    sweep_batches,
)
from playground.services.batch.rows import check_columns, proposed
from playground.services.predict import check_inputs, checked_params, extras, task_for
from playground.services.snippets import quoted, typed
from playground.services.uploads import Upload, get_upload, inspect, mapped
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

__all__ = [
    "ENDINGS", "GOING", "MOST_ROWS", "BatchView", "asked_for", "batches", "begin", "command", "discard", "failure",
    "inspect", "open_files", "output_name", "predict_file", "preview", "proposed", "save", "start", "stop", "take_up",
    "view", "work_on",
]  # fmt: skip

MOST_ROWS = 100_000
ENDINGS = ("csv", "jsonl", "parquet")
KEEP_SECONDS = 7 * 24 * 3600.0
QUEUE_SECONDS = 0.2

_starting = threading.Lock()
_turn = threading.Lock()
"""Held by the batch that is at work in this process: two would only share the cores."""


@dataclass(frozen=True)
class BatchView:
    """All that is shown of a batch."""

    id: str
    spec: BatchSpec
    status: BatchStatus

    @property
    def rows(self) -> int:
        return int(self.spec.table["rows"])

    @property
    def file(self) -> str:
        return str(self.spec.table["name"])

    @property
    def summary(self) -> dict[str, Any]:
        """What programs are told of it."""
        status, score = self.status, self.status.score or {}
        told = {
            "task": get_task(self.spec.task).tab, "model": self.spec.model, "state": status.state, "rows": self.rows,
            "done": status.done, "failed": status.failed,
        }  # fmt: skip
        return told | {name: score[name] for name in ("metrics", "intervals") if name in score}


def begin(
    upload_id: str,
    *,
    model: str,
    columns: dict[str, list[str]],
    params: dict[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    owner: str,
) -> str:
    """The id of a batch for an uploaded file; nothing is at work yet.

    columns  field -> its columns, of the task's output too where right answers are to be compared
    given    inputs that are the same in all rows
    Where the same was asked of the same rows and stopped, it is that batch again. Raises PlaygroundError.
    """
    limits.check_keeps(owner)
    upload = get_upload(upload_id, owner)
    given = check(upload, model, columns, given or {}, owner)
    task = _learned(upload.task, model, owner)
    spec = BatchSpec(
        owner=owner,
        task=task.id,
        model=model or upload.task.models[0],
        params=checked_params(task, params or {}).model_dump(),
        columns=_renamed({name: names for name, names in columns.items() if names}, upload.task, task),
        given=given,
        table={**upload.table.to_json(), "arrow": ""},
    )
    spec.key = _key(spec, upload.table.arrow)
    for batch in list_batches(settings().batches_dir, owner):
        if batch.spec().key == spec.key and batch.status().state in ("stopped", "failed"):
            return batch.id
    sweep_batches(settings().batches_dir, KEEP_SECONDS)
    return create_batch(settings().batches_dir, spec, upload.table.arrow).id


def _learned(task: Task, model: str, owner: str) -> Task:
    """What the model has learned, of the tasks that are asked for in this one's tab."""
    learned = task_for(model or task.models[0], "", owner)
    return learned if learned.within == task.id else task


def _renamed(columns: dict[str, list[str]], task: Task, other: Task) -> dict[str, list[str]]:
    """The columns of a task's fields as those of another's in the same tab, of which the output alone differs."""
    return {other.output.name if name == task.output.name else name: names for name, names in columns.items()}


def check(
    upload: Upload, model: str, columns: dict[str, list[str]], given: Mapping[str, Any], owner: str
) -> dict[str, Any]:
    """What is given, parsed. Raises a PlaygroundError for what cannot be asked of any row; single ones tell theirs."""
    task, table = upload.task, upload.table
    if table.rows > MOST_ROWS:
        raise PlaygroundError("batch_too_long", rows=table.rows, most=MOST_ROWS)
    model = model or task.models[0]
    task_for(model, task.id, owner)
    named = {name for name in (*columns, *given) if columns.get(name) or given.get(name)}
    check_inputs(task, resolve(model, owner), named)
    check_columns(task, table, columns, given)
    fixed = [field for field in task.inputs if given.get(field.name)]
    return {field.name: field.parse(given.get(field.name)) for field in (*fixed, *extras(task.id, model, owner))}


def _key(spec: BatchSpec, rows: Path) -> str:
    asked = spec.model_dump(include={"owner", "task", "model", "params", "columns", "given"})
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    with rows.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def open_files(
    files: Path | Sequence[Path],
    task_id: str,
    *,
    model: str = "",
    columns: Mapping[str, list[str]] | None = None,
    params: dict[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    owner: str = "local",
) -> str:
    """The id of a batch for files of this machine, as `begin`; columns that are not named are proposed."""
    upload = inspect(files, task_id, owner)
    task, fixed = upload.task, given or {}
    wished = {**(columns or {}), **{name: [] for name in fixed if name not in task.extras}}
    return begin(
        upload.id, model=model, columns=mapped(proposed(task, upload.proposals), wished), params=params, given=fixed,
        owner=owner,
    )  # fmt: skip


def predict_file(
    files: Sequence[Path | str],
    task_id: str,
    output: Path | str,
    *,
    owner: str = "local",
    lang: str = "en",
    work: Callable[[str], BatchStatus] | None = None,
    **asked: Any,
) -> BatchView:
    """A file through a model, from the first row to the last, its result written as a csv, jsonl or parquet file.

    asked  model, columns, params and given, as `open_files` takes them
    work   what works on the batch of an id; what it leaves undone is written, too, and the batch is kept
    Raises PlaygroundError, for an output that cannot be written before anything is read.
    """
    paths, output = [Path(file) for file in files], Path(output)
    ending = _ending(output, paths)
    batch_id = open_files(paths, task_id, owner=owner, **asked)
    status = work(batch_id) if work else work_on(batch_id, owner, lambda status: None)
    if status.done:
        save(batch_id, owner, output, ending, lang)
    seen = view(batch_id, owner)
    if status.state == "failed":
        raise failure(status)
    if status.state == "done":
        discard(batch_id, owner)  # the file has it all
    return seen


def failure(status: BatchStatus) -> PlaygroundError:
    """Why a batch does not go on, and what to do about it."""
    return PlaygroundError("batch_failed", **why(status.reason, status.hint))


def _ending(output: Path, files: Sequence[Path]) -> str:
    """What the output is to be; refused where it could not be written."""
    ending = output.suffix.removeprefix(".").lower()
    if ending not in ENDINGS:
        raise PlaygroundError("batch_ending", found=output.name, endings=[f".{one}" for one in ENDINGS])
    if any(file.exists() and output.exists() and file.samefile(output) for file in files):
        raise PlaygroundError("batch_same_file", file=output.name)
    if not os.access(output.parent, os.W_OK) or output.is_dir():
        raise PlaygroundError("batch_no_folder", folder=str(output.parent))
    return ending


def start(batch_id: str, owner: str) -> None:
    """Work on a batch, from where it stopped, behind this thread and after any other of this process."""
    batch = _find(batch_id, owner)
    if not settings().public:
        _start(batch)
        return
    with _starting:  # of two requests the second sees what the first began
        if sum(one.status().state in GOING for one in list_batches(settings().batches_dir, owner)):
            raise PlaygroundError("batch_unfinished")
        _start(batch)


def _start(batch: Batch) -> None:
    lock = _locked(batch)
    try:
        batch.clear_stop()
        batch.write_status(batch.status().model_copy(update={"state": "queued", "reason": None, "hint": None}))
        threading.Thread(target=_work, args=(batch, lock), name=f"batch-{batch.id}", daemon=True).start()
    except BaseException:
        lock.release()
        raise


def work_on(batch_id: str, owner: str, told: Callable[[BatchStatus], None]) -> BatchStatus:
    """Work on a batch in this thread; `told` is given its status now and then."""
    from playground.services.batch.work import work

    batch = _find(batch_id, owner)
    lock = _locked(batch)
    try:
        batch.clear_stop()
        return work(batch, told)
    finally:
        lock.release()


def _locked(batch: Batch) -> BaseFileLock:
    lock = batch.lock()
    try:
        lock.acquire()
    except Timeout:
        raise PlaygroundError("batch_still_running") from None
    return lock


def _work(batch: Batch, lock: BaseFileLock) -> None:
    from playground.services.batch.work import work

    stop = batch.stop_event()
    try:
        while not _turn.acquire(timeout=QUEUE_SECONDS):
            if stop.is_set():
                batch.write_status(batch.status().model_copy(update={"state": "stopped"}))
                return
        try:
            work(batch, lambda status: None)
        finally:
            _turn.release()
    finally:
        lock.release()


def take_up() -> None:
    """Go on with the batches, of all owners, that were at work when their process ended."""
    for batch in reversed(list_batches(settings().batches_dir)):
        if batch.orphaned:
            with suppress(PlaygroundError):  # another server was faster
                _start(batch)


def stop(batch_id: str, owner: str) -> None:
    """Ask a batch to stop; what it has found stays. One that is over is a PlaygroundError."""
    batch = _find(batch_id, owner)
    status = batch.status()
    if status.state not in GOING:
        raise PlaygroundError("batch_not_running", state=Message(f"state.{status.state}"))
    batch.request_stop()


def discard(batch_id: str, owner: str) -> None:
    """Remove a batch that nobody works on, with all it has found."""
    batch = _find(batch_id, owner)
    lock = _locked(batch)
    shutil.rmtree(batch.dir, ignore_errors=True)
    lock.release()


def view(batch_id: str, owner: str) -> BatchView:
    """A batch as its folder tells it."""
    return _view(_find(batch_id, owner))


def batches(owner: str, task_id: str) -> list[BatchView]:
    """The owner's batches for a task, newest first."""
    return [
        seen
        for batch in list_batches(settings().batches_dir, owner)
        if get_task((seen := _view(batch)).spec.task).tab == task_id
    ]


def _view(batch: Batch) -> BatchView:
    return BatchView(batch.id, batch.spec(), batch.status())


def preview(batch_id: str, owner: str, rows: int, lang: str) -> tuple[list[str], list[list[str]]]:
    """(columns, cells) of the first rows that have a result; lists as JSON."""
    from playground.services.batch import table

    return table.first_rows(_find(batch_id, owner), rows, lang)


def save(batch_id: str, owner: str, path: Path, ending: str, lang: str) -> None:
    """Write what there is as a csv, jsonl or parquet file."""
    from playground.services.batch import table

    if ending not in ENDINGS:
        raise PlaygroundError("batch_ending", found=ending[:20], endings=[f".{one}" for one in ENDINGS])
    table.write(_find(batch_id, owner), path, ending, lang)


def output_name(spec: BatchSpec) -> str:
    return f"{get_task(spec.task).tab}-predictions.csv"


def asked_for(spec: BatchSpec) -> dict[str, Any]:
    """What was asked of each row, as `open_files` takes it; what is as it is by default is not there."""
    learned = get_task(spec.task)
    defaults = learned.params().model_dump()
    asked = {
        "model": spec.model,
        "columns": _renamed(spec.columns, learned, get_task(learned.tab)),
        "given": spec.given,
        "params": {name: value for name, value in spec.params.items() if value != defaults[name]},
    }
    return {name: value for name, value in asked.items() if value}


def command(spec: BatchSpec) -> str:
    """The command line that asks the same of the same file."""
    files, asked = str(spec.table["name"]).split(TOGETHER), asked_for(spec)
    words = ["python", "-m", "playground", "predict", get_task(spec.task).tab, "--file", *files]
    words += ["--output", output_name(spec), "--model", spec.model]
    for name, names in asked.get("columns", {}).items():
        words += [word for column in names for word in ("--map", f"{name}={column}")]
    words += [f"--{name}={typed(value)}" for name, value in asked.get("given", {}).items()]
    for name, value in asked.get("params", {}).items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    return " ".join(map(quoted, words))


def _find(batch_id: str, owner: str) -> Batch:
    return find_batch(settings().batches_dir, batch_id, owner)
