"""Whole runs of networks from nothing: train, verify, report, card, use; in real processes, on small data."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.fields import Row
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.predict import predict
from playground.tasks import get_task

from .conftest import finished, playground_home
from .test_tasks import HELD_OUT, entity_rows

PHRASEBOOK = Path(__file__).parents[2] / "examples/datasets/translation/phrasebook-en-zh.tsv"


def review_rows() -> list[Row]:
    """Reviews whose one telling word decides."""
    words = {"good": ("lovely", "superb", "splendid"), "bad": ("awful", "dreadful", "horrid")}
    return [
        {"text": f"The {thing} was {word} on day {number}.", "label": label}
        for number in range(10)
        for thing in ("soup",)
        for label, tells in words.items()
        for word in tells
    ]


def pairs() -> list[Row]:
    """Twelve pairs of the phrasebook, again and again: what a network must be able to learn by heart."""
    with PHRASEBOOK.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1 : 1 + HELD_OUT]
    return [
        {"text": text, "source": source, "target": target, "translation": translation}
        for english, chinese, *_ in rows * 5
        for text, source, target, translation in ((english, "en", "zh", chinese), (chinese, "zh", "en", english))
    ]


CASES: dict[str, tuple[str, list[Row], list[str]]] = {
    "scratch/bag": ("classification", review_rows(), ["bad", "good"]),
    "scratch/mlp": ("classification", review_rows(), ["bad", "good"]),
    "scratch/bilstm": ("ner", entity_rows(), ["LOC", "PER"]),
    "scratch/transformer": ("classification", review_rows(), ["bad", "good"]),
    "scratch/seq2seq": ("translation", pairs(), []),
}
LEAST = {"scratch/seq2seq": 0.5}
"""What the deciding metric comes to at least; 0.9 where nothing else is said."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("scratch"), monkeypatch) as home:
        yield home
    monkeypatch.undo()


SLOW = ("scratch/mlp", "scratch/bilstm", "scratch/transformer", "scratch/seq2seq")


def marked(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


@pytest.fixture(scope="module", params=marked(CASES))
def run(request: pytest.FixtureRequest, home: Path) -> Run:
    """A run of the network that was trained to its end."""
    task, rows, labels = CASES[request.param]
    numbers = {
        "epochs": 80 if task == "translation" else 30, "batch_size": 8, "warmup_ratio": 0.1,
        "learning_rate": 1e-3 if task == "translation" else 3e-3,
        "weight_decay": 0.0, "lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "max_length": 32, "held_out": 0.2,
        "hidden_size": 64, "layers": 1, "dropout": 0.1, "seed": 1,
    }  # fmt: skip
    training = TrainingParams.model_validate(numbers)
    spec = RunSpec(task=task, data="made.jsonl", base=request.param, method="scratch", labels=labels, training=training)
    return finished(home, spec, rows, HELD_OUT)


def test_it_learns_and_its_saved_copy_answers_alike(run: Run) -> None:
    report, spec = run.report(), run.spec()
    assert report
    metric = get_task(spec.task).metrics[0]
    assert report["metrics"]["tuned"][metric] >= LEAST.get(spec.base, 0.9), report["metrics"]
    assert report["verification"]["ways"] == ["pool"]
    assert set(report["metrics"]) == {"tuned", *get_task(spec.task).baselines}


def test_it_is_a_whole_model_with_a_vocabulary_of_its_own(run: Run) -> None:
    found = resolve(f"run/{run.id}")
    assert (found.kind, found.base, found.task) == ("model", "", run.spec().task)
    names = {path.name for path in run.model_dir.iterdir()}
    assert {"config.json", "tokenizer.json", "playground.json", "README.md", "README.zh.md"} <= names
    assert all(path.stat().st_size < 10**7 for path in run.model_dir.glob("*.safetensors"))
    assert run.spec().base in (run.model_dir / "README.md").read_text(encoding="utf-8").replace("\\", "")


def test_the_tab_uses_it_as_any_other_model(run: Run) -> None:
    report = run.report()
    assert report
    for sample in report["samples"][:4]:
        output = predict(run.spec().task, sample["inputs"], model=f"run/{run.id}")
        compared = get_task(run.spec().task).output.compared(output)
        if run.spec().task == "ner":
            text = sample["inputs"]["text"]
            compared = [{"text": text[span["start"] : span["end"]], "label": span["label"]} for span in compared]
        assert json.dumps(compared, ensure_ascii=False) == json.dumps(sample["tuned"], ensure_ascii=False)
