"""A model's scores on a dataset file."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground import data
from playground.data import tags
from playground.errors import PlaygroundError
from playground.fields import Field, Label, Labels, Row, Spans
from playground.services import limits, metrics, report
from playground.services.metrics import likelihood
from playground.services.predict import extras, model_labels, predictions, ready, task_for
from playground.services.uploads import mapped, several, unusable
from playground.settings import settings
from playground.tasks.spec import Task

if TYPE_CHECKING:
    from playground.heads.base import Head, Loaded

ROWS_AT_ONCE = 512


def evaluate(
    model: str,
    path: Path | Sequence[Path],
    *,
    task_id: str = "",
    columns: dict[str, list[str]] | None = None,
    owner: str = "local",
) -> dict[str, Any]:
    """{"task", "model", "rows", "metrics": {name: value}, "intervals": {name: [low, high]}, …}: see report.build.

    The scorecard of a run has the same parts; here no rival is known.
    Without a task it is the model's. The file, or files that belong together, are read in a child with limits, and
    the rows predicted a part at a time.
    Raises PlaygroundError for a file that cannot be used, also when it shares no label with the model, and where there
    are several visitors after the setting `evaluate_seconds`: they wait for one another.
    """
    limits.check_keeps(owner)  # a whole file, which a guest may not have read
    task = task_for(model, task_id, owner)
    settings().uploads_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings().uploads_dir, prefix="evaluate-") as folder:
        table = data.read(path, directory=Path(folder), several=several(task))
        columns = mapped(data.propose(table, task.fields), columns or {})
        checked = data.check(table, columns, task.fields, least=1)
        if not checked.ok:
            raise unusable(checked)
        # A model that chooses among named labels is given those of the file.
        given: Row = {field.name: checked.labels for field in extras(task.id, model, owner)}
        if not given:
            check_labels(task.output, checked.labels, model, owner)
        rows: list[Row] = []
        found: list[Any] = []
        scores: list[list[float]] = []
        for part, late in _in_time(_parts(data.rows_of(table, columns, task.fields)), table.rows):
            values, sure = _values(task, [{**row, **given} for row in part], model, owner, late)
            rows += part
            found += values
            scores += sure
    card = report.build(task, checked.labels, {report.TUNED: found}, rows=rows, scores=scores)
    one = {name: card[name][report.TUNED] for name in ("metrics", "intervals")}
    return {"task": task.id, "model": model, "rows": len(rows), **card, **one}


def _in_time(parts: Iterator[list[Row]], total: int) -> Iterator[tuple[list[Row], threading.Event]]:
    """Each part with an event that ends the work on it once all of it has taken too long, where there are several
    visitors. Then, or where a part was late, raises PlaygroundError."""
    limit, late, done = settings().evaluate_seconds, threading.Event(), 0
    timer = threading.Timer(limit, late.set)
    timer.daemon = True
    if settings().public:
        timer.start()
    try:
        for part in parts:
            yield part, late
            # Its answers may have been cut short.
            if late.is_set():
                raise PlaygroundError("evaluation_slow", seconds=limit, done=done, rows=total)
            done += len(part)
    finally:
        timer.cancel()


def _values(
    task: Task, rows: Sequence[Row], model: str, owner: str, late: threading.Event
) -> tuple[list[Any], list[list[float]]]:
    """What the task's metrics read of each row, and how sure the model is of its parts; of none where it is `late`."""
    from playground.models.trunk import Stopped  # brings torch in

    if not metrics.by_likelihood(task.metrics):
        try:
            found = predictions(task, rows, model=model, params=task.params(), owner=owner, stop=late)
        except Stopped:
            return [], []
        scores = [task.output.scores(one.output) if one.sure else [] for one in found]
        return [task.output.compared(one.output) for one in found], scores
    with ready(task, rows, model, owner) as (asked, head, loaded):
        return list(likelihoods(task, asked, head, loaded)), []


def likelihoods(task: Task, rows: Sequence[Row], head: Head, loaded: Loaded) -> list[likelihood.Likelihood]:
    """How likely a model that writes finds the right text of each row."""
    from playground.heads.generating import GenerativeHead

    if not isinstance(head, GenerativeHead):
        raise PlaygroundError("endpoint_no_likelihood")
    marks = head.marks_of(loaded, rows)
    added = head.added_characters(loaded.trunk.tokenizer, rows, loaded.max_length)
    return likelihood.of_rows(rows, task.output.name, marks, added)


def check_labels(output: Field, found: Sequence[str], model: str, owner: str) -> None:
    """Raise a PlaygroundError where a model knows none of the classes or entity types of a file. Loads the model."""
    if not found:
        return
    known = known_labels(output, model_labels(model, owner))
    if not known & set(found):
        raise PlaygroundError("labels_differ", model=model, known=sorted(known)[:5], found=list(found[:5]))


def labels_of(output: Field, gold: Sequence[Any]) -> list[str]:
    """The classes or entity types among right answers, sorted; [] for tasks that have none."""
    if isinstance(output, Spans):
        return sorted({span["label"] for spans in gold for span in spans})
    if isinstance(output, Labels):
        return sorted({label for labels in gold for label in labels})
    return sorted(set(gold)) if isinstance(output, Label) else []


def known_labels(output: Field, labels: Sequence[str]) -> set[str]:
    """The classes or entity types among a model's own labels, which are tags where it marks entities."""
    return {tags.split(tag)[1] for tag in labels} - {""} if isinstance(output, Spans) else set(labels)


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, ROWS_AT_ONCE)):
        yield part
