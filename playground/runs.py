"""The run directory: the only thing a training process and the web process share.

<run>/spec.json       what to do: a RunSpec, written once, before the run starts
      data/           train.parquet and held_out.parquet: the checked rows
      status.json     where it stands: a RunStatus, replaced atomically
      metrics.jsonl   one row per logged step;  events.jsonl;  log.txt
      checkpoints/    step-<n>/, each with a manifest written last
      model/          safetensors and a card; renamed into place last, so its existence means usable
      report.json     scores on the held-out rows
      control/stop    touched by whoever wants the run stopped
      about.json      name, note, trash: the web process's own, never read by training
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

from playground.errors import PlaygroundError
from playground.i18n import Message

State = Literal["queued", "running", "done", "stopped", "failed"]
Method = Literal["lora", "linear_probe"]
LAUNCH_SECONDS = 60.0
RUN_ID = re.compile(r"[a-z0-9-]{8,64}")


class TrainingParams(BaseModel):
    """Numbers of a fine-tune. None means: let the preset choose from the data, and say why."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    epochs: float | None = Field(None, gt=0, le=200, description="Passes over the training rows.")
    batch_size: int | None = Field(None, ge=1, le=512, description="Rows per step.")
    learning_rate: float | None = Field(None, gt=0, le=1, description="Highest step size of AdamW.")
    warmup_ratio: float | None = Field(None, ge=0, le=0.5, description="Share of the steps that warm up.")
    weight_decay: float | None = Field(None, ge=0, le=1, description="AdamW's weight decay.")
    lora_r: int | None = Field(None, ge=1, le=256, description="Rank of the LoRA matrices.")
    lora_alpha: int | None = Field(None, ge=1, le=1024, description="Scale of the LoRA update; applied as alpha / r.")
    lora_dropout: float | None = Field(None, ge=0, le=0.9, description="Dropout before the LoRA matrices.")
    max_length: int | None = Field(None, ge=8, le=8192, description="Longest input, in tokens; the rest is cut.")
    held_out: float | None = Field(None, gt=0, lt=0.9, description="Share of the rows kept for the scores.")
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
    base: str = Field("", description="Model id to tune; empty: the task's first.")
    base_revision: str | None = Field(None, description="Full commit of the base, where it is known.")
    method: Method = "lora"
    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    training: TrainingParams = Field(default_factory=TrainingParams)
    name: str = Field("", max_length=100, description="What people call the run.")
    id: str = Field("", description="Given when the run is created.")
    owner: str = "local"
    created: str = Field("", description="UTC, ISO 8601.")
    labels: list[str] = Field(default_factory=list, description="The classes, in the order of the model's outputs.")
    reasons: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Chosen number -> Message why.")


class RunStatus(BaseModel):
    """Where a run stands. `pid` and `pid_started` (psutil's create_time) name the process for certain."""

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
    def log_path(self) -> Path:
        return self.dir / "log.txt"

    @property
    def usable(self) -> bool:
        """Whether it left a model that was checked in a fresh process."""
        return self.model_dir.is_dir()

    def spec(self) -> RunSpec:
        return RunSpec.model_validate_json((self.dir / "spec.json").read_text(encoding="utf-8"))

    @property
    def owner(self) -> str | None:
        """Whose run it is; None for a folder whose spec.json is missing or not one of ours."""
        try:
            return self.spec().owner
        except (OSError, ValueError):
            return None

    def status(self) -> RunStatus:
        """What status.json says, corrected when its process is gone: then the run failed."""
        path = self.dir / "status.json"
        status = RunStatus.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else RunStatus()
        if status.state in ("queued", "running") and self._gone(status):
            # Read again: it may have written its last word and ended between our two looks.
            last = RunStatus.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else status
            if last.state not in ("queued", "running"):
                return last
            status.state = "failed"
            status.reason = Message("run.killed").to_json()
            status.hint = Message("run.killed.hint").to_json()
        return status

    @staticmethod
    def _gone(status: RunStatus) -> bool:
        if status.pid:
            return not process_alive(status.pid, status.pid_started)
        # Created but never launched: the server ended in between.
        return time.time() - status.heartbeat > LAUNCH_SECONDS

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
    """The run of that id if it exists and is the owner's; else the same PlaygroundError for both."""
    if RUN_ID.fullmatch(run_id):
        run = Run(runs_dir / run_id)
        if run.owner == owner:
            return run
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
        same = started is None or abs(process.create_time() - started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write_atomic(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new, never half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def append_jsonl(path: Path, row: dict[str, Any]) -> None:
    """Add a line. One write call, so that lines of a killed process are whole or absent at the end."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace a file of lines, atomically."""
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file that may still be written to; a torn last line is passed over."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
