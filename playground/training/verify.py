"""`python -m playground.training.verify RUN_DIR`: does the saved model answer as the trained one did?

Run in a fresh process, because a wrong reload is silent: heads that PEFT does not save by itself
come back random. The model is loaded in each way it will be used: by plain PEFT, and by the pool.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from playground.fields import Row
from playground.heads.loading import lease_model, tunable_head
from playground.heads.tunable import Trained
from playground.models.device import choose_device
from playground.models.files import load_tokenizer
from playground.models.resolve import Resolved, resolve, resolve_base
from playground.runs import Run, write_atomic
from playground.training.verifying import Aside, aside_of, compared

TOLERANCE = 1e-4
HALF_TOLERANCE = 0.05
"""Where the pool serves in half precision, its answers are near the trained ones, not equal."""


def main(run_dir: str) -> int:
    run = Run(Path(run_dir))
    aside = aside_of(run)
    expected = np.load(aside.expected, allow_pickle=False)
    held_out = pq.read_table(run.data_dir / "held_out.parquet").to_pylist()
    rows = held_out[compared(len(held_out))]
    differences, equal = {}, True
    for way, (found, tolerance) in _ways(aside, rows).items():
        differences[way] = _difference(found, expected, tolerance)
        equal = equal and differences[way] <= tolerance
        print(f"verify: {way}: {len(rows)} rows, largest difference {differences[way]:.1e} (at most {tolerance:g})")
    verdict = {
        "equal": equal,
        "rows": len(rows),
        "ways": sorted(differences),
        "largest_difference": max(differences.values()),
    }
    write_atomic(aside.verdict, json.dumps(verdict))
    return 0


def _difference(found: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """The largest.

    Logarithms of probabilities, which are never above 0, are weighed as probabilities in half precision: those of
    improbable tokens differ there by more than they matter.
    """
    if tolerance == HALF_TOLERANCE and expected.max() <= 0:
        found, expected = np.exp(found), np.exp(expected)
    return float(np.abs(found - expected).max())


def _ways(aside: Aside, rows: list[Row]) -> dict[str, tuple[np.ndarray, float]]:
    """{way of loading: its marks on the rows, the tolerance}."""
    resolved = resolve(str(aside.model.resolve()))
    ways = {"pool": _by_pool(resolved, rows)}
    if resolved.kind == "adapter":
        ways["peft"] = (_by_peft(resolved, rows), TOLERANCE)
    return ways


def _by_pool(resolved: Resolved, rows: list[Row]) -> tuple[np.ndarray, float]:
    with lease_model(resolved.id) as (head, loaded):
        marks = head.marks_of(loaded, rows)
        exact = loaded.trunk.device.dtype == torch.float32
    return np.concatenate(marks), TOLERANCE if exact else HALF_TOLERANCE


def _by_peft(resolved: Resolved, rows: list[Row]) -> np.ndarray:
    """As anybody loads an adapter: the architecture's own class, then PeftModel.from_pretrained."""
    head, base = tunable_head(resolved), resolve_base(resolved.base, resolved.revision)
    model = head.load_whole(resolved, base, dtype=torch.float32).to(choose_device().torch_device)
    trained = Trained(model, load_tokenizer(base), resolved.labels, resolved.max_length)
    return np.concatenate(head.marks(trained, rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
