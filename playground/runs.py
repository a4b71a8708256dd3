"""The run directory: the only thing a training process and the web process share.

<run>/spec.json       what to do: a RunSpec, written once, before the run starts
      data/           train.parquet and held_out.parquet: the checked rows
      status.json     where it stands: a RunStatus, replaced atomically
      metrics.jsonl   one row per logged step;  events.jsonl;  log.txt
      checkpoints/    step-<n>/, each with a manifest written last
      model/          safetensors and a card; renamed into place last, so its existence means usable
      report.json     scores on the held-out rows
      control/stop    touched by whoever wants the run stopped
      about.json      an About: what people say of it later; not written by training
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

from playground.data.stored import StoredRows, write_rows
from playground.errors import PlaygroundError
from playground.fields import Field as DataField
from playground.fields import Row
from playground.i18n import Message

State = Literal["queued", "running", "done", "stopped", "failed"]
Method = Literal["lora", "full", "linear_probe", "scratch"]
LAUNCH_SECONDS = 60.0
LOCAL = "local"
"""The owner of everything on a machine that only one person reaches."""
GUEST = "guest"
"""Whoever cannot be known again, and so keeps nothing."""
SCRATCH = "scratch/"
"""How the names of networks begin that are trained from nothing."""
OURS = ("run/", "starter/")
"""How the names of models begin that were trained here: runs, and those that are embedded."""
SIDES = ("train", "held_out")
"""What a run's rows are for, and what their files are called."""
TRASH = "trash"
"""The folder beside that of the runs, for those that were thrown away."""
DRY_RUN = "--dry-run"
"""What tells the training process to take a few steps only."""
RUN_ID = re.compile(r"[a-z0-9-]{8,64}")
NAME_CHARS, NOTE_CHARS = 100, 2000
"""Of what people write about a run."""


class TrainingParams(BaseModel):
    """Numbers of a fine-tune. None means: let the preset choose from the data, and say why."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    epochs: float | None = Field(None, gt=0, le=200, description="Passes over the training rows.")
    batch_size: int | None = Field(None, ge=1, le=512, description="Rows per step.")
    learning_rate: float | None = Field(None, gt=0, le=1, description="Highest step size of AdamW.")
    warmup_ratio: float | None = Field(None, ge=0, le=0.5, description="Share of the steps that warm up.")
    weight_decay: float | None = Field(None, ge=0, le=1, description="AdamW's weight decay.")
    distillation: float | None = Field(
        None, ge=0, le=0.9, description="Share of a row's target that the linear probe's scores make up."
    )
    lora_r: int | None = Field(None, ge=1, le=256, description="Rank of the LoRA matrices.")
    lora_alpha: int | None = Field(None, ge=1, le=1024, description="Scale of the LoRA update; applied as alpha / r.")
    lora_dropout: float | None = Field(None, ge=0, le=0.9, description="Dropout before the LoRA matrices.")
    max_length: int | None = Field(None, ge=8, le=8192, description="Longest input, in tokens; the rest is cut.")
    hidden_size: int | None = Field(None, ge=8, le=1024, description="Width of a network from nothing.")
    layers: int | None = Field(None, ge=1, le=12, description="Layers of a network from nothing.")
    vocab_size: int | None = Field(None, ge=100, le=64_000, description="Most tokens in a vocabulary from nothing.")
    tokens: Literal["words", "subwords", "characters"] | None = Field(
        None, description="What a vocabulary from nothing is made of: words, subwords or characters."
    )
    dropout: float | None = Field(None, ge=0, le=0.9, description="Dropout inside a network from nothing.")
    held_out: float | None = Field(None, gt=0, lt=0.9, description="Share of the rows kept for the scores.")
    keep: Literal["last", "best"] = Field(
        "last", description="Weights of the last step, or of the best on held-out rows."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the split, the order and the new weights.")


class RunSpec(BaseModel):
    """Everything a fine-tune needs. As YAML it is a recipe; completed, it is a run's spec.json."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    task: str
    data: str = Field(description="Dataset file: a path in a recipe, the upload's name in a run.")
    columns: dict[str, list[str]] = Field(
        default_factory=dict, description="Field name -> its columns; empty: propose."
    )
    fixes: list[str] = Field(default_factory=list, description="Names of fixes of the data; `--fix` lists them.")
    base: str = Field("", description="Model id to tune; empty: the task's first.")
    base_revision: str | None = Field(None, description="Full commit of the base, where it is known.")
    method: Method = "lora"
    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    training: TrainingParams = Field(default_factory=TrainingParams)
    compare: str = Field("", max_length=64, description="Given alike to runs that stand in one table.")
    rows_of: str = Field("", max_length=70, description="run/<id> whose rows these are; empty: a file's.")
    name: str = Field("", max_length=NAME_CHARS, description="What people call the run.")
    id: str = Field("", description="Given when the run is created.")
    owner: str = "local"
    created: str = Field("", description="UTC, ISO 8601.")
    labels: list[str] = Field(default_factory=list, description="The classes, in the order of the model's outputs.")
    reasons: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Chosen number -> Message why; fix -> what it did."
    )


class RunStatus(BaseModel):
    """Where a run stands. `pid` and `pid_started` (see process_started) name the process for certain."""

    state: State = "queued"
    phase: str = Field("", description="Catalog key `phase.<phase>` of what is being done.")
    step: int = 0
    max_steps: int = 0
    seconds_left: float | None = None
    heartbeat: float = Field(default_factory=time.time, description="Unix time of the last write.")
    pid: int | None = None
    pid_started: float | None = None
    device: dict[str, Any] | None = Field(None, description="Message naming device and dtype, with the reason.")
    reason: dict[str, Any] | None = Field(None, description="Message: why it stopped or failed.")
    hint: dict[str, Any] | None = Field(None, description="Message: what to do about it.")


class About(BaseModel):
    """What people say of a run after it began. `name` None: as in its spec."""

    name: str | None = Field(None, max_length=NAME_CHARS)
    note: str = Field("", max_length=NOTE_CHARS)


@dataclass(frozen=True)
class Run:
    """A run's directory, and the only code that knows its layout."""

    dir: Path

    @property
    def id(self) -> str:
        return self.dir.name

    @property
    def model_dir(self) -> Path:
        return self.dir / "model"

    @property
    def aside_dir(self) -> Path:
        """For a model that was not checked yet."""
        return self.dir / ".aside"

    @property
    def data_dir(self) -> Path:
        return self.dir / "data"

    @property
    def checkpoints_dir(self) -> Path:
        return self.dir / "checkpoints"

    @property
    def examples_dir(self) -> Path:
        """For what its rows are to the model, while it trains."""
        return self.dir / "examples"

    @property
    def log_path(self) -> Path:
        return self.dir / "log.txt"

    @property
    def usable(self) -> bool:
        """Whether it left a model that was checked in a fresh process."""
        return self.model_dir.is_dir()

    def spec(self) -> RunSpec:
        """What was asked for, under the name that it has now."""
        spec = RunSpec.model_validate_json((self.dir / "spec.json").read_text(encoding="utf-8"))
        name = self.about().name
        return spec if name is None else spec.model_copy(update={"name": name})

    def about(self) -> About:
        """What is said of it; nothing where about.json is missing or damaged: words about a run must not hide it."""
        try:
            return About.model_validate_json((self.dir / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return About()

    def write_about(self, about: About) -> None:
        write_atomic(self.dir / "about.json", about.model_dump_json())

    @property
    def owner(self) -> str | None:
        """Whose run it is; None for a folder whose spec.json is missing or not one of ours."""
        try:
            return self.spec().owner
        except (OSError, ValueError):
            return None

    def status(self) -> RunStatus:
        """What status.json says, corrected when its process is gone: then the run failed."""
        status = self._written()
        if status.state in ("queued", "running") and self._gone(status):
            # Read again: it may have written its last word and ended between our two looks.
            last = self._written()
            if last.state not in ("queued", "running"):
                return last
            status.state = "failed"
            status.reason = Message("run.killed").to_json()
            status.hint = Message("run.killed.hint").to_json()
        return status

    def _written(self) -> RunStatus:
        """Of a run that was taken away meanwhile, as of one that is not launched yet, there is none."""
        with suppress(FileNotFoundError):
            return RunStatus.model_validate_json((self.dir / "status.json").read_text(encoding="utf-8"))
        return RunStatus()

    @staticmethod
    def _gone(status: RunStatus) -> bool:
        if status.pid:
            return not process_alive(status.pid, status.pid_started)
        # Created but never launched: the server ended in between.
        return abs(time.time() - status.heartbeat) > LAUNCH_SECONDS

    def write_status(self, status: RunStatus) -> None:
        status.heartbeat = time.time()
        write_atomic(self.dir / "status.json", status.model_dump_json())

    def append_metrics(self, row: dict[str, Any]) -> None:
        append_jsonl(self.dir / "metrics.jsonl", row)

    def metrics(self) -> list[dict[str, Any]]:
        return list(read_jsonl(self.dir / "metrics.jsonl"))

    def add_event(self, message: Message) -> None:
        """One sentence of the run's history, with the time."""
        append_jsonl(self.dir / "events.jsonl", {"time": time.time(), "message": message.to_json()})

    def events(self) -> list[dict[str, Any]]:
        return list(read_jsonl(self.dir / "events.jsonl"))

    def rows(self, side: str) -> StoredRows:
        """The rows of one of SIDES, read as they are asked for. Raises OSError or ValueError where they are gone."""
        return StoredRows(self.data_dir / f"{side}.parquet")

    def write_rows(self, side: str, rows: Iterable[Row], fields: Sequence[DataField]) -> None:
        """Write the rows of one of SIDES, as they come, which have values of these fields."""
        write_rows(self.data_dir / f"{side}.parquet", rows, fields)

    def dry(self) -> dict[str, Any] | None:
        """What a dry run measured."""
        path = self.dir / "dry.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def report(self) -> dict[str, Any] | None:
        path = self.dir / "report.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def log_tail(self, characters: int = 8000) -> str:
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(max(0, self.log_path.stat().st_size - 4 * characters))
            return file.read().decode("utf-8", errors="replace")[-characters:]

    def request_stop(self) -> None:
        control = self.dir / "control"
        control.mkdir(exist_ok=True)
        (control / "stop").touch()

    def stop_requested(self) -> bool:
        return (self.dir / "control" / "stop").exists()

    def clear_stop(self) -> None:
        (self.dir / "control" / "stop").unlink(missing_ok=True)


def create_run(runs_dir: Path, spec: RunSpec) -> Run:
    """A new directory with an unguessable id and its spec.json; nothing runs yet."""
    created = datetime.now(UTC)
    run_id = f"{created:%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"
    run = Run(runs_dir / run_id)
    run.dir.mkdir(parents=True)
    run.data_dir.mkdir()
    spec = spec.model_copy(update={"id": run_id, "created": created.isoformat(timespec="seconds")})
    write_atomic(run.dir / "spec.json", spec.model_dump_json(indent=1))
    run.write_status(RunStatus())
    return run


def find_run(runs_dir: Path, run_id: str, owner: str) -> Run:
    """The run of that id if it exists and is the owner's; else the same PlaygroundError for both.

    One that its owner threw away is said to be in the trash.
    """
    if RUN_ID.fullmatch(run_id):
        run = Run(runs_dir / run_id)
        if run.owner == owner:
            return run
        if Run(runs_dir.parent / TRASH / run_id).owner == owner:
            raise PlaygroundError("run_in_trash", run=run_id)
    raise PlaygroundError("unknown_run", run=run_id[:64])


def list_runs(runs_dir: Path, owner: str) -> list[Run]:
    """The owner's runs, newest first."""
    if not runs_dir.is_dir():
        return []
    found = [Run(path) for path in runs_dir.iterdir() if RUN_ID.fullmatch(path.name)]
    return sorted((run for run in found if run.owner == owner), key=lambda run: run.id, reverse=True)


def process_alive(pid: int, started: float | None) -> bool:
    """Whether that very process lives: the same pid, started at the same time, and no zombie."""
    try:
        process = psutil.Process(pid)
        same = started is None or abs(process_started(process) - started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_started(process: psutil.Process) -> float:
    """When a process began, in seconds, on a scale that no setting of the clock moves.

    Linux counts from the boot, and tells when that was by the clock: both are taken off. Raises psutil.NoSuchProcess.
    """
    began = process.create_time()
    return began - psutil.boot_time() if psutil.LINUX else began


def write_atomic(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)  # on a full disk the half of a file would take the room of the next
        raise


def append_jsonl(path: Path, row: dict[str, Any]) -> None:
    """Add a line. One write call, so that lines of a killed process are whole or absent at the end.

    Where a full disk left half of one, the next does not go on with it.
    """
    line = json.dumps(row, ensure_ascii=False) + "\n"
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode())


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace a file of lines, atomically."""
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file that may still be written to; a torn last line is passed over."""
    if not path.exists():
        return
    # Not splitlines(): JSON leaves other ends of lines, such as U+2028, as they are.
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
