"""All weights of a base: a small encoder, a language model, and networks of one's own that go on learning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads import get_head
from playground.heads.fitting import output_layer
from playground.heads.tunable import TunableHead
from playground.models.resolve import resolve
from playground.runs import Method, Run, RunSpec, TrainingParams
from playground.services import finetune
from playground.tasks import get_task

from .conftest import event_keys, finished, playground_home
from .test_generation import questions, tiny_gpt2
from .test_scratch import review_rows
from .test_tasks import HELD_OUT, entity_rows, small_bert


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("full"), monkeypatch) as home:
        yield home
    monkeypatch.undo()


def trained(
    home: Path, task: str, base: str, rows: list[Row], labels: list[str], method: Method = "full", **numbers: Any
) -> Run:
    """A run of these rows, the first of them held out, that was trained to its end."""
    numbers = {
        "epochs": 10, "batch_size": 8, "learning_rate": 2e-3, "warmup_ratio": 0.1, "weight_decay": 0.0, "lora_r": 4,
        "lora_alpha": 8, "lora_dropout": 0.0, "max_length": 64, "held_out": 0.2, "seed": 1, **numbers,
    }  # fmt: skip
    training = TrainingParams.model_validate(numbers)
    spec = RunSpec(task=task, data="made.jsonl", base=base, method=method, labels=labels, training=training)
    return finished(home, spec, rows, HELD_OUT)


def report_of(run: Run) -> dict[str, Any]:
    found = run.report()
    assert found and found["verified"] and found["verification"]["ways"] == ["pool"]
    return found


def weights(folder: Path) -> dict[str, Any]:
    return {name: value for path in folder.glob("*.safetensors") for name, value in load_file(path).items()}


@pytest.mark.slow
def test_an_encoder_s_own_weights_learn_and_it_is_saved_whole(home: Path) -> None:
    base = small_bert(home / "small-bert")
    run = trained(home, "ner", str(base), entity_rows(), ["LOC", "PER"])
    assert report_of(run)["metrics"]["tuned"]["entity_f1"] > 0.9
    found = resolve(f"run/{run.id}")
    assert (found.kind, found.base, found.head) == ("model", "", "token_classification")
    before, after = weights(base), weights(found.folder)
    assert all((after["bert." + name] != value).any() for name, value in before.items() if "layer.0" in name)
    told = {event["message"]["key"]: event["message"]["values"] for event in run.events()}
    assert told["event.all_weights"] == {"count": sum(value.numel() for value in after.values())}
    assert "event.lora_targets" not in event_keys(run)
    card = (run.model_dir / "README.md").read_text(encoding="utf-8")
    assert "library_name: transformers" in card and f"base_model: {base}" in card


@pytest.mark.slow
def test_what_a_language_model_said_before_is_read_off_its_base(home: Path) -> None:
    base = tiny_gpt2(home / "gpt2")
    run = trained(home, "generation", str(base), questions(), [], epochs=20)
    scores = report_of(run)["metrics"]
    assert scores["tuned"]["perplexity"] < 2 < 50 < scores["before"]["perplexity"]
    sample = report_of(run)["samples"][0]
    assert sample["before"] != sample["tuned"]


@pytest.mark.slow
def test_a_network_of_one_s_own_goes_on_from_what_it_knows(home: Path) -> None:
    """With the same labels its output layer stays; other labels get another one."""
    sizes: dict[str, Any] = {"hidden_size": 64, "layers": 1, "dropout": 0.1}
    rows, task = review_rows(), get_task("classification")
    first = trained(home, task.id, "scratch/transformer", rows, ["bad", "good"], "scratch", epochs=30, **sizes)
    own = f"run/{first.id}"
    starters = finetune.further_bases(task, "full", "another")
    assert finetune.further_bases(task, "full", "local") == [*starters, own]
    assert all(name.startswith("starter/") for name in starters)
    assert not finetune.further_bases(task, "scratch", "local")
    assert "starter/translate-en-zh" in finetune.further_bases(get_task("translation"), "lora", "local")
    scores = report_of(first)["metrics"]["tuned"]
    hardly = trained(home, task.id, own, rows, ["bad", "good"], learning_rate=1e-6, epochs=1)
    assert report_of(hardly)["metrics"]["tuned"] == pytest.approx(scores)

    head, base = get_head("sequence_classification"), resolve(own)
    assert isinstance(head, TunableHead)
    assert head.knows(base, ["bad", "good"]) and not head.knows(base, ["good", "bad"])
    for lora in (None, TrainingParams(lora_r=4)):
        model, _ = head.new_model(base, ["bad", "good", "so-so"], lora)
        assert output_layer(model).out_features == 3


TINY: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "pad_token_id": 0
}  # fmt: skip
SEVERAL = "multi_label_classification"
BEFORE = [
    ("bert", {"num_labels": 3, "problem_type": SEVERAL}),
    ("deberta-v2", {"num_labels": 2}),
    ("modernbert", {"num_labels": 1, "problem_type": "regression"}),
    ("qwen2", {"num_labels": 2, "num_key_value_heads": 4, "pad_token_id": None}),
    ("roberta", {"num_labels": 2, "problem_type": SEVERAL, "max_position_embeddings": 80}),
    ("distilbert", {"num_labels": 5, "dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}),
]
"""Families of classifiers, some with more to their heads than a classifier, and what these were made for."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "made"),
    BEFORE,
    ids=[family for family, _ in BEFORE],
)
def test_what_a_classifier_said_before_does_not_matter_to_other_labels(
    home: Path, family: str, made: dict[str, Any]
) -> None:
    """Whether that were several labels, a number, or as many of one that are called otherwise."""
    folder = small_bert(home / f"classifier-{family}")
    vocabulary = BertConfig.from_pretrained(folder).vocab_size
    config = AutoConfig.for_model(family, **{**TINY, "vocab_size": vocabulary, **made})
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    run = trained(
        home, "classification", str(folder), review_rows(), ["bad", "good"], "lora", epochs=15, learning_rate=1e-2
    )
    found = resolve(f"run/{run.id}")
    assert (found.head, found.labels) == ("sequence_classification", ("bad", "good"))
    report = run.report()
    assert report and report["verified"] and report["metrics"]["tuned"]["accuracy"] >= 0.7


@pytest.mark.parametrize(("family", "fits"), [("bert", True), ("t5", False)])
def test_a_classifier_learns_to_answer_questions_or_its_family_is_refused(home: Path, family: str, fits: bool) -> None:
    folder = small_bert(home / f"nli-{family}")
    vocabulary = BertConfig.from_pretrained(folder).vocab_size
    sizes = TINY if fits else {"d_model": 64, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 4}
    config = AutoConfig.for_model(family, **{**sizes, "vocab_size": vocabulary, "num_labels": 3})
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    head = get_head("extractive_qa")
    assert isinstance(head, TunableHead)
    if fits:
        model, _ = head.new_model(resolve(str(folder)), [], TrainingParams(lora_r=4))
        assert output_layer(model).out_features == 2
        return
    with pytest.raises(PlaygroundError) as refusal:
        head.new_model(resolve(str(folder)), [], TrainingParams(lora_r=4))
    assert refusal.value.code == "family_without_head"


def test_a_body_that_does_not_fit_its_configuration_is_refused(home: Path) -> None:
    """Its layers would begin at random, and nobody would be told."""
    folder = small_bert(home / "broken-bert")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 32}), encoding="utf-8")
    head = get_head("sequence_classification")
    assert isinstance(head, TunableHead)
    with pytest.raises(PlaygroundError) as refusal:
        head.new_model(resolve(str(folder)), ["bad", "good"], None)
    assert refusal.value.code == "model_unloadable" and "bert.encoder.layer.0" in str(refusal.value.message.values)
