"""A model's scores on a file: labels typed by the user, entities, answers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.heads.prompted import AskedSpans
from playground.services import evaluate as evaluate_module
from playground.services.evaluate import evaluate
from playground.settings import settings
from tests.heads import language_models


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()


def test_zero_shot_is_scored_on_the_labels_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(
        "text,label\nThe striker scored twice.,sports\nSimmer the onions in butter.,cooking\n"
        "The goalkeeper was injured in the match.,sports\nBake the bread for an hour.,cooking\n",
        encoding="utf-8",
    )
    found = evaluate("starter/zero-shot-en", path, task_id="classification")
    assert (found["rows"], found["metrics"]["accuracy"]) == (4, 1.0)


def test_entities_are_scored_and_other_types_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.conll"
    path.write_text(
        "Ada B-PER\nLovelace I-PER\nmet O\nCharles B-PER\nBabbage I-PER\n\nLondon B-LOC\n\n", encoding="utf-8"
    )
    found = evaluate("starter/ner-en", path, task_id="ner")
    assert (found["rows"], found["metrics"]["entity_f1"]) == (2, 1.0)
    path.write_text(path.read_text().replace("-PER", "-DISH").replace("-LOC", "-TOOL"), encoding="utf-8")
    with pytest.raises(PlaygroundError) as refusal:
        evaluate("starter/ner-en", path, task_id="ner")
    assert refusal.value.code == "labels_differ"
    assert refusal.value.message.values["known"] == ["LOC", "ORG", "PER"]


def test_answers_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    context = "The mill was built in 1804 by Jonas Frey."
    path.write_text(f'question,context,answer\nWho built the mill?,"{context}",Jonas Frey\n', encoding="utf-8")
    found = evaluate("starter/qa-en", path, task_id="qa")
    assert (found["rows"], found["metrics"]["exact_match"]) == (1, 1.0)


def test_the_task_is_the_models_own(tmp_path: Path) -> None:
    path = tmp_path / "people.conll"
    path.write_text("Ada B-PER\nLovelace I-PER\n\nLondon B-LOC\n\n", encoding="utf-8")
    assert evaluate("starter/ner-en", path)["task"] == "ner"


@pytest.mark.parametrize("last", ["Eve ran.", "Eve ran. " * 400])
def test_an_answer_of_a_chat_model_that_cannot_be_used_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Also of the last row, which is asked alone, and where it is longer than the model reads."""
    monkeypatch.setattr(evaluate_module, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(AskedSpans, "most", 16)  # a random network finds no end
    model = language_models.save_base("qwen2", tmp_path / "chat", context=1024)
    gold = [{"start": 0, "end": 3, "label": "PER"}]
    rows = [{"text": text, "entities": gold} for text in ("Ada ran.", "Bob ran.", last)]
    path = tmp_path / "people.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = evaluate(str(model), path, task_id="ner")
    assert (found["rows"], found["metrics"]["entity_recall"]) == (3, 0)


@pytest.mark.parametrize(
    ("model", "task", "code"),
    [
        ("starter/ner-en", "classification", "wrong_model_for_task"),
        ("starter/sentiment-en", "qa", "wrong_model_for_task"),
        ("sentence-transformers/all-MiniLM-L6-v2", "", "model_has_no_head"),
        ("sentence-transformers/all-MiniLM-L6-v2", "ner", "model_has_no_head"),
        ("starter/none", "", "unknown_starter"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_before_the_file_is_read(
    tmp_path: Path, model: str, task: str, code: str
) -> None:
    with pytest.raises(PlaygroundError) as refusal:
        evaluate(model, tmp_path / "there is no such file.csv", task_id=task)
    assert refusal.value.code == code


def test_among_several_visitors_nobody_scores_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"Dinner number {n} was {('good', 'bad')[n % 2]},{('positive', 'negative')[n % 2]}" for n in range(3_000)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    monkeypatch.setenv("PLAYGROUND_EVALUATE_SECONDS", "1")
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refusal:
        evaluate("starter/sentiment-en", path, owner="a" * 32)
    assert refusal.value.code == "evaluation_slow"
    assert 0 <= refusal.value.message.values["done"] < 3_000 == refusal.value.message.values["rows"]
    # One's own machine has no other visitor.
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "0")
    settings.cache_clear()
    began = time.monotonic()
    assert evaluate("starter/sentiment-en", path)["rows"] == 3_000
    assert time.monotonic() - began > 1
