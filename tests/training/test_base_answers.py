"""The base in the scorecard: it is asked where it does the task by a head of its own that knows the labels."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    PreTrainedModel,
)

from playground.fields import Row
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve
from playground.runs import RunSpec, TrainingParams, create_run
from playground.services.predict import predict_rows
from playground.settings import settings
from playground.tasks import get_task
from playground.training import baselines
from playground.training.job import Job
from playground.training.progress import Progress
from playground.training.stopping import Stop
from playground.training.threads import Threads

ROWS: dict[str, list[Row]] = {
    "classification": [{"text": f"a fine day {number}", "label": "pos"} for number in range(5)],
    "ner": [{"text": f"Anna moved to Rome in {1900 + number}", "entities": []} for number in range(5)],
    "qa": [{"question": "Who?", "context": f"Anna came, then {number} others.", "answer": []} for number in range(5)],
}
LABELS = {"classification": ["neg", "pos"], "ner": ["LOC", "PER"], "qa": []}
OUTPUTS = {"classification": ["pos", "other", "neg"], "ner": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], "qa": []}
"""Of the bases: in another order than the data's labels, and more of them."""
HEADS: dict[str, type[PreTrainedModel]] = {
    "classification": BertForSequenceClassification,
    "ner": BertForTokenClassification,
    "qa": BertForQuestionAnswering,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    on_term = signal.getsignal(signal.SIGTERM)  # Stop takes it
    yield tmp_path
    signal.signal(signal.SIGTERM, on_term)
    settings.cache_clear()


def base(folder: Path, kind: type[PreTrainedModel], outputs: list[str]) -> str:
    """A small BERT with random weights."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("sentence-transformers/all-MiniLM-L6-v2"))
    named = {"id2label": dict(enumerate(outputs)), "num_labels": len(outputs)} if outputs else {}
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes, **named)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def job(home: Path, task: str, folder: str, labels: list[str]) -> Job:
    numbers = {
        "epochs": 1, "batch_size": 4, "learning_rate": 1e-3, "warmup_ratio": 0.1, "weight_decay": 0.0, "lora_r": 4,
        "lora_alpha": 8, "lora_dropout": 0.0, "max_length": 32, "held_out": 0.2, "seed": 1,
    }  # fmt: skip
    spec = RunSpec(
        task=task, data="x.jsonl", base=folder, labels=labels, training=TrainingParams.model_validate(numbers)
    )
    run = create_run(home / "runs", spec)
    run.write_status(run.status())
    return Job(
        run=run, spec=spec, task=get_task(task), base=resolve(folder), train=ROWS[task], held_out=ROWS[task],
        progress=Progress(run), stop=Stop(run), threads=Threads(home / "in_use"),
    )  # fmt: skip


@pytest.mark.parametrize("task", HEADS)
def test_a_base_with_a_head_for_the_task_is_asked(home: Path, tmp_path: Path, task: str) -> None:
    folder = base(tmp_path / "base", HEADS[task], OUTPUTS[task])
    found = baselines.measure_base(job(home, task, folder, LABELS[task]))
    output = get_task(task).output
    assert found == [output.compared(one) for one in predict_rows(task, ROWS[task], model=folder)]


@pytest.mark.parametrize(
    ("task", "kind", "outputs"),
    [
        ("classification", BertModel, []),
        ("classification", BertForSequenceClassification, ["pos", "other"]),
        ("ner", BertForTokenClassification, ["O", "B-PER", "I-PER"]),
        ("qa", BertForTokenClassification, ["O", "B-PER"]),
    ],
)
def test_one_without_such_a_head_or_without_the_labels_is_not(
    home: Path, tmp_path: Path, task: str, kind: type[PreTrainedModel], outputs: list[str]
) -> None:
    folder = base(tmp_path / "base", kind, outputs)
    assert baselines.measure_base(job(home, task, folder, LABELS[task])) is None
