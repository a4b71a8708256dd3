"""Summaries that are chosen, and summaries that are written."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from playground.errors import PlaygroundError
from playground.heads.extractive_summary import chosen, sentences, word_features
from playground.heads.summarizing import HEAD, PREFIX, asked
from playground.models.resolve import resolve, starters
from playground.runs import TrainingParams
from playground.services.baselines import lead
from playground.services.predict import offered, predict, sharing
from playground.services.streaming import changes, stream
from tests.heads import writers

ENGLISH = (
    "The mill burnt down. Dr. Frey built it again in 1871!\n\nWho paid? The town paid for the mill. Nobody knows why."
)
CHINESE = "水车烧毁了。镇上的人重建了水车！谁出的钱？镇上出的钱。"
TEXT = "The cat sat on the mat. " * 20
PLAIN = {"max_new_tokens": 20, "repetition_penalty": 1.0}
FIRST = 40
"""The token that a model is made to begin with."""


@pytest.mark.parametrize(("text", "count"), [(ENGLISH, 5), (CHINESE, 4), ("- one\n- two. Three.", 3), ("12 34", 0)])
def test_sentences_stand_where_they_say(text: str, count: int) -> None:
    found = sentences(text)
    assert len(found) == count
    assert all(text[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(("lang", "text"), [("en", ENGLISH), ("zh", CHINESE)])
def test_a_chosen_summary_is_sentences_of_the_text_in_its_order(lang: str, text: str) -> None:
    model = f"starter/summary-{lang}"
    assert model in starters() and model in [info.id for info in offered("summarization")]
    for count in (1, 2, 20):
        found = predict("summarization", {"text": text}, model=model, params={"sentences": count}, details=True)
        sources = found["details"]["sources"]
        assert len(sources) == min(count, len(sentences(text))) and found["details"]["read"] == len(sentences(text))
        assert [text[one["start"] : one["end"]] for one in sources] == [one["text"] for one in sources]
        assert sources == sorted(sources, key=lambda one: one["start"])
        assert found["output"]["summary_text"] == ("" if lang == "zh" else " ").join(one["text"] for one in sources)


def test_what_is_said_already_is_less_welcome_and_the_middle_counts() -> None:
    # The second, third and fifth say the same; the first and the fourth say what no other does.
    features = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]], float)
    assert [number for number, _ in chosen(features, 1)] == [1]
    assert {number for number, _ in chosen(features, 2)} == {0, 1}
    assert [number for number, _ in chosen(np.zeros((3, 1)), 2)] == [0, 1], "without a word in common the early ones"


def test_words_are_compared_in_any_script() -> None:
    features = word_features(["The mill burnt.", "A MILL stood here.", "水车烧毁了", "重建水车", "!!"]).toarray()
    alike = features @ features.T
    assert alike[0, 1] > 0 and alike[2, 3] > alike[0, 2] == 0 and not features[4].any()
    assert not word_features(["!!", "??"]).any()


def test_a_text_without_a_sentence_stays_as_it_is() -> None:
    assert predict("summarization", {"text": " 12 34 "}, model="starter/summary-zh") == {"summary_text": "12 34"}


def test_without_a_network_nothing_is_in_memory() -> None:
    assert sharing("starter/summary-zh").key == "sharing.bare"


def test_a_long_sentence_is_one_and_a_text_of_very_many_takes_no_memory() -> None:
    long = "The bridge, which had been closed since the flood, " * 8 + "was opened."
    assert len(long) > 300 and [one.text for one in sentences(f"{long} It rained.")] == [long, "It rained."]
    assert lead([{"text": f"{long} It rained. All left. Later."}]) == [f"{long} It rained. All left."]
    began = time.monotonic()
    found = predict("summarization", {"text": "好。不。" * 12_000}, model="starter/summary-zh", details=True)
    assert found["details"]["read"] == 2_000 and time.monotonic() - began < 10


def test_how_a_text_begins() -> None:
    quoted = "他说：“好。”她走了。门关了。"
    assert lead([{"text": CHINESE}, {"text": ENGLISH}, {"text": "One."}, {"text": quoted + "天黑了。"}]) == [
        "水车烧毁了。镇上的人重建了水车！谁出的钱？",
        "The mill burnt down. Dr. Frey built it again in 1871! Who paid?",
        "One.",
        quoted,
    ]


@pytest.fixture(scope="module", params=["t5", "bart"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writers.FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


def test_a_written_summary_is_that_of_generate_and_long_texts_are_cut(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    [prompt] = asked(tokenizer, [{"text": TEXT * 20}])
    assert prompt["text"] == PREFIX + TEXT * 20, "both have T5's tokenizer"
    params = {"max_new_tokens": 12, "repetition_penalty": 1.0}
    found = predict("summarization", {"text": TEXT * 20}, model=str(folder), params=params, details=True)
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512), 512)
    cut = {"truncation": True, "max_length": longest, "return_token_type_ids": False}
    inputs = tokenizer(prompt["text"], return_tensors="pt", **cut)
    ids = model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=12)[0]
    assert found["output"]["summary_text"] == tokenizer.decode(ids, skip_special_tokens=True).strip()
    *_, last = changes(stream("summarization", {"text": TEXT * 20}, model=str(folder), params=params))
    assert last.output == found["output"] and last.details["alternatives"] == found["details"]["alternatives"]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BART whose files say as much of what it writes as those of its kind that summarize; else it ends at once."""
    folder = writers.bart(tmp_path_factory.mktemp("settled"))
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model.final_logits_bias[0, model.config.eos_token_id] = 100.0
    model.generation_config.update(
        forced_bos_token_id=FIRST, min_length=10, no_repeat_ngram_size=2, num_beams=4, length_penalty=2.0,
        early_stopping=True,
    )  # fmt: skip
    model.save_pretrained(folder)
    return folder


def test_a_model_s_own_settings_hold_but_for_beams(settled: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(settled)
    model = AutoModelForSeq2SeqLM.from_pretrained(settled, dtype=torch.float32).eval()
    inputs = tokenizer(PREFIX + TEXT, return_tensors="pt", truncation=True, max_length=64, return_token_type_ids=False)
    ids = model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=20)[0]
    found = predict("summarization", {"text": TEXT}, model=str(settled), params=PLAIN, details=True)
    assert found["output"]["summary_text"] == tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert (found["details"]["tokens"], found["details"]["ended"]) == (9, "eos"), "ten with the first that is given"
    written = ids[1:-1].tolist()
    assert written[0] == FIRST and len(set(pairwise(written))) == 8


def test_what_is_tuned_learns_from_its_rows_how_long_a_summary_is(settled: Path, tmp_path: Path) -> None:
    base = resolve(str(settled))
    assert HEAD.new_model(base, (), None)[0].generation_config.min_length is None
    model, tokenizer = HEAD.new_model(base, (), TrainingParams(lora_r=2))
    HEAD.save(model, tmp_path, tokenizer=tokenizer, task="summarization", labels=(), base=base, max_length=64)
    found = predict("summarization", {"text": TEXT}, model=str(tmp_path), params=PLAIN, details=True)
    assert (found["details"]["tokens"], found["details"]["ended"]) == (1, "eos")


def test_what_is_learned_is_the_summary(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    [example] = HEAD.examples(tokenizer, [{"text": TEXT, "summary": "It sat."}], 32, [])
    assert len(example["input_ids"]) == 32
    assert example["labels"] == tokenizer(text_target="It sat.")["input_ids"]


def test_a_model_made_for_translation_is_no_summarizer() -> None:
    with pytest.raises(PlaygroundError) as refused:
        predict("summarization", {"text": ENGLISH}, model="starter/translate-en-zh")
    assert refused.value.code == "wrong_model_for_task"
