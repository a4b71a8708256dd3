"""An owner's runs as a table, and several of them side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from playground.fields import SPLIT
from playground.runs import SIDES, Run, TrainingParams, find_run, list_runs
from playground.services import autopilot
from playground.services.finetune import RunView, brief, view
from playground.services.report import TUNED
from playground.settings import settings

MOST_SIDE_BY_SIDE = 6
"""More curves in one chart are not told apart."""


@dataclass(frozen=True)
class Score:
    """metric: the one that decides; is_cost: whether less is better."""

    metric: str
    value: float
    is_cost: bool


@dataclass(frozen=True)
class Line:
    """A run in the table.

    score    on its held-out rows; None where it was not scored
    rows     it was trained on and scored with; 0 where they are gone
    seconds  it took, waiting not counted; None where it is not over
    """

    view: RunView
    score: Score | None
    rows: int
    seconds: float | None


@dataclass(frozen=True)
class SideBySide:
    """Several runs.

    views      in full, in the order that was asked for
    metrics    {metric: whether less is better} of all that were scored, those that decide first
    settings   {setting: its value in each run} where they differ; None where it does not matter to a run
    same_rows  whether all were scored on the same rows
    """

    views: list[RunView]
    metrics: dict[str, bool]
    settings: dict[str, list[Any]]
    same_rows: bool


def lines(
    owner: str, *, words: str = "", task: str = "", state: str = "", kept: Collection[str] = (), most: int | None = None
) -> list[Line]:
    """The owner's runs, newest first: those of a task, in a state, that have all of the words. "" is any.

    kept  ids of runs that are there in any case
    most  so many at most besides
    """
    found = [(run, brief(run)) for run in list_runs(settings().runs_dir, owner)]
    fitting = [run.id for run, seen in found if _fits(seen, words, task, state)][:most]
    shown = {*kept, *fitting}
    return [_line(run, seen) for run, seen in found if run.id in shown]


def side_by_side(run_ids: Sequence[str], owner: str) -> SideBySide:
    """At most MOST_SIDE_BY_SIDE runs of the owner's. Raises PlaygroundError for one that is not there."""
    views = [view(run_id, owner) for run_id in dict.fromkeys(run_ids)][:MOST_SIDE_BY_SIDE]
    reports = [item.report for item in views if item.report]
    metrics = {
        name: name in report.get("lower_is_better", []) for report in reports for name in report["metrics"][TUNED]
    }
    held_out = {_held_out(find_run(settings().runs_dir, item.id, owner)) for item in views}
    return SideBySide(views, metrics, _differing(views), same_rows=len(held_out) == 1)


def _fits(seen: RunView, words: str, task: str, state: str) -> bool:
    spec = seen.spec
    told = " ".join((seen.title, seen.note, spec.data, spec.task, spec.base, spec.method)).casefold()
    return (
        task in ("", spec.task)
        and state in ("", seen.status.state)
        and all(word in told for word in words.casefold().split())
    )


def _line(run: Run, seen: RunView) -> Line:
    score, seconds = _scored(run.dir / "report.json")
    return Line(seen, score, sum(_count(run.data_dir / f"{side}.parquet") for side in SIDES), seconds)


def _scored(path: Path) -> tuple[Score | None, float | None]:
    """(the score, the seconds) of a report. Reports are long, and read again only where they have changed."""
    try:
        return _read_scored(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None, None


@lru_cache(maxsize=4096)
def _read_scored(path: Path, changed: int) -> tuple[Score | None, float | None]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        metric, value = next(iter(report["metrics"][TUNED].items()))
        score = Score(metric, float(value), metric in report.get("lower_is_better", []))
        spent = report.get("seconds", {})
        return score, spent["total"] - spent.get("queued", 0.0) if "total" in spent else None
    except (ValueError, KeyError, TypeError, StopIteration):  # not one of ours
        return None, None


def _count(path: Path) -> int:
    try:
        return _read_count(path)
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=4096)
def _read_count(path: Path) -> int:
    """Rows of a file of a run, which never changes."""
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def _differing(views: Sequence[RunView]) -> dict[str, list[Any]]:
    """The settings in which runs differ, numbers that do not matter to a method left out."""
    found: dict[str, list[Any]] = {
        name: [getattr(item.spec, name) for item in views] for name in ("task", "data", "base", "method", "preset")
    }
    for name in TrainingParams.model_fields:
        found[name] = [
            getattr(item.spec.training, name) if name in autopilot.told(item.spec.method, item.spec.task) else None
            for item in views
        ]
    return {name: values for name, values in found.items() if any(value != values[0] for value in values)}


def _held_out(run: Run) -> str:
    """The same for the same held-out rows in any order; a run's own where they are gone."""
    try:
        return _read_held_out(run)
    except (OSError, ValueError):
        return run.id


@lru_cache(maxsize=256)
def _read_held_out(run: Run) -> str:
    rows = [{key: value for key, value in row.items() if key != SPLIT.name} for row in run.rows("held_out")]
    told = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
