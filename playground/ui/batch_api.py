"""The endpoint that sends a whole file through a model."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from gradio.utils import get_upload_folder

from playground.errors import PlaygroundError
from playground.services import batch, limits
from playground.tasks import get_task
from playground.ui.loading import import_models
from playground.ui.uploaded import uploaded_files
from playground.ui.wrapper import Visitor

TELL_SECONDS = 0.5


def predict_file(
    visitor: Visitor,
    data: dict,
    task: str = "classification",
    model: str = "",
    columns: dict | None = None,
    given: dict | None = None,
    params: dict | None = None,
    ending: str = "csv",
) -> Iterator[dict[str, Any]]:
    """Every row of an uploaded file through a model: {"batch", "task", "model", "state", "rows", "done", "failed"}.

    It is told again and again; the last time with "file", the rows with what was found, and with "metrics" and
    "intervals" where there are right answers. `columns` is {field: [column, ...]}, without it they are proposed;
    `given` are inputs that are the same in all rows, `params` the task's knobs; `ending` is csv, jsonl or parquet.
    Whoever hangs up stops it: sent again, the file goes on from there.
    """
    if ending not in batch.ENDINGS:
        raise PlaygroundError("batch_ending", found=str(ending)[:20], endings=list(batch.ENDINGS))
    files = uploaded_files(data, get_task(task))
    batch_id = batch.open_files(
        files, task, model=str(model or "")[:300], columns=columns, params=params, given=given, owner=visitor.owner
    )
    import_models()
    batch.start(batch_id, visitor.owner)
    try:
        while (view := batch.view(batch_id, visitor.owner)).status.state in batch.GOING:
            yield {"batch": batch_id, **view.summary}
            time.sleep(TELL_SECONDS)
    except GeneratorExit:
        with suppress(PlaygroundError):  # it may have ended just now
            batch.stop(batch_id, visitor.owner)
        raise
    if view.status.state == "failed":
        raise batch.failure(view.status)
    found = saved(batch_id, visitor, ending)
    yield {"batch": batch_id, **view.summary, "file": {"path": str(found), "meta": {"_type": "gradio.FileData"}}}


def saved(batch_id: str, visitor: Visitor, ending: str) -> Path:
    """Where the file with what was found is, under a name that nobody can guess. Raises PlaygroundError."""
    view = batch.view(batch_id, visitor.owner)
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    path = folder / f"{view.spec.task}-predictions.{ending}"
    batch.save(view.id, visitor.owner, path, ending, visitor.lang)
    try:
        limits.take_upload(visitor.owner, path.stat().st_size)  # it is kept a day, as what was uploaded
    except PlaygroundError:
        rmtree(folder)
        raise
    return path
