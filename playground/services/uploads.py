"""Datasets that were uploaded: each in a folder of its own with an unguessable name, under its owner."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground import data
from playground.data import Checked, Proposal, Table
from playground.errors import PlaygroundError
from playground.fields import SPLIT, Label, Language
from playground.i18n import lines, msg
from playground.runs import write_atomic
from playground.services import limits
from playground.services.limits import KEEP_SECONDS
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
OWNER = re.compile(r"[a-z0-9-]{1,64}")
SHOWN_FAULTS = 3


@dataclass(frozen=True)
class Upload:
    """A dataset that was read. The page keeps the id and nothing else.

    rows_of  run/<id> of the run that its rows were taken from; "" for a file's
    """

    id: str
    table: Table
    task: Task
    proposals: list[Proposal]
    rows_of: str = ""


def inspect(path: Path | Sequence[Path], task_id: str, owner: str, called: str = "") -> Upload:
    """Read a file, or files that belong together, in a child with limits, and propose which columns are which fields.

    `called`: the dataset's name, if not that of its files. Raises PlaygroundError for a file that cannot be read, and
    leaves nothing of it behind.
    """
    task = get_task(task_id)
    return keep(task, owner, lambda folder: data.read(path, directory=folder, several=several(task), called=called))


def keep(task: Task, owner: str, made: Callable[[Path], Table], rows_of: str = "") -> Upload:
    """A new upload of the owner's, whose table is made in its folder; nothing is left where that fails."""
    sweep()
    limits.check_keeps(owner)
    upload_id = secrets.token_hex(16)
    folder = _folder(upload_id, owner)
    folder.mkdir(parents=True)
    try:
        table = made(folder)
        seen = {"task": task.id, "table": table.to_json(), "rows_of": rows_of}
        write_atomic(folder / "upload.json", json.dumps(seen, ensure_ascii=False))
        return Upload(upload_id, table, task, data.propose(table, task.fields), rows_of)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def several(task: Task) -> data.Several:
    """What several files of a dataset for the task are to one another."""
    if isinstance(task.output, Label):
        return "classes"
    return "parallel" if any(isinstance(field, Language) for field in task.fields) else "texts"


def get_upload(upload_id: str, owner: str) -> Upload:
    """The owner's upload of that id; for any other the same PlaygroundError as for none."""
    folder = _folder(upload_id, owner)
    if not (folder / "upload.json").is_file():
        raise PlaygroundError("unknown_upload")
    seen = json.loads((folder / "upload.json").read_text(encoding="utf-8"))
    task, table = get_task(seen["task"]), Table.from_json(seen["table"])
    return Upload(upload_id, table, task, data.propose(table, task.fields), seen.get("rows_of", ""))


def mapped(proposals: Sequence[Proposal], columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The columns that were given, and for the fields that were not what is proposed, of columns that are free.

    Where any were given, none is proposed for the split: whoever chooses columns would name it.
    Raises PlaygroundError where what was given is no {field: [column, ...]}: an endpoint hands on what it was sent.
    """
    for field, names in columns.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise PlaygroundError("bad_param", param=f"columns.{field}", reason=msg("invalid.form"))
    taken = {name for names in columns.values() for name in names}
    found = {item.field: item.columns for item in proposals if item.columns and not taken & set(item.columns)}
    if columns:
        found.pop(SPLIT.name, None)
    return found | columns


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
