"""Train the embedded models again from their recipes, put them into playground/starters, and measure them.

`make starters`, with PLAYGROUND_DATA naming the data folder. Names choose some:
`python -m benchmarks.starters ner-en`; `--measure` trains nothing. Called again after an interruption it goes on
where it was: what is trained is not trained again while its recipe and its data are the same. The cards are written
by hand and stay; the figures printed here belong into them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from benchmarks.hardware import hardware
from benchmarks.witten_bell import WittenBell
from playground.cli.commands import follow
from playground.cli.parser import build_parser
from playground.cli.recipe import read_spec
from playground.fields import Row
from playground.heads.loading import lease_model
from playground.models.resolve import STARTERS_DIR
from playground.runs import LOCAL, SIDES
from playground.services import baselines, finetune, metrics
from playground.services.metrics import likelihood
from playground.services.predict import predict_rows
from playground.settings import settings
from playground.tasks import get_task

RECIPES = Path(__file__).parent.parent / "examples" / "recipes"
OURS = {"README.md", "README.zh.md"}
"""Cards are written by hand, and stay."""
SHOWN_LABELS = {
    "sentiment-en": {"neg": "negative", "pos": "positive"},
    "topic-zh": {
        "entertainment": "娱乐", "geography": "地理", "health": "健康", "politics": "政治",
        "science/technology": "科技", "sports": "体育", "travel": "旅游",
    },
}  # fmt: skip
"""Labels of a dataset that are abbreviations, or in another language than its texts, in words."""
BASELINES: dict[str, Callable[[list[Row], list[Row]], list[Any]]] = {
    "classification": lambda train, held_out: [most_frequent(train)] * len(held_out),
    "ner": lambda train, held_out: baselines.dictionary(train, held_out),
    "qa": lambda train, held_out: baselines.sliding_window(held_out),
    "translation": lambda train, held_out: baselines.nearest(train, held_out),
}
BY_CHARACTERS = {"sentiment-zh", "topic-zh"}
"""Starters that stand beside a naive Bayes classifier of characters, too."""


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
        measure(name)


def train(name: str) -> str:
    """Follow a recipe to its end; what is measured in its held-out rows is printed. Returns the run's id.

    A run of the same recipe and rows is gone on with where it stopped, and where it is done, taken as it is.
    """
    spec, paths = read_spec(build_parser("en").parse_args(["finetune", str(RECIPES / f"{name}.yaml")]))
    digest = hashlib.sha256((RECIPES / f"{name}.yaml").read_bytes())
    for path in paths:
        digest.update(path.read_bytes())
    mark = f"{name} {digest.hexdigest()}"
    known = next((view for view in finetune.runs(LOCAL) if view.note == mark), None)
    if known is None:
        run_id = finetune.start(spec, finetune.inspect(paths, spec.task, LOCAL).id, LOCAL)
        finetune.describe(run_id, LOCAL, note=mark)
    else:
        run_id = known.id
        if known.status.state in ("stopped", "failed"):
            finetune.resume(run_id, LOCAL)
    follow(run_id, "en")
    view = finetune.view(run_id, LOCAL)
    if view.status.state != "done":
        sys.exit(f"{name}: {view.status.state}; the same command goes on with it")
    assert view.report
    print(name, json.dumps(view.report["metrics"]), json.dumps(view.report["intervals"]))
    install(settings().runs_dir / run_id / "model", name)
    return run_id


def install(model: Path, name: str) -> None:
    """Copy a run's model into its starter's folder: its labels in words, the weights of a network in half precision."""
    folder = STARTERS_DIR / name
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in OURS:
            path.unlink()
    whole = (model / "config.json").exists()
    for path in model.iterdir():
        if path.name in OURS:
            continue
        if whole and path.suffix == ".safetensors":
            save_file(
                {key: value.half() for key, value in load_file(path).items()}, folder / path.name, {"format": "pt"}
            )
        else:
            shutil.copyfile(path, folder / path.name)
    description = json.loads((folder / "playground.json").read_text(encoding="utf-8"))
    words = SHOWN_LABELS.get(name, {})
    description["labels"] = [words.get(label, label) for label in description["labels"]]
    (folder / "playground.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def measure(name: str) -> None:
    """Scores of the starter as it is installed, beside the baseline's, on its recipe's held-out rows."""
    task = get_task(yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))["task"])
    train, held_out = rows_of(name)
    if task.id == "generation":
        measure_surprise(name, train, held_out)
        return
    variants = {"held-out": held_out}
    if task.id == "ner":
        variants["lower-cased"] = [{**row, "text": row["text"].lower()} for row in held_out]
    if task.id == "translation":
        variants = {f"{way[0]}-{way[1]}": [row for row in held_out if direction(row) == way] for way in WAYS}
    for variant, rows in variants.items():
        gold = [row[task.output.name] for row in rows]
        outputs = predict_rows(task.id, rows, model=f"starter/{name}")
        found = {"baseline": BASELINES[task.id](train, rows), name: [task.output.compared(one) for one in outputs]}
        if name in BY_CHARACTERS:
            found["naive Bayes"] = naive_bayes(train, rows)
        for who, predicted in found.items():
            print(f"{variant}, {who}, {len(gold)} rows: {told(task.metrics, gold, predicted)}")
        if task.id == "translation":
            for row, written in list(zip(rows, found[name], strict=True))[:SAMPLES]:
                print(f"  {row['text']} | {row['translation']} | {written}")


WAYS = (("en", "zh"), ("zh", "en"))
SAMPLES = 10


def told(names: Sequence[str], gold: list[Any], predicted: list[Any]) -> str:
    """Scores with their intervals."""
    scores, intervals = metrics.score(names, gold, predicted), metrics.intervals(names, gold, predicted)
    return ", ".join(f"{name} {scores[name]:.3f} ({intervals[name][0]:.3f}-{intervals[name][1]:.3f})" for name in names)


def direction(row: Row) -> tuple[str, str]:
    return row["source"], row["target"]


def most_frequent(train: list[Row]) -> str:
    return Counter(row["label"] for row in train).most_common(1)[0][0]


def naive_bayes(train: list[Row], held_out: list[Row]) -> list[str]:
    """Classes by how often single characters and pairs of them stand in each (scikit-learn's multinomial)."""
    counted = CountVectorizer(analyzer="char", ngram_range=(1, 2))
    model = make_pipeline(counted, MultinomialNB()).fit([row["text"] for row in train], [row["label"] for row in train])
    return list(map(str, model.predict([row["text"] for row in held_out])))


def measure_surprise(name: str, train: list[Row], held_out: list[Row]) -> None:
    """Bits per character of a language model on held-out texts, beside an order-6 Witten-Bell model's."""
    texts = [row["completion"] for row in held_out]
    simple = WittenBell([row["completion"] for row in train]).bits_per_character(texts)
    with lease_model(f"starter/{name}") as (head, loaded):
        marks = head.marks_of(loaded, held_out)
    found = likelihood.of_rows(held_out, "completion", marks, [0] * len(texts))
    print(f"{name}, {len(texts)} rows: {told(['bits_per_character'], texts, found)}; Witten-Bell {simple:.3f}")


def rows_of(name: str) -> tuple[list[Row], list[Row]]:
    """(training rows, held-out rows) of a recipe, as its fine-tune has them; labels as the starter calls them."""
    spec, paths = read_spec(build_parser("en").parse_args(["finetune", str(RECIPES / f"{name}.yaml")]))
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, PLAYGROUND_HOME=home):
        settings.cache_clear()
        ready = finetune.completed(spec, finetune.inspect(paths, spec.task, LOCAL).id, LOCAL)
        train, held_out = (list(ready.side(name)) for name in SIDES)
    settings.cache_clear()
    words = SHOWN_LABELS.get(name, {})
    rows = [[{**row, "label": words[row["label"]]} if words else row for row in part] for part in (train, held_out)]
    return rows[0], rows[1]


if __name__ == "__main__":
    main()
