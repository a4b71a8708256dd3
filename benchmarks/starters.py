"""Train the embedded models again from their recipes, put them into playground/starters, and measure them.

`make starters`, with PLAYGROUND_DATA naming the data folder. Names choose some:
`python -m benchmarks.starters ner-en`; `--measure` trains nothing. The cards are written by hand and
stay; the figures printed here belong into them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.hardware import hardware
from playground.fields import Row
from playground.models.resolve import STARTERS_DIR
from playground.services import baselines, metrics
from playground.services.predict import predict_rows
from playground.settings import settings
from playground.tasks import get_task

RECIPES = Path(__file__).parent.parent / "examples" / "recipes"
FILES = ("adapter_model.safetensors", "adapter_config.json", "playground.json")
SHOWN_LABELS = {"sentiment-en": {"neg": "negative", "pos": "positive"}}
"""Labels of a dataset that are abbreviations, in words."""
BASELINES: dict[str, Callable[[list[Row], list[Row]], list[Any]]] = {
    "ner": lambda train, held_out: baselines.dictionary(train, held_out),
    "qa": lambda train, held_out: baselines.sliding_window(held_out),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [recipe.stem for recipe in sorted(RECIPES.glob("*.yaml"))]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--measure", action="store_true", help="train nothing")
    options = parser.parse_args()
    print(hardware())
    subprocess.run([sys.executable, "-m", "examples.recipes.prepare"], cwd=RECIPES.parent.parent, check=True)
    for name in options.names or names:
        if not options.measure:
            train(name)
        if (RECIPES / "build" / f"{name}.jsonl").exists():
            measure(name)


def train(name: str) -> None:
    """Follow a recipe to its end; what is measured in its held-out rows is printed."""
    call = [sys.executable, "-m", "playground", "finetune", str(RECIPES / f"{name}.yaml"), "--json"]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    print(name, json.dumps(result["report"]["metrics"]), json.dumps(result["report"]["intervals"]))
    install(settings().runs_dir / result["run"] / "model", name)


def install(model: Path, name: str) -> None:
    """Copy a run's model into its starter's folder, its labels in words."""
    folder = STARTERS_DIR / name
    folder.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copyfile(model / file, folder / file)
    description = json.loads((folder / "playground.json").read_text(encoding="utf-8"))
    words = SHOWN_LABELS.get(name, {})
    description["labels"] = [words.get(label, label) for label in description["labels"]]
    (folder / "playground.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def measure(name: str) -> None:
    """Scores of the starter as it is installed, beside the baseline's, on its recipe's held-out rows."""
    task = get_task("qa" if name.startswith("qa") else "ner")
    train, held_out = rows_of(name)
    gold = [row[task.output.name] for row in held_out]
    variants = {"held-out": held_out}
    if task.id == "ner":
        variants["lower-cased"] = [{**row, "text": row["text"].lower()} for row in held_out]
    found = {"baseline": BASELINES[task.id](train, held_out)}
    for variant, rows in variants.items():
        outputs = predict_rows(task.id, rows, model=f"starter/{name}")
        found[variant] = [task.output.compared(output) for output in outputs]
    for who, predicted in found.items():
        scores = metrics.score(task.metrics, gold, predicted)
        intervals = metrics.intervals(task.metrics, gold, predicted)
        told = (f"{key} {scores[key]:.3f} ({intervals[key][0]:.3f}-{intervals[key][1]:.3f})" for key in task.metrics)
        print(f"{name}, {who}, {len(gold)} rows: {', '.join(told)}")


def rows_of(name: str) -> tuple[list[Row], list[Row]]:
    """(training rows, held-out rows) of a prepared file, as the task has them."""
    lines = (RECIPES / "build" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        if "answers" in row:
            row["answer"] = [{"text": one["text"], "start": one["answer_start"]} for one in row.pop("answers")]
    return [row for row in rows if row["split"] == "train"], [row for row in rows if row["split"] == "held_out"]


if __name__ == "__main__":
    main()
