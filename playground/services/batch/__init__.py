"""A whole file through a model. A batch is known by its folder: the page, the command line and a restarted server
see and steer the same one, and go on with it where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, Timeout

from playground.data import TOGETHER
from playground.errors import PlaygroundError
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
from playground.services.uploads import Upload, get_upload, inspect
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

__all__ = [
    "ENDINGS", "GOING", "MOST_ROWS", "BatchView", "batches", "begin", "command", "discard", "inspect", "preview",
    "proposed", "save", "start", "stop", "take_up", "view", "work_on",
]  # fmt: skip

MOST_ROWS = 100_000
ENDINGS = ("csv", "jsonl", "parquet")
KEEP_SECONDS = 7 * 24 * 3600.0
QUEUE_SECONDS = 0.2

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


def start(batch_id: str, owner: str) -> None:
    """Work on a batch, from where it stopped, behind this thread and after any other of this process."""
    batch = _find(batch_id, owner)
    if settings().public and sum(one.status().state in GOING for one in list_batches(settings().batches_dir, owner)):
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


def command(spec: BatchSpec) -> str:
    """The command line that asks the same of the same file."""
    learned, known = get_task(spec.task), str(spec.table["name"])
    task, defaults = get_task(learned.tab), learned.params().model_dump()
    words = ["python", "-m", "playground", "predict", task.id, "--file", *known.split(TOGETHER)]
    words += ["--output", f"{task.id}-predictions.csv", "--model", spec.model]
    columns = _renamed(spec.columns, learned, task)
    words += [word for name, names in columns.items() for column in names for word in ("--map", f"{name}={column}")]
    words += [f"--{name}={typed(value)}" for name, value in spec.given.items()]
    words += [
        word
        for name, value in spec.params.items()
        if value != defaults[name]
        for word in ("--set", f"{name}={json.dumps(value)}")
    ]
    return " ".join(map(quoted, words))


def _find(batch_id: str, owner: str) -> Batch:
    return find_batch(settings().batches_dir, batch_id, owner)
