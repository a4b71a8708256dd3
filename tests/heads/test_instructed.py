"""Instructions to encoder-decoder models: the loop writes what the library's `generate` does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from playground.errors import PlaygroundError
from playground.heads.instructed import cut_characters, examples
from playground.services.predict import predict
from playground.services.streaming import changes, stream
from tests.heads import writers

GREEDY = {"temperature": 0, "max_new_tokens": 12}
TEXT = "The cat sat on the mat."


@pytest.fixture(scope="module", params=["t5", "bart"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writers.FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


def generated(folder: Path) -> str:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    inputs = tokenizer(TEXT, return_tensors="pt", return_token_type_ids=False)
    ids = model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=12)[0]
    return tokenizer.decode(ids, skip_special_tokens=True).strip()


def test_the_likeliest_text_is_that_of_generate(folder: Path) -> None:
    found = predict("generation", {"text": TEXT}, model=str(folder), params=GREEDY, details=True)
    assert found["output"]["generated_text"].strip() == generated(folder)
    assert found["details"]["ended"] in ("eos", "tokens")


def test_it_grows_token_by_token(folder: Path) -> None:
    *_, last = changes(stream("generation", {"text": TEXT}, model=str(folder), params=GREEDY))
    assert last.output == predict("generation", {"text": TEXT}, model=str(folder), params=GREEDY)
    assert 1 <= len(last.details["alternatives"]) <= 12


def test_what_it_cannot_read_is_refused(folder: Path) -> None:
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "the cat " * 2000}, model=str(folder), params=GREEDY)
    assert refused.value.code == "prompt_too_long"
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"messages": [{"role": "user", "content": "Hi"}]}, model=str(folder), params=GREEDY)
    assert refused.value.code == "no_chat_template"


def test_of_a_long_completion_what_is_read_counts_and_no_end_is_learned(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [{"text": TEXT, "completion": TEXT}, {"text": TEXT, "completion": " ".join([TEXT] * 40)}]
    short, long = examples(tokenizer, rows, 16)
    assert short["labels"][-1] == tokenizer.eos_token_id
    assert len(long["labels"]) == 16 and tokenizer.eos_token_id not in long["labels"][1:]
    none, cut = cut_characters(tokenizer, rows, 16)
    assert none == 0
    read = rows[1]["completion"][: len(rows[1]["completion"]) - cut]
    assert tokenizer(text_target=read)["input_ids"][:16] == long["labels"]
    assert len(read) < 3 * len(TEXT)
