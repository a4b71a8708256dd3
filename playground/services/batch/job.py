"""The folder of a batch: all that its work, the page and the command line share of it.

<batch>/job.json       what is asked: a BatchSpec, written once
        rows.arrow     the file's rows, as the reader left them
        status.json    where it stands: a BatchStatus, replaced atomically
        results.jsonl  a line a row, in the order of the work: see Result
        stop           touched by whoever wants it stopped
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from filelock import BaseFileLock, FileLock, Timeout
from pydantic import BaseModel, Field

from playground.data import Table
from playground.errors import PlaygroundError
from playground.i18n import Message
from playground.runs import RUN_ID, write_atomic

State = Literal["queued", "running", "done", "stopped", "failed"]
GOING = ("queued", "running")
LOCK_SECONDS = 1.0
"""Who looks at a batch holds its lock for a moment."""


class BatchSpec(BaseModel):
    """What is asked of every row.

    columns  field -> the columns that it is read from; the task's output too, where the file has right answers
    given    field -> its value in all rows
    table    the file as it was read (Table.to_json)
    key      the same for the same rows with the same wishes
    """

    version: Literal[1] = 1
    id: str = ""
    owner: str
    created: str = Field("", description="UTC, ISO 8601.")
    task: str
    model: str
    params: dict[str, Any] = Field(default_factory=dict)
    columns: dict[str, list[str]]
    given: dict[str, Any] = Field(default_factory=dict)
    table: dict[str, Any]
    key: str = ""


class BatchStatus(BaseModel):
    """Where a batch stands.

    done    rows with a line in the results; `failed` of them have a reason in place of a prediction
    retries how often a server was asked again, after a failure, for these
    score   {"rows", "of", "metrics", "intervals"} of the rows with a right answer, once all is done
    """

    state: State = "queued"
    done: int = 0
    failed: int = 0
    retries: int = 0
    rows_per_second: float = 0.0
    seconds_left: float | None = None
    reason: dict[str, Any] | None = Field(None, description="Message: why it stopped or failed.")
    hint: dict[str, Any] | None = Field(None, description="Message: what to do about it.")
    score: dict[str, Any] | None = None
    unscored: dict[str, Any] | None = Field(None, description="Message: why right answers were not compared.")


class Result(TypedDict):
    """What became of a row, counted from 1.

    output      the prediction in the task's public schema
    reason      a Message: why there is none; with an output it says that this stands for none
    gold        the right answer, where the row is one of those that are scored
    likelihood  how likely the model finds it, for tasks that are scored by that
    retries     how often a server was asked again for it, after a failure
    """

    row: int
    output: NotRequired[Any]
    reason: NotRequired[dict[str, Any]]
    gold: NotRequired[Any]
    likelihood: NotRequired[Any]
    retries: NotRequired[int]


@dataclass(frozen=True)
class Batch:
    """A batch's folder, and the only code that knows its layout."""

    dir: Path

    @property
    def id(self) -> str:
        return self.dir.name

    @property
    def results_path(self) -> Path:
        return self.dir / "results.jsonl"

    def spec(self) -> BatchSpec:
        return BatchSpec.model_validate_json((self.dir / "job.json").read_text(encoding="utf-8"))

    def table(self) -> Table:
        """The rows that were asked about."""
        return Table.from_json({**self.spec().table, "arrow": str(self.dir / "rows.arrow")})

    @property
    def owner(self) -> str | None:
        """Whose it is; None for a folder that is none of ours."""
        try:
            return self.spec().owner
        except (OSError, ValueError):
            return None

    def status(self) -> BatchStatus:
        """What status.json says; a batch that nobody works on any more is stopped."""
        status = self._written()
        if status.state in GOING and not self._held():
            status = self._written()  # it may have ended between our two looks
            if status.state in GOING:
                status.state, status.seconds_left = "stopped", None
                status.reason = Message("batch.interrupted").to_json()
        return status

    def _written(self) -> BatchStatus:
        return BatchStatus.model_validate_json((self.dir / "status.json").read_text(encoding="utf-8"))

    def _held(self) -> bool:
        try:
            with self.lock(0):
                return False
        except Timeout:
            return True

    @property
    def orphaned(self) -> bool:
        """Whether it would still be at work, had its process not ended."""
        return self._written().state in GOING and not self._held()

    def write_status(self, status: BatchStatus) -> None:
        write_atomic(self.dir / "status.json", status.model_dump_json())

    def lock(self, seconds: float = LOCK_SECONDS) -> BaseFileLock:
        """Held by whoever works on it, in this process or another; it goes with the process."""
        return FileLock(self.dir / ".lock", timeout=seconds, thread_local=False)

    def request_stop(self) -> None:
        (self.dir / "stop").touch()

    def clear_stop(self) -> None:
        (self.dir / "stop").unlink(missing_ok=True)

    def stop_event(self) -> threading.Event:
        return StopFile(self.dir / "stop")

    def add_results(self, results: list[Result]) -> None:
        """Add lines, in one write: those of a killed process are whole or absent at the end."""
        with self.results_path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results))

    def results(self) -> Iterator[Result]:
        """The whole lines that are there now, one in memory at a time."""
        if not self.results_path.exists():
            return
        with self.results_path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)

    def mend_results(self) -> None:
        """Take off half a line that a killed process left at the end."""
        if not self.results_path.exists():
            return
        with self.results_path.open("rb+") as file:
            whole = sum(len(line) for line in file if line.endswith(b"\n"))
            file.truncate(whole)


class StopFile(threading.Event):
    """An event that is set when a file is there, whoever made it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def is_set(self) -> bool:
        return self.path.exists()


def create_batch(folder: Path, spec: BatchSpec, rows: Path) -> Batch:
    """A new folder with an unguessable id, the rows and what is asked of them; nothing is at work yet."""
    created = datetime.now(UTC)
    batch = Batch(folder / f"{created:%Y%m%d-%H%M%S}-{secrets.token_hex(8)}")
    batch.dir.mkdir(parents=True)
    try:
        shutil.copyfile(rows, batch.dir / "rows.arrow")
        spec = spec.model_copy(update={"id": batch.id, "created": created.isoformat(timespec="seconds")})
        batch.write_status(BatchStatus(state="stopped"))
        # Last: a folder without it is nobody's, so nobody meets one that is half made.
        write_atomic(batch.dir / "job.json", spec.model_dump_json(indent=1))
    except BaseException:
        shutil.rmtree(batch.dir, ignore_errors=True)
        raise
    return batch


def find_batch(folder: Path, batch_id: str, owner: str) -> Batch:
    """The owner's batch of that id; for any other the same PlaygroundError as for none."""
    if RUN_ID.fullmatch(batch_id):
        batch = Batch(folder / batch_id)
        if batch.owner == owner:
            return batch
    raise PlaygroundError("unknown_batch")


def list_batches(folder: Path, owner: str | None = None) -> list[Batch]:
    """The owner's batches, newest first; everybody's without an owner."""
    if not folder.is_dir():
        return []
    found = [Batch(path) for path in folder.iterdir() if RUN_ID.fullmatch(path.name)]
    known = [batch for batch in found if (whose := batch.owner) and owner in (None, whose)]
    return sorted(known, key=lambda batch: batch.id, reverse=True)


def sweep_batches(folder: Path, keep_seconds: float) -> None:
    """Remove batches of which nothing has changed for so long."""
    for batch in list_batches(folder):
        if time.time() - batch.dir.stat().st_mtime > keep_seconds and batch.status().state not in GOING:
            shutil.rmtree(batch.dir, ignore_errors=True)
