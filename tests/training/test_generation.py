"""Whole runs of language models: LoRA on prompts and completions, and a network from nothing on texts alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.fields import Row
from playground.heads.causal_lm import Writer
from playground.heads.generating import Bounds
from playground.heads.loading import lease_model
from playground.models.resolve import resolve
from playground.runs import Run, RunSpec, TrainingParams
from playground.services.evaluate import evaluate
from playground.tasks.generation import TASK, Params
from tests.heads.language_models import model_of, tokenizer_of

from .conftest import finished, playground_home

HELD_OUT = 12
SOUNDS = {"cat": "meow", "dog": "woof", "cow": "moo", "duck": "quack", "owl": "hoot"}
GREEDY = Params(temperature=0, max_new_tokens=30)


def questions() -> list[Row]:
    """Sixty prompts that differ in what does not matter."""
    return [
        {"text": f"On day {number // 5} the {animal} says", "completion": f"{sound}."}
        for number, (animal, sound) in enumerate(list(SOUNDS.items()) * 12)
    ]


def stories() -> list[Row]:
    """Texts without prompts, some longer than a window."""
    return [
        {"completion": f"The {animal} said: {sound}! " * (1 + 3 * (number % 5 == 0)) + f"That was day {number}."}
        for number, (animal, sound) in enumerate(list(SOUNDS.items()) * 12)
    ]


def chats() -> list[Row]:
    """Conversations of two answers each."""
    pairs = list(SOUNDS.items()) * 12
    return [
        {
            "messages": [
                {"role": "user", "content": f"What says the {animal}?"},
                {"role": "assistant", "content": f"{sound}."},
                {"role": "user", "content": f"And the {other}?"},
            ],
            "completion": f"{said}.",
        }
        for (animal, sound), (other, said) in zip(pairs, [*pairs[7:], *pairs[:7]], strict=True)
    ]


@dataclass
class Case:
    kind: str
    method: str
    base: str
    rows: list[Row]
    numbers: dict[str, Any]


def tiny_gpt2(folder: Path) -> Path:
    """Its embeddings, which LoRA leaves alone and the output layer shares, are wide enough to be certain by."""
    torch.manual_seed(0)
    tokenizer = tokenizer_of("gpt2")
    model = model_of("gpt2", tokenizer)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("generation"), monkeypatch) as home:
        yield home
    monkeypatch.undo()


def marked(*names: str) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.fixture(scope="module", params=["prompts", *marked("texts", "chats")])
def case(request: pytest.FixtureRequest, home: Path) -> Case:
    if request.param == "prompts":
        numbers = {"learning_rate": 1e-2, "epochs": 40, "max_length": 64}
        return Case("prompts", "lora", str(tiny_gpt2(home / "gpt2")), questions(), numbers)
    sizes = {"hidden_size": 64, "layers": 1, "dropout": 0.0, "vocab_size": 600}
    rows = stories() if request.param == "texts" else chats()
    return Case(request.param, "scratch", "scratch/gpt", rows, {"learning_rate": 5e-3, "max_length": 32, **sizes})


@pytest.fixture(scope="module")
def run(case: Case, home: Path) -> Run:
    """A run that was trained to its end."""
    numbers = {
        "epochs": 25, "batch_size": 8, "warmup_ratio": 0.1, "weight_decay": 0.0, "lora_r": 8, "lora_alpha": 16,
        "lora_dropout": 0.0, "held_out": 0.2, "seed": 1,
    }  # fmt: skip
    training = TrainingParams.model_validate({**numbers, **case.numbers})
    spec = RunSpec(task="generation", data="made.jsonl", base=case.base, method=case.method, training=training)
    return finished(home, spec, case.rows, HELD_OUT)


@pytest.fixture
def report(run: Run) -> dict[str, Any]:
    found = run.report()
    assert found
    return found


def write(run: Run, row: Row) -> tuple[str, str]:
    """(what the run's model writes, why it ended)."""
    with lease_model(f"run/{run.id}") as (_, loaded):
        assert isinstance(loaded, Writer)
        *_, found = loaded.stream(row, GREEDY, Bounds(GREEDY.max_new_tokens, 60))
    return found.output["generated_text"], found.details["ended"]


def test_the_saved_model_finds_texts_as_likely_as_the_trained_one(case: Case, report: dict[str, Any]) -> None:
    assert report["verified"]
    assert report["verification"]["ways"] == (["peft", "pool"] if case.method == "lora" else ["pool"])
    assert report["verification"]["rows"] == HELD_OUT == report["rows"]["held_out"]


def test_it_is_less_surprised_than_counts_and_than_the_base_was(case: Case, report: dict[str, Any]) -> None:
    rivals = ["unigram", "before"] if case.method == "lora" else ["unigram"]
    assert [who for who in report["metrics"] if who != "tuned"] == rivals
    assert report["lower_is_better"] == list(TASK.metrics) == list(report["metrics"]["tuned"])
    for metric in TASK.metrics:
        tuned = report["metrics"]["tuned"][metric]
        low, high = report["intervals"]["tuned"][metric]
        assert low <= tuned <= high
        for rival in rivals:
            assert high < report["intervals"][rival][metric][0], (metric, rival)


def test_the_reloaded_model_comes_to_the_reports_numbers(case: Case, run: Run, report: dict[str, Any]) -> None:
    rows = case.rows[:HELD_OUT]
    with lease_model(f"run/{run.id}") as (head, loaded):
        marks = head.marks_of(loaded, rows)
    nats, tokens = -sum(float(values.sum()) for values in marks), sum(map(len, marks))
    said = [[turn["content"] for turn in row.get("messages", []) if turn["role"] == "assistant"] for row in rows]
    texts = [text for row, before in zip(rows, said, strict=True) for text in (*before, row["completion"])]
    breaks = HELD_OUT if case.kind == "prompts" else 0  # a completion begins on a line of its own
    characters = sum(map(len, texts)) + breaks
    assert report["metrics"]["tuned"]["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-3)
    assert report["metrics"]["tuned"]["bits_per_character"] == pytest.approx(nats / math.log(2) / characters, rel=1e-3)
    tokenizer = tokenizer_of("gpt2") if case.method == "lora" else loaded.trunk.tokenizer
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    assert tokens == sum(map(len, ids)) + len(texts) + breaks, "every token once, and the end of each text"


def test_a_file_of_the_same_rows_is_scored_alike(case: Case, run: Run, report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = case.rows[:HELD_OUT]
    if case.kind == "chats":  # a file has whole conversations
        rows = [{"messages": [*r["messages"], {"role": "assistant", "content": r["completion"]}]} for r in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = evaluate(f"run/{run.id}", path, task_id="generation")
    assert found["rows"] == HELD_OUT
    assert found["metrics"] == pytest.approx(report["metrics"]["tuned"], rel=1e-3)
    assert all(low <= found["metrics"][name] <= high for name, (low, high) in found["intervals"].items())


def test_the_tuned_model_stops_by_itself(case: Case, run: Run, report: dict[str, Any]) -> None:
    if case.kind == "chats":
        for animal, sound in SOUNDS.items():
            asked = f"What says the {animal}?"
            row: Row = {"messages": [{"role": "user", "content": asked}]}
            assert write(run, row) == (f"{sound}.", "eos") == write(run, {"text": asked})
    elif case.kind == "prompts":
        found = [write(run, {"text": f"On day 3 the {animal} says"}) for animal in SOUNDS]
        assert [ended for _, ended in found] == ["eos"] * len(SOUNDS)
        # LoRA on a random base learns what little such a base tells apart.
        right = [text == f"\n{sound}." for (text, _), sound in zip(found, SOUNDS.values(), strict=True)]
        assert sum(right) >= 3, found
    else:
        text, ended = write(run, {"text": "The cow said:"})
        assert text.startswith(" moo!")
        assert ended == "eos"


def test_the_report_shows_what_is_right_beside_what_was_written(case: Case, run: Run, report: dict[str, Any]) -> None:
    written = [sample for sample in report["samples"] if sample["outcome"] == "written"]
    assert len(written) == 10
    for sample in written:
        if case.kind == "chats":
            assert sample["inputs"]["messages"].splitlines()[1].startswith("assistant: ")
            continue
        assert sample["inputs"]["text"] and sample["gold"]
        assert write(run, {"text": sample["inputs"]["text"]})[0][:60] == sample["tuned"][:60]
        if case.kind == "texts":
            assert f"{sample['inputs']['text']}{sample['gold']}" in {row["completion"] for row in case.rows}


def test_the_curve_is_of_the_loss_and_falls(run: Run) -> None:
    curve = [row["held_out_loss"] for row in run.metrics() if "held_out_loss" in row]
    assert len(curve) >= 5
    assert curve[-1] < curve[0]


def test_the_card_says_what_it_is(run: Run, report: dict[str, Any]) -> None:
    text = (run.model_dir / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation\n" in text
    assert f"{report['metrics']['tuned']['perplexity']:.3f}" in text
    assert json.loads((run.model_dir / "playground.json").read_text())["head"] == "causal_lm"
    assert resolve(f"run/{run.id}").kind == ("adapter" if "adapter" in str(list(run.model_dir.iterdir())) else "model")
