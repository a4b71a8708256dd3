"""Template and temperature of starter/zero-shot-en: chosen on sib200's English dev set; its test set is read once.

`PLAYGROUND_DATA` names the data folder. The template decides by accuracy, the temperature by the
log-likelihood of the right labels; both stand in the starter's playground.json.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.hardware import hardware
from playground.heads.embedding import PLACE, embed
from playground.heads.loading import lease_trunk
from playground.models.resolve import resolve
from playground.services import metrics
from playground.services.predict import predict_rows

BASE = "sentence-transformers/all-MiniLM-L6-v2"
MODEL = "starter/zero-shot-en"
MAX_LENGTH = 256
TEMPLATES = (
    "{}",
    "{}.",
    "This text is about {}.",
    "This example is about {}.",
    "This is a text about {}.",
    "The topic of this text is {}.",
    "News about {}.",
    "An article about {}.",
    "An encyclopedia article about {}.",
    "A sentence about {}.",
    "It is about {}.",
)
TEMPERATURES = (0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)


def read(side: str) -> tuple[list[str], list[str]]:
    """(texts, gold labels) of a side of sib200 in English."""
    path = Path(os.environ["PLAYGROUND_DATA"]) / "train" / "sib200" / "eng_Latn" / f"{side}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def choose(texts: list[str], gold: list[str]) -> tuple[str, float]:
    """The template that is right most often, and the temperature under which the gold labels are likeliest."""
    labels = sorted(set(gold))
    right = np.array([labels.index(label) for label in gold])
    found: dict[str, np.ndarray] = {}
    with lease_trunk(resolve(BASE)) as trunk:
        read_texts = embed(trunk, texts, MAX_LENGTH)
        for template in TEMPLATES:
            found[template] = read_texts @ embed(trunk, [template.replace(PLACE, label) for label in labels], 64).T
            print(f"dev, {template!r}: accuracy {(found[template].argmax(1) == right).mean():.3f}")
    template = max(TEMPLATES, key=lambda one: (found[one].argmax(1) == right).mean())
    losses = {temperature: loss(found[template], right, temperature) for temperature in TEMPERATURES}
    for temperature, value in losses.items():
        print(f"dev, temperature {temperature:g}: log loss {value:.3f}")
    return template, min(losses, key=lambda temperature: losses[temperature])


def loss(cosines: np.ndarray, right: np.ndarray, temperature: float) -> float:
    """Mean negative log-likelihood of the right labels under a softmax of [N, C] cosines."""
    scaled = cosines / temperature
    scaled -= scaled.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(right)), right]))


def main() -> None:
    print(hardware())
    texts, gold = read("dev")
    template, temperature = choose(texts, gold)
    print(f"chosen on dev: {template!r}, temperature {temperature:g}")
    own = json.loads((resolve(MODEL).folder / "playground.json").read_text(encoding="utf-8"))
    if (own["template"], own["temperature"]) != (template, temperature):
        sys.exit(f"{MODEL} has others: its test is read once they agree")
    measure(*read("test"))


def measure(texts: list[str], gold: list[str]) -> dict[str, float]:
    """The starter's scores, as the app answers; printed, too."""
    labels = sorted(set(gold))
    rows = [{"text": text, "candidate_labels": labels} for text in texts]
    found = predict_rows("classification", rows, model=MODEL)
    predicted = [scores[0]["label"] for scores in found]
    scores = metrics.score(("accuracy", "macro_f1"), gold, predicted)
    intervals = metrics.intervals(("accuracy", "macro_f1"), gold, predicted)
    for name, value in scores.items():
        print(
            f"test, {MODEL}, {len(gold)} rows: {name} {value:.3f} ({intervals[name][0]:.3f}-{intervals[name][1]:.3f})"
        )
    return scores


if __name__ == "__main__":
    main()
