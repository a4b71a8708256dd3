"""Embeddings on a trunk that LoRA models use too, and classes that are named instead of learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from playground.errors import PlaygroundError
from playground.heads.embedding import embed
from playground.heads.loading import lease_model, lease_trunk, trunk_key
from playground.models.pool import pool
from playground.models.resolve import STARTERS_DIR, resolve
from playground.services.predict import predict

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
ZERO_SHOT = "starter/zero-shot-en"
TEXTS = ["The cat sleeps on the sofa.", "A feline is napping on the couch.", "Shares fell sharply on Monday. " * 60]


def test_embeddings_are_the_masked_means_of_the_plain_model() -> None:
    folder = resolve(MINILM).folder
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:  # one by one: without any padding
        with torch.no_grad():
            hidden = model(**tokenizer(text, truncation=True, max_length=64, return_tensors="pt")).last_hidden_state[0]
        expected.append(torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy())
    with lease_trunk(resolve(MINILM)) as trunk:
        found = embed(trunk, TEXTS, 64)
    assert found.shape == (3, 384) and found.dtype == np.float32
    assert np.allclose(found, np.stack(expected), atol=1e-5)
    assert found[0] @ found[1] > 0.6 > 0.2 > found[0] @ found[2]


def test_the_trunk_is_the_one_of_the_lora_models() -> None:
    assert trunk_key(resolve(ZERO_SHOT)) == trunk_key(resolve("starter/sentiment-en"))
    with lease_model("starter/sentiment-en") as (_, lora), lease_model(ZERO_SHOT) as (_, named):
        assert lora.trunk is named.trunk
        before = embed(named.trunk, TEXTS, 64)
    assert pool().keys().count(trunk_key(resolve(MINILM))[0]) == 1
    assert np.linalg.norm(before, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_nearest_label_wins_and_the_details_say_what_the_scores_are() -> None:
    found = predict(
        "classification",
        {
            "text": "The striker scored twice in the second half.",
            "candidate_labels": "cooking，sports、politics\nsports",
        },
        model=ZERO_SHOT,
        details=True,
    )
    output, details = found["output"], found["details"]
    assert output[0]["label"] == "sports" and {entry["label"] for entry in output} == {"cooking", "sports", "politics"}
    assert sum(entry["score"] for entry in output) == pytest.approx(1)
    cosines = {entry["label"]: entry["score"] for entry in details["cosines"]}
    scores = {entry["label"]: entry["score"] for entry in output}
    ratio = np.exp((cosines["sports"] - cosines["cooking"]) / details["temperature"])
    assert scores["sports"] / scores["cooking"] == pytest.approx(ratio)
    assert str(details["temperature"]) in details["scores"] and "{}" in details["template"]


def test_braces_in_a_label_are_only_text() -> None:
    inputs = {"text": "Goal!", "candidate_labels": ["{0.__class__}", "{}", "sports"]}
    assert predict("classification", inputs, model=ZERO_SHOT)[0]["label"] == "sports"


@pytest.mark.parametrize("labels", [None, "", "sports", "sports, sports ,", ",".join(map(str, range(151)))])
def test_too_few_or_too_many_labels_are_refused(labels: str | None) -> None:
    inputs = {"text": "Goal!"} if labels is None else {"text": "Goal!", "candidate_labels": labels}
    with pytest.raises(PlaygroundError) as caught:
        predict("classification", inputs, model=ZERO_SHOT)
    assert caught.value.code == "candidate_labels"


def test_other_models_take_no_labels() -> None:
    found = predict("classification", {"text": "Lovely.", "candidate_labels": "x"}, model="starter/sentiment-en")
    assert {entry["label"] for entry in found} == {"negative", "positive"}


@pytest.mark.parametrize("broken", [{"template": "no place"}, {"temperature": 0}, {"temperature": "warm"}])
def test_a_description_that_makes_no_sense_is_refused(broken: dict, tmp_path: Path) -> None:
    own = json.loads((STARTERS_DIR / "zero-shot-en" / "playground.json").read_text(encoding="utf-8"))
    (tmp_path / "playground.json").write_text(json.dumps({**own, **broken}), encoding="utf-8")
    with pytest.raises(PlaygroundError) as caught:
        predict("classification", {"text": "a", "candidate_labels": "x, y"}, model=str(tmp_path))
    assert caught.value.code == "bad_model_file"
