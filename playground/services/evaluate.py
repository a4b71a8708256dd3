"""A model's scores on a dataset file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from playground import data
from playground.data import tags
from playground.errors import PlaygroundError
from playground.fields import Field, Row, Spans
from playground.services import metrics
from playground.services.predict import extras, model_labels, predict_rows, task_for
from playground.services.uploads import unusable
from playground.settings import settings

ROWS_AT_ONCE = 512


def evaluate(
    model: str, path: Path, *, task_id: str = "", columns: dict[str, list[str]] | None = None, owner: str = "local"
) -> dict[str, Any]:
    """{"task", "model", "rows", "metrics": {name: value}, "intervals": {name: [low, high]}}.

    Without a task it is the model's. The file is read in a child with limits and predicted a part at a time.
    Raises PlaygroundError for a file that cannot be used, also when it shares no label with the model.
    """
    task = task_for(model, task_id, owner)
    settings().uploads_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings().uploads_dir, prefix="evaluate-") as folder:
        table = data.read(path, directory=Path(folder))
        columns = columns or {proposal.field: proposal.columns for proposal in data.propose(table, task.fields)}
        checked = data.check(table, columns, task.fields, least=1)
        if not checked.ok:
            raise unusable(checked)
        # A model that chooses among named labels is given those of the file.
        given: Row = {field.name: checked.labels for field in extras(task.id, model, owner)}
        if not given and checked.labels:
            known = known_labels(task.output, model_labels(model, owner))
            if not known & set(checked.labels):
                raise PlaygroundError("labels_differ", model=model, known=sorted(known)[:5], found=checked.labels[:5])
        gold: list[Any] = []
        predicted: list[Any] = []
        for part in _parts(data.rows_of(table, columns, task.fields)):
            asked = [{**row, **given} for row in part]
            outputs = predict_rows(task.id, asked, model=model, owner=owner)
            gold += [row[task.output.name] for row in part]
            predicted += [task.output.compared(output) for output in outputs]
    return {
        "task": task.id,
        "model": model,
        "rows": len(gold),
        "metrics": metrics.score(task.metrics, gold, predicted),
        "intervals": metrics.intervals(task.metrics, gold, predicted),
    }


def known_labels(output: Field, labels: Sequence[str]) -> set[str]:
    """The classes or entity types among a model's own labels, which are tags where it marks entities."""
    return {tags.split(tag)[1] for tag in labels} - {""} if isinstance(output, Spans) else set(labels)


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, ROWS_AT_ONCE)):
        yield part
