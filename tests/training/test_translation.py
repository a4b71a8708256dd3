"""A whole run of a Marian with LoRA: trained, verified by PEFT and by the pool, scored beside its baselines, used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, MarianMTModel

from playground.errors import PlaygroundError
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.predict import predict
from playground.tasks import get_task

from ..heads.writers import CHINESE, ENGLISH, marian
from .conftest import finished, playground_home

PAIRS = 4
HELD_OUT = 8
ROWS = [
    {"text": ENGLISH[number % PAIRS], "source": "en", "target": "zh", "translation": CHINESE[(number + 1) % PAIRS]}
    for number in range(60)
]
"""A few pairs again and again, each with another translation than the base has learned."""


def taught(folder: Path) -> Path:
    """A base that knows its pairs: LoRA cannot teach frozen random vectors."""
    marian(folder, scale=0.2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder)
    batch = tokenizer(ENGLISH[:PAIRS], text_target=CHINESE[:PAIRS], padding=True, return_tensors="pt")
    batch["labels"] = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("translation"), monkeypatch) as home:
        base = taught(home / "base")
        training = TrainingParams.model_validate(
            {
                "epochs": 40, "batch_size": 8, "learning_rate": 1e-2, "warmup_ratio": 0.1, "weight_decay": 0.0,
                "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 48, "held_out": 0.2, "seed": 1,
            }
        )  # fmt: skip
        spec = RunSpec(task="translation", data="made.tsv", base=str(base), labels=[], training=training)
        yield finished(home, spec, ROWS, HELD_OUT)
    monkeypatch.undo()


@pytest.fixture
def report(run: Run) -> dict[str, Any]:
    found = run.report()
    assert found
    return found


def test_it_learns_and_is_scored_beside_its_baselines(report: dict[str, Any]) -> None:
    assert set(report["metrics"]) == {"tuned", "before", *get_task("translation").baselines}
    assert all({"gold", "before", "tuned"} <= set(sample) for sample in report["samples"])
    assert all({"chrf", "bleu"} <= set(scores) for scores in report["metrics"].values())
    assert report["metrics"]["tuned"]["chrf"] > report["metrics"]["copy_source"]["chrf"]
    assert report["metrics"]["tuned"]["chrf"] > 0.5, report["metrics"]


def test_the_saved_adapter_gives_the_same_marks_both_ways(report: dict[str, Any]) -> None:
    assert report["verified"]
    assert report["verification"]["ways"] == ["peft", "pool"]
    assert report["verification"]["rows"] == HELD_OUT


def test_the_held_out_loss_falls(run: Run) -> None:
    curve = [row["held_out_loss"] for row in run.metrics() if "held_out_loss" in row]
    assert len(curve) >= 5 and curve[-1] < curve[0] / 2, curve


def test_the_adapter_is_a_standard_one(run: Run) -> None:
    told = next(event["message"] for event in run.events() if event["message"]["key"] == "event.lora_targets")
    assert told["values"] == {
        "architecture": "MarianMTModel", "targets": ["fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj"]
    }  # fmt: skip
    config = json.loads((run.model_dir / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["task_type"] == "SEQ_2_SEQ_LM" and not config["modules_to_save"]
    assert config["base_model_name_or_path"] == run.spec().base
    found = resolve(f"run/{run.id}")
    assert (found.kind, found.head, found.task, found.max_length) == ("adapter", "seq2seq", "translation", 48)
    assert found.directions == (("en", "zh"),)
    assert "pipeline_tag: translation\n" in (run.model_dir / "README.md").read_text(encoding="utf-8")


def test_the_reloaded_model_says_what_the_report_shows(run: Run, report: dict[str, Any]) -> None:
    for sample in report["samples"][:3]:
        output = predict("translation", sample["inputs"], model=f"run/{run.id}")
        assert output["translation_text"] == sample["tuned"]
    with pytest.raises(PlaygroundError, match="from English into Chinese, not from Chinese into English"):
        predict("translation", {"text": "我爱你。", "source": "zh", "target": "en"}, model=f"run/{run.id}")
