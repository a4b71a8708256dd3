"""Datasets that were uploaded: each in a folder of its own with an unguessable name, under its owner."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from playground import data
from playground.data import Checked, Proposal, Table
from playground.errors import PlaygroundError
from playground.i18n import lines, msg
from playground.runs import write_atomic
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
OWNER = re.compile(r"[a-z0-9-]{1,64}")
SHOWN_FAULTS = 3
KEEP_SECONDS = 24 * 3600.0
"""A run has a copy of its rows, so an upload is needed only until Start."""


@dataclass(frozen=True)
class Upload:
    """A dataset that was read. The page keeps the id and nothing else."""

    id: str
    table: Table
    task: Task
    proposals: list[Proposal]


def inspect(path: Path, task_id: str, owner: str) -> Upload:
    """Read a file, in a child with limits, and propose which columns are which fields.

    Raises PlaygroundError for a file that cannot be read, and leaves nothing of it behind.
    """
    task = get_task(task_id)
    sweep()
    upload_id = secrets.token_hex(16)
    folder = _folder(upload_id, owner)
    folder.mkdir(parents=True)
    try:
        table = data.read(path, directory=folder)
        seen = {"task": task.id, "table": table.to_json()}
        write_atomic(folder / "upload.json", json.dumps(seen, ensure_ascii=False))
        return Upload(upload_id, table, task, data.propose(table, task.fields))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def get_upload(upload_id: str, owner: str) -> Upload:
    """The owner's upload of that id; for any other the same PlaygroundError as for none."""
    folder = _folder(upload_id, owner)
    if not (folder / "upload.json").is_file():
        raise PlaygroundError("unknown_upload")
    seen = json.loads((folder / "upload.json").read_text(encoding="utf-8"))
    task, table = get_task(seen["task"]), Table.from_json(seen["table"])
    return Upload(upload_id, table, task, data.propose(table, task.fields))


def check_upload(upload_id: str, columns: dict[str, list[str]], owner: str) -> Checked:
    """Every fault of the dataset under those columns."""
    upload = get_upload(upload_id, owner)
    return data.check(upload.table, columns, upload.task.fields)


def proposed(upload: Upload) -> dict[str, list[str]]:
    """{field: columns} as proposed, without fields that have none."""
    return {proposal.field: proposal.columns for proposal in upload.proposals if proposal.columns}


def unusable(checked: Checked) -> PlaygroundError:
    """The faults that forbid a dataset, the first few in full."""
    fatal = [fault for fault in checked.faults if fault.fatal]
    told = [msg("fault.with_remedy", fault=fault.message, remedy=fault.remedy) for fault in fatal[:SHOWN_FAULTS]]
    return PlaygroundError("dataset_not_usable", count=len(fatal), faults=lines(told))


def sweep() -> None:
    """Remove uploads that nobody started a run from in time, of all owners, and what the page's uploads left.

    A server that was killed leaves the files that its visitors sent, and halves of files that were on their way.
    """
    for path in settings().uploads_dir.glob("*/*"):
        try:
            if abs(time.time() - path.stat().st_mtime) <= KEEP_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # another server swept it


def _folder(upload_id: str, owner: str) -> Path:
    if not (UPLOAD_ID.fullmatch(upload_id) and OWNER.fullmatch(owner)):
        raise PlaygroundError("unknown_upload")
    return settings().uploads_dir / owner / upload_id
