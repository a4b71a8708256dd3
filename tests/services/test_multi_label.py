"""Models that give several labels: of ours and of the Hub, asked, scored and run over a file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from playground.data import read, rows_of
from playground.fields import Row
from playground.heads.loading import lease_trunk
from playground.heads.multi_label_probe import HEAD as PROBE
from playground.models.files import load_tokenizer
from playground.models.resolve import describe, resolve
from playground.services import batch
from playground.services.evaluate import evaluate
from playground.services.predict import predict, task_for
from playground.tasks import get_task
from tests.services.test_batch import begun, done, saved
from tests.ui.server import ROOT

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
HOTEL = ROOT / "examples/datasets/multi_label/hotel-comments.csv"
LABELS = ["food", "location", "price", "room", "staff"]
TEXT = "The waiter was rude, and the soup was cold."

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    table = read(HOTEL, directory=tmp_path_factory.mktemp("table"))
    return list(rows_of(table, {"text": ["comment"], "labels": ["topics"]}, get_task("multi_label").fields))


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> str:
    """A probe of all rows of the example, as a model's folder."""
    folder, base = tmp_path_factory.mktemp("several"), resolve(MINILM)
    with lease_trunk(base) as trunk:
        fitted = PROBE.fit(PROBE.embed(trunk, rows, 64), LABELS, rows)
    PROBE.save(fitted, folder, task="multi_label", labels=LABELS, base=base, max_length=64)
    return str(folder)


def test_each_label_is_scored_for_itself(probe: str) -> None:
    told = predict("classification", {"text": TEXT}, model=probe, details=True)
    scores = {found["label"]: found["score"] for found in told["output"]}
    assert sum(scores.values()) > 1.1, "no softmax"
    assert sorted(told["details"]["applying"]) == [label for label in LABELS if scores[label] >= 0.5]
    assert set(told["details"]["applying"]) == {"food", "staff"}
    few = predict("classification", {"text": TEXT}, model=probe, params={"top_k": 1})
    assert {found["label"] for found in few} == {"food", "staff"}, "all that apply, whatever top_k"


def test_its_own_file_is_scored_as_the_task_it_learned(probe: str) -> None:
    found = evaluate(probe, HOTEL)
    assert found["task"] == task_for(probe).id == "multi_label"
    assert set(found["metrics"]) == {"micro_f1", "labels_macro_f1", "exact_set"}
    assert found["metrics"]["micro_f1"] > 0.9, "it has seen these rows"
    assert {row["label"] for row in found["per_type"]} == set(LABELS)


def test_a_file_gets_a_list_of_labels_a_row_and_a_score(probe: str, tmp_path: Path, rows: list[Row]) -> None:
    batch_id = begun(HOTEL, model=probe, columns={"text": ["comment"], "label": ["topics"]})
    status = done(batch_id)
    assert status.state == "done" and status.score and status.score["metrics"]["micro_f1"] > 0.9
    written = saved(batch_id, tmp_path / "out.jsonl")
    told = predict("classification", {"text": rows[0]["text"]}, model=probe, details=True)["details"]
    assert written[0]["predicted_labels"] == sorted(told["applying"]) == ["room"]
    assert [view.id for view in batch.batches("local", "classification")] == [batch_id]
    command = batch.command(batch.view(batch_id, "local").spec)
    assert "predict classification --file" in command and "--map label=topics" in command


def test_a_whole_model_of_the_hub_that_is_made_so(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve(MINILM))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        id2label={0: "joy", 1: "anger", 2: "awe"}, problem_type="multi_label_classification",
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert describe("x", tmp_path).head == "multi_label"
    found = predict("classification", {"text": TEXT}, model=str(tmp_path))
    with torch.no_grad():
        expected = model(**tokenizer(TEXT, return_tensors="pt")).logits[0].sigmoid().tolist()
    scores = {one["label"]: one["score"] for one in found}
    assert [scores[label] for label in ("joy", "anger", "awe")] == pytest.approx(expected, abs=1e-5)


def test_the_csv_of_labels_is_safe(probe: str, tmp_path: Path) -> None:
    with saved_csv(probe, tmp_path).open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.DictReader(file))
    assert first["predicted_labels"] == '["room"]'


def saved_csv(probe: str, folder: Path) -> Path:
    batch_id = begun(HOTEL, model=probe, columns={"text": ["comment"]})
    done(batch_id)
    batch.save(batch_id, "local", folder / "out.csv", "csv", "en")
    return folder / "out.csv"
