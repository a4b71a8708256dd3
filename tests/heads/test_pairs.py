"""Two texts that are compared: read as the tokenizer reads pairs, learned from, and told apart by their order."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from playground.fields import Row
from playground.heads.linear_probe import HEAD as PROBE
from playground.heads.loading import lease_trunk
from playground.heads.scratch import Sizes, architecture, choose_sizes, new_model, new_tokenizer
from playground.heads.sequence_classification import HEAD
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve
from playground.services.predict import predict

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
FIRST, SECOND = "A man plays the flute.", "Somebody makes music."


def test_a_pair_is_one_window_with_two_segments() -> None:
    tokenizer = load_tokenizer(resolve(MINILM))
    pair, alone = HEAD.windows(tokenizer, [{"text": FIRST, "text_pair": SECOND}, {"text": FIRST, "text_pair": ""}], 64)
    assert pair.features == dict(tokenizer(FIRST, SECOND)) and set(pair.features["token_type_ids"]) == {0, 1}
    assert alone.features == dict(tokenizer(FIRST))
    (cut,) = HEAD.windows(tokenizer, [{"text": FIRST * 9, "text_pair": SECOND * 9}], 32)
    assert len(cut.features["input_ids"]) == 32 and set(cut.features["token_type_ids"]) == {0, 1}


def test_a_whole_model_is_asked_with_both(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve(MINILM))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        id2label={0: "same", 1: "other"},
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = predict("classification", {"text": FIRST, "text_pair": SECOND}, model=str(tmp_path))
    with torch.no_grad():
        logits = model(**tokenizer(FIRST, SECOND, return_tensors="pt")).logits[0]
    scores = {one["label"]: one["score"] for one in found}
    assert [scores["same"], scores["other"]] == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)


def test_a_probe_reads_both() -> None:
    with lease_trunk(resolve(MINILM)) as trunk:
        rows: list[Row] = [{"text": FIRST, "text_pair": SECOND}, {"text": FIRST}, {"text": SECOND, "text_pair": FIRST}]
        both, alone, turned = PROBE.embed(trunk, rows, 64)
    assert np.abs(both - alone).max() > 0.01 and np.abs(both - turned).max() > 1e-4


@pytest.mark.parametrize("name", ["scratch/transformer", "scratch/bilstm"])
def test_a_network_from_nothing_learns_what_only_both_tell(name: str) -> None:
    """Whether the second text names the same animal: neither text alone tells it."""
    torch.manual_seed(0)
    rng = random.Random(0)
    animals = ("cat", "dog", "owl")
    rows: list[Row] = []
    for number in range(120):
        first, second = rng.choice(animals), rng.choice(animals)
        second = first if number % 2 else second
        rows.append({"text": first, "text_pair": second, "label": "same" if first == second else "other"})
    sizes = choose_sizes(architecture(name), 1000, Sizes(vocab_size=600, hidden_size=32, layers=2, dropout=0.0))
    tokenizer = new_tokenizer(name, [text for row in rows for text in (row["text"], row["text_pair"])], sizes)
    model = new_model(name, HEAD.name, tokenizer, ("other", "same"), sizes)
    examples = HEAD.examples(tokenizer, rows, 32, ("other", "same"))
    batch = HEAD.collator(tokenizer)(examples)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(200):
        loss = model.train()(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        found = model.eval()(**batch).logits.argmax(-1)
    assert (found == batch["labels"]).float().mean() > 0.95
