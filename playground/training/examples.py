"""What a model is trained on, in an Arrow file that is mapped into memory, and never in it as a whole."""

from __future__ import annotations

import itertools
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute
from datasets import Dataset

from playground.data.stored import GROUP_ROWS
from playground.fields import Row
from playground.models.trunk import Features
from playground.runs import Run


def stored(run: Run, rows: Iterable[Row], make: Callable[[Sequence[Row]], list[Features]]) -> Dataset:
    """The examples that `make` makes of the rows, a piece at a time; they replace those of before."""
    shutil.rmtree(run.examples_dir, ignore_errors=True)
    run.examples_dir.mkdir(exist_ok=True)
    # Where what is mapped cannot be removed, it has another name.
    path = run.examples_dir / f"{secrets.token_hex(4)}.arrow"
    left = iter(rows)
    batch = pa.RecordBatch.from_pylist(make(list(itertools.islice(left, GROUP_ROWS))))
    with pa.ipc.new_stream(str(path), batch.schema) as writer:
        writer.write_batch(batch)
        while piece := list(itertools.islice(left, GROUP_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(make(piece), schema=batch.schema))
    return Dataset.from_file(str(path))


def lengths(examples: Dataset) -> list[int]:
    """Tokens that each of them reads."""
    found: list[int] = pa.compute.list_value_length(examples.data.column("input_ids")).to_pylist()
    return found
