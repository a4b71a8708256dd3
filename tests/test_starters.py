"""What the starters' cards claim, measured again on their recipes' held-out rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks.starters import RECIPES, rows_of
from playground.models.resolve import STARTERS_DIR
from playground.services import baselines, metrics
from playground.services.predict import predict_rows
from playground.tasks import get_task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA"),
]


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    subprocess.run([sys.executable, "-m", "examples.recipes.prepare"], cwd=RECIPES.parent.parent, check=True)


def claimed(name: str) -> list[float]:
    """The figures of the card's line "this model"."""
    card = (STARTERS_DIR / name / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in card.splitlines() if line.startswith("| **this model**")]
    return [float(figure) for figure in re.findall(r"(?<![\d–.])0\.\d{3}(?!–)", line.replace("*", ""))]


def test_ner_en_reaches_its_bar_also_in_lower_case() -> None:
    task = get_task("ner")
    _, held_out = rows_of("ner-en")
    gold = [row["entities"] for row in held_out]
    found = []
    for rows in (held_out, [{**row, "text": row["text"].lower()} for row in held_out]):
        predicted = [task.output.compared(o) for o in predict_rows("ner", rows, model="starter/ner-en")]
        found.append(metrics.score(["entity_f1"], gold, predicted)["entity_f1"])
    assert found[0] >= 0.70 and abs(found[0] - found[1]) <= 0.01
    assert claimed("ner-en")[0] == round(found[0], 3)


def test_qa_en_is_twice_as_good_as_its_baseline() -> None:
    task = get_task("qa")
    _, held_out = rows_of("qa-en")
    gold = [row["answer"] for row in held_out]
    predicted = [task.output.compared(o) for o in predict_rows("qa", held_out, model="starter/qa-en")]
    scores = metrics.score(task.metrics, gold, predicted)
    assert scores["answer_f1"] >= 2 * metrics.score(task.metrics, gold, baselines.sliding_window(held_out))["answer_f1"]
    assert claimed("qa-en")[0] == round(scores["answer_f1"], 3)
