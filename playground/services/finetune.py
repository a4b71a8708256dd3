"""Fine-tunes as the page, the endpoints and the command line see them.

A run is started here and then known by its directory alone: nothing is kept in this process, so a
restarted server, or a second one on the same folder, shows and steers the same runs.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from filelock import FileLock

from playground import data
from playground.data import Checked, Sides
from playground.errors import PlaygroundError
from playground.fields import HELD_OUT, SPLIT, Label, Labels, Row
from playground.i18n import msg
from playground.models.resolve import Resolved, longest_input, resolve, starters
from playground.runs import (
    DRY_RUN,
    NAME_CHARS,
    NOTE_CHARS,
    SCRATCH,
    SIDES,
    Method,
    Run,
    RunSpec,
    RunStatus,
    TrainingParams,
    create_run,
    find_run,
    list_runs,
)
from playground.services import autopilot, limits
from playground.services.launch import launch
from playground.services.lengths import Lengths, measure
from playground.services.snippets import quoted
from playground.services.uploads import Upload, get_upload, inspect, keep, mapped, unusable
from playground.settings import settings
from playground.tasks import get_task
from playground.tasks.spec import Task

__all__ = [
    "RunView", "Upload", "again", "asked_for", "bases", "brief", "by_hand", "command", "create_dry",
    "default_method", "describe", "get_upload", "inspect",
    "mapped", "methods", "peers", "resume", "runs", "start", "start_both", "stop", "view", "wait",
]  # fmt: skip

WAIT_SECONDS = 0.5


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
    note: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.spec.name or self.spec.data

    @property
    def summary(self) -> dict[str, Any]:
        """What programs are told of it."""
        return {"run": self.id, "model": self.model, "state": self.status.state, "report": self.report}


@dataclass(frozen=True)
class Ready:
    """A fine-tune that can start: its spec, with nothing left open, and its rows, which are read as they are needed."""

    spec: RunSpec
    sides: Sides
    rows: Callable[[], Iterator[Row]]

    def side(self, name: str) -> Iterator[Row]:
        """The rows of one of SIDES."""
        return self.sides.kept(self.rows()) if name == "held_out" else self.sides.train(self.rows())


def start(spec: RunSpec, upload_id: str, owner: str) -> str:
    """Check, complete and start a fine-tune of an uploaded dataset; the run's id.

    What `spec` leaves open (columns, base, numbers) is chosen, with reasons. Raises PlaygroundError.
    """
    ready = completed(spec, upload_id, owner)
    with limits.starting(owner):
        return _create(ready)


def completed(spec: RunSpec, upload_id: str, owner: str) -> Ready:
    """The fine-tune as it would start; nothing is started. Raises PlaygroundError."""
    upload = get_upload(upload_id, owner)
    task = get_task(spec.task)
    spec = _with_base(spec, task)
    if spec.method not in methods(task):
        raise PlaygroundError("method_not_for_task", method=spec.method, task=task.id, methods=methods(task))
    columns = mapped(upload.proposals, spec.columns)
    checked = data.check(upload.table, columns, task.fields, fixes=spec.fixes)
    if not checked.ok:
        raise unusable(checked)
    base = None if spec.method == "scratch" else _base(spec, task, owner)
    most_tokens = longest_input(base) if base else 0
    _check_length(spec.training.max_length, task, spec.base, most_tokens)
    if base and base.id.startswith("."):  # the training process has another working directory
        spec = spec.model_copy(update={"base": str(base.folder.resolve())})

    def rows() -> Iterator[Row]:
        return data.rows_of(upload.table, columns, task.fields, checked.mended)

    _check_family(base, task, rows())
    spec = spec.model_copy(
        update={
            "columns": columns, "base_revision": base.revision if base else None, "owner": owner,
            "data": upload.table.name, "rows_of": upload.rows_of, "labels": checked.labels,
        }
    )  # fmt: skip
    totals = _totals(task, rows())
    totals.longest += autopilot.asked_besides(task, base, checked.labels, totals.longest)
    chat = autopilot.is_asked(task, base)
    taught = spec.training.distillation and spec.method in ("lora", "full")
    if taught and not autopilot.learns_from_probe(spec, chat):
        raise PlaygroundError("distillation_without_probe")
    spec = autopilot.complete(
        spec, labels=len(checked.labels), most_tokens=most_tokens, chat=chat, **vars(totals)
    )  # fmt: skip
    fixed = {fix: message.to_json() for fix, message in checked.mended.told.items()}
    spec = spec.model_copy(update={"reasons": {**fixed, **spec.reasons}})
    assert spec.training.held_out is not None, "complete() fills every number"
    sides = data.split(
        rows(),
        label=task.output.name if isinstance(task.output, (Label, Labels)) else None,
        inputs=[item.name for item in task.inputs],
        together=task.kept_together,
        held_out=spec.training.held_out,
        seed=spec.training.seed,
    )
    if not sides.held_out:
        raise PlaygroundError("nothing_held_out")
    if surplus := checked.mended.surplus:
        numbered = data.numbered_rows(upload.table, columns, task.fields, checked.mended)
        places = {place for place, (number, _) in enumerate(numbered) if number in surplus}
        sides = replace(sides, left_out=sides.left_out | places - sides.held_out)
    return Ready(spec, sides, rows)


@dataclass
class _Totals:
    """What the numbers of a fine-tune are chosen by: see autopilot.complete."""

    rows: int = 0
    chars: int = 0
    marked: int = 0
    longest: str = ""


def _totals(task: Task, rows: Iterator[Row]) -> _Totals:
    found, most = _Totals(), -1.0
    for row in rows:
        found.rows += 1
        found.marked += row.get(SPLIT.name) == HELD_OUT
        for text in task.read(row):
            found.chars += len(text)
            if (tokens := autopilot.likely_tokens(text)) > most:
                found.longest, most = text, tokens
    return found


def examine(spec: RunSpec, upload_id: str, owner: str) -> tuple[Checked, Lengths | None]:
    """What the check finds of what would be trained on, and how long the texts are for the base.

    None where the columns forbid to read any. Raises PlaygroundError for a fix or an upload that there is not.
    """
    upload = get_upload(upload_id, owner)
    columns = mapped(upload.proposals, spec.columns)
    checked = data.check(upload.table, columns, upload.task.fields, fixes=spec.fixes)
    if not checked.rows:
        return checked, None
    whole = data.MAX_LENGTH in spec.fixes
    base = _base_here(spec, upload.task, owner)
    lengths = measure(
        upload.table, columns, upload.task, checked, base,
        given=spec.training.max_length, whole=whole,
    )  # fmt: skip
    told = {**checked.mended.told}
    if whole:
        told[data.MAX_LENGTH] = msg("fix.max_length.done", most=lengths.most)
    faults = [*checked.faults, *lengths.faults(upload.task, base)]
    return replace(checked, faults=faults, mended=replace(checked.mended, told=told)), lengths


def _base_here(spec: RunSpec, task: Task, owner: str) -> Resolved | None:
    """The base whose tokens texts are counted in; None where it is not here, or learns its tokens from the data."""
    try:
        spec = _with_base(spec, task)
        return None if spec.method == "scratch" else _base(spec, task, owner)
    except PlaygroundError:
        return None  # Start says why


def start_both(spec: RunSpec, upload_id: str, owner: str) -> list[str]:
    """From nothing and from pretrained, on the same split: the ids of both runs, which share a table.

    The base that `spec` names is used on its side, the task's first one on the other. Raises PlaygroundError.
    """
    task, compare = get_task(spec.task), secrets.token_hex(8)
    both = []
    for method in ("scratch", "lora"):
        named = spec.base if spec.base and spec.base.startswith(SCRATCH) == (method == "scratch") else ""
        base = named or next(iter([*bases(task, method), *further_bases(task, method, owner)]), "")
        if not base:
            raise PlaygroundError("base_missing", task=task.id)
        one = spec.model_copy(update={"method": method, "base": base, "compare": compare})
        both.append(completed(one, upload_id, owner))
    # Only now, when nothing is wrong with either.
    with limits.starting(owner, len(both)):
        return [_create(one) for one in both]


def peers(shown: RunView, views: Sequence[RunView]) -> list[RunView]:
    """The other runs of the same comparison, in full."""
    alike = [item for item in views if shown.spec.compare and item.spec.compare == shown.spec.compare]
    return [view(item.id, item.spec.owner) for item in alike if item.id != shown.id]


def methods(task: Task) -> list[str]:
    """LoRA, a probe where the task is compared with one, and from nothing where it has a network for that."""
    there = {"lora", "full", *task.baselines, *(["scratch"] if bases(task, "scratch") else [])}
    return [name for name in get_args(Method) if name in there]


def bases(task: Task, method: str) -> list[str]:
    """The bases that go with a method, the default first; others of their family can be named."""
    return [base for base in task.bases if base.startswith(SCRATCH) == (method == "scratch")]


def further_bases(task: Task, method: str, owner: str) -> list[str]:
    """Whole models for the task that are here and can be named: those that are embedded, and an owner's runs.

    Runs only with all weights: an adapter needs its base for as long as it is used, and a run may be thrown away.
    """
    usual = [*(model for model in task.models if model in starters()), *starters()]  # the task's own first
    found = list(dict.fromkeys(usual)) if method in ("lora", "full") else []
    if method == "full":
        found = [*found, *(f"run/{run.id}" for run in list_runs(settings().runs_dir, owner) if run.usable)]
    return [model for model in found if _is_whole(model, task, owner)]


def _is_whole(model_id: str, task: Task, owner: str) -> bool:
    """Whether it is a model for the task that needs no other; one that cannot be read is not."""
    try:
        found = resolve(model_id, owner)
    except PlaygroundError:
        return False
    return found.kind == "model" and found.task == task.id


def default_method(task: Task) -> str:
    """What its first base is trained by."""
    return "scratch" if task.bases[0].startswith(SCRATCH) else "lora"


def view(run_id: str, owner: str) -> RunView:
    """A run as its directory tells it."""
    run = find_run(settings().runs_dir, run_id, owner)
    shown = brief(run)
    return RunView(
        **{
            **vars(shown),
            "metrics": run.metrics(),
            "events": run.events(),
            "log": run.log_tail(),
            "report": run.report(),
        }
    )


def wait(run_id: str, owner: str) -> RunView:
    """A run once it is over."""
    while (seen := view(run_id, owner)).status.state in ("queued", "running"):
        time.sleep(WAIT_SECONDS)
    return seen


def runs(owner: str) -> list[RunView]:
    """The owner's runs, newest first, without charts, events, log and report."""
    return [brief(run) for run in list_runs(settings().runs_dir, owner)]


def describe(run_id: str, owner: str, *, name: str | None = None, note: str | None = None) -> None:
    """Give a run another name ("": that of its file) or another note; None leaves what there is.

    Raises PlaygroundError for one that is too long.
    """
    run = find_run(settings().runs_dir, run_id, owner)
    changed = {}
    for key, value, most in (("name", name, NAME_CHARS), ("note", note, NOTE_CHARS)):
        if value is not None:
            changed[key] = value.strip()
            if len(changed[key]) > most:
                word = msg(f"run.{key}")
                raise PlaygroundError("field_too_long", field=word, chars=len(changed[key]), max_chars=most)
    run.write_about(run.about().model_copy(update=changed))


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
    with starting_lock():
        run = find_run(settings().runs_dir, run_id, owner)
        status = run.status()
        if status.state in ("queued", "running"):
            raise PlaygroundError("run_still_running")
        if status.state == "done":
            raise PlaygroundError("run_already_done")
        with limits.starting(owner):
            run.clear_stop()
            launch(run)
    run.add_event(msg("event.resume_requested"))


def starting_lock() -> FileLock:
    """Two servers may share the folder: who holds it looks, then starts a run again or moves it, and nobody else."""
    settings().runs_dir.mkdir(parents=True, exist_ok=True)
    return FileLock(settings().runs_dir / ".start.lock")


def again(run_id: str, owner: str) -> tuple[Upload, RunSpec]:
    """A run's own rows as an upload, and what it was asked for: its numbers are those that were set by hand.

    They were fixed before they became its own. They say on which side of the split they were, so that what starts from
    them is judged on the same ones.
    Raises PlaygroundError, also where the rows are not there any more.
    """
    run = find_run(settings().runs_dir, run_id, owner)
    spec, task = run.spec(), get_task(run.spec().task)
    try:
        train, held_out = (run.rows(name) for name in SIDES)
    except (OSError, ValueError):
        raise PlaygroundError("run_rows_gone", run=run.id) from None
    upload = keep(
        task, owner, rows_of=f"run/{run.id}",
        made=lambda folder: data.table_again(train, held_out, task.fields, name=spec.data, directory=folder),
    )  # fmt: skip
    asked: dict[str, Any] = {
        "columns": {name: [name] for name in upload.table.columns}, "training": TrainingParams(**by_hand(spec)),
        "reasons": {}, "compare": "", "id": "", "created": "", "labels": [],
        "fixes": [fix for fix in spec.fixes if fix == data.MAX_LENGTH],
    }  # fmt: skip
    return upload, spec.model_copy(update=asked)


def by_hand(spec: RunSpec) -> dict[str, Any]:
    """{number: value} of those that somebody set: what the program chose, it chooses again."""
    chosen = set(spec.reasons)
    if spec.reasons:
        chosen |= set(TrainingParams.model_fields) - autopilot.told(spec.method, spec.task) - {"seed"}
    known = TrainingParams().model_dump()
    numbers = spec.training.model_dump(exclude_none=True)
    return {key: value for key, value in numbers.items() if value != known[key] and key not in chosen}


def asked_for(spec: RunSpec) -> dict[str, Any]:
    """What the form says, under the names of RunSpec; what was left to the program is not there."""
    method = spec.method if spec.method != "lora" and not spec.base.startswith(SCRATCH) else ""
    said = {
        "task": spec.task, "base": spec.base, "method": method, "preset": spec.preset, "name": spec.name,
        "columns": spec.columns, "fixes": spec.fixes, "training": by_hand(spec),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def command(spec: RunSpec, file_name: str) -> str:
    """The command line that does what the form does."""
    files = [spec.rows_of] if spec.rows_of else file_name.split(data.TOGETHER)
    words = ["python", "-m", "playground", "finetune", *files, *(["--rows-only"] if spec.rows_of else [])]
    said = asked_for(spec)
    for name in ("task", "base", "method", "preset", "name"):
        words += [f"--{name}", said[name]] if name in said else []
    for name, columns in spec.columns.items():
        for column in columns:
            words += ["--map", f"{name}={column}"]
    for fix in spec.fixes:
        words += ["--fix", fix]
    for key, value in by_hand(spec).items():
        words += ["--set", f"{key}={value}"]
    return " ".join(map(quoted, words))


def _with_base(spec: RunSpec, task: Task) -> RunSpec:
    """The spec with a base and the method that goes with it. Raises PlaygroundError where the two disagree."""
    method = spec.method
    if spec.base.startswith(SCRATCH):
        if "method" in spec.model_fields_set and method != "scratch":
            raise PlaygroundError("base_not_for_method", base=spec.base, method=method)
        method = "scratch"
    elif not spec.base and "method" not in spec.model_fields_set:
        method = default_method(task)  # type: ignore[assignment]
    offered = bases(task, method)
    if not spec.base and not offered:
        raise PlaygroundError("base_missing", task=task.id)
    base = spec.base or offered[0]
    if method == "scratch" and base not in offered:
        raise PlaygroundError("architecture_not_for_task", base=base, task=task.id, bases=offered)
    return spec.model_copy(update={"base": base, "method": method})


def _base(spec: RunSpec, task: Task, owner: str) -> Resolved:
    """The base model, its files on this machine: the run itself goes without a network."""
    base = resolve(spec.base, owner)
    if base.kind != "model":
        raise PlaygroundError("not_a_base", model=spec.base)
    if spec.method == "lora" and base.id.startswith("run/"):
        raise PlaygroundError("run_under_lora", model=base.id)
    return base


def _check_family(base: Resolved | None, task: Task, rows: Iterator[Row]) -> None:
    """Refuse a base whose family is not tuned for the task, and rows of which it would learn nothing."""
    from playground.heads.loading import head_to_tune  # torch: not before a run is started

    head = head_to_tune(task.heads, base)
    if not head:
        raise PlaygroundError("family_not_tuned", model=base.id if base else "", task=task.id)
    head.check(rows)


def _check_length(length: int | None, task: Task, base: str, most: int) -> None:
    """Refuse a max_length that was set by hand and that the base cannot read or the task not be learned in."""
    if length and most and length > most:
        raise PlaygroundError("max_length_over_base", value=length, most=most, base=base)
    if length and length < task.least_tokens:
        raise PlaygroundError("max_length_under_task", value=length, least=task.least_tokens, task=task.id)


def create_dry(spec: RunSpec, upload_id: str, owner: str) -> Run:
    """The same as `start`, but only to be measured: nothing of it is listed, and it leaves no model."""
    ready = completed(spec, upload_id, owner)
    with limits.starting(owner):
        return _created(settings().dry_dir, ready, DRY_RUN)


def _create(ready: Ready) -> str:
    return _created(settings().runs_dir, ready).id


def _created(folder: Path, ready: Ready, *words: str) -> Run:
    run = create_run(folder, ready.spec)
    try:
        for side in SIDES:
            run.write_rows(side, ready.side(side), get_task(ready.spec.task).fields)
        launch(run, *words)
    except BaseException:
        shutil.rmtree(run.dir, ignore_errors=True)
        raise
    return run


def brief(run: Run) -> RunView:
    """What lists tell of a run: no charts, events, log and report."""
    return RunView(
        id=run.id, spec=run.spec(), status=run.status(), usable=run.usable, model=f"run/{run.id}",
        note=run.about().note,
    )  # fmt: skip
