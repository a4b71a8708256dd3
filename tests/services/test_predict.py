from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from playground.errors import PlaygroundError
from playground.heads.linear_probe import HEAD as PROBE
from playground.heads.loading import lease_trunk
from playground.models.resolve import resolve
from playground.services.predict import misfit, model_state, predict, predict_rows, runtime

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
ROWS = [
    {"text": "the card has not arrived", "label": "card"},
    {"text": "where is my new card", "label": "card"},
    {"text": "my card is lost in the mail", "label": "card"},
    {"text": "the exchange rate is wrong", "label": "rate"},
    {"text": "why is the rate so low today", "label": "rate"},
    {"text": "what rate do you use for euros", "label": "rate"},
]


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A probe trained on six rows, as a model folder."""
    folder, base = tmp_path_factory.mktemp("probe"), resolve(MINILM)
    with lease_trunk(base) as trunk:
        embeddings = PROBE.embed(trunk, ROWS, 64)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    fitted = PROBE.fit(embeddings, ["card", "rate"], ROWS)
    PROBE.save(fitted, folder, task="classification", labels=["card", "rate"], base=base, max_length=64)
    return str(folder)


def test_the_answer_has_the_hubs_schema_best_first(probe: str) -> None:
    result = predict("classification", {"text": "has my card been sent?"}, model=probe)
    assert [set(entry) for entry in result] == [{"label", "score"}] * 2
    assert result[0]["label"] == "card" and result[0]["score"] > result[1]["score"]
    assert sum(entry["score"] for entry in result) == pytest.approx(1)


def test_top_k_and_details(probe: str) -> None:
    result = predict("classification", {"text": "the rate"}, model=probe, params={"top_k": 1}, details=True)
    assert len(result["output"]) == 1
    assert result["details"]["model"] == probe and "cpu" in result["details"]["device"]


def test_many_rows_at_once_answer_as_one_by_one(probe: str) -> None:
    rows = [{"text": row["text"] * count} for count in (1, 9, 3) for row in ROWS]
    together = predict_rows("classification", rows, model=probe)
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(lambda row: predict("classification", row, model=probe), rows))
    for one, other in zip(together, alone, strict=True):
        assert [entry["label"] for entry in one] == [entry["label"] for entry in other]
        assert one[0]["score"] == pytest.approx(other[0]["score"], abs=1e-5)


@pytest.mark.parametrize(
    ("inputs", "params", "code"),
    [
        ({}, {}, "field_not_text"),
        ({"text": "  \n"}, {}, "field_empty"),
        ({"text": "x" * 20_001}, {}, "field_too_long"),
        ({"text": ["a"]}, {}, "field_not_text"),
        ({"text": "a"}, {"top_k": 0}, "bad_param"),
        ({"text": "a"}, {"top_k": float("nan")}, "bad_param"),
        ({"text": "a"}, {"nonsense": 1}, "bad_param"),
    ],
)
def test_bad_input_is_refused_before_a_model_sees_it(inputs: dict, params: dict, code: str) -> None:
    with pytest.raises(PlaygroundError) as caught:
        predict("classification", inputs, params=params)
    assert caught.value.code == code


def test_a_base_without_a_head_says_what_to_do() -> None:
    with pytest.raises(PlaygroundError) as caught:
        predict("classification", {"text": "a"}, model=MINILM)
    assert caught.value.code == "model_has_no_head"


def test_a_prediction_marks_the_page_as_in_use(probe: str, home: Path) -> None:
    predict("classification", {"text": "a"}, model=probe)
    assert (home / "in_use").exists()


def test_the_state_and_the_reason_of_a_loaded_model(probe: str) -> None:
    assert "cpu" in str(runtime(probe).key)
    assert model_state(probe) == "ready"


def test_half_a_character_counts_as_one_that_is_unknown() -> None:
    found = predict("classification", {"text": "\ud83d fine", "candidate_labels": "good\ud83d, bad"},
                    model="starter/zero-shot-en")  # fmt: skip
    assert {entry["label"] for entry in found} == {"good\ufffd", "bad"}


def test_a_model_of_another_kind_is_known_as_such_before_it_is_asked() -> None:
    wrong = misfit("qa", "starter/ner-en")
    assert wrong and wrong.code == "wrong_model_for_task" and "starter/qa-en" in wrong.text("en")
    assert misfit("qa", "starter/qa-en") is None
    absent = misfit("qa", "run/none")
    assert absent and absent.code != "wrong_model_for_task"


def test_a_second_text_is_refused_by_a_model_that_has_seen_none() -> None:
    with pytest.raises(PlaygroundError) as refusal:
        predict("classification", {"text": "A warm film.", "text_pair": "A dull one."})
    assert refusal.value.code == "input_not_learned"
    assert predict("classification", {"text": "A warm film.", "text_pair": ""})


@pytest.mark.parametrize(
    ("task", "row", "instead"),
    [
        ("classification", {"text": "老板很热情，菜也好吃。"}, "starter/sentiment-zh"),
        ("ner", {"text": "居里夫人出生在华沙。"}, "shibing624/bert4ner-base-chinese"),
        (
            "qa",
            {"question": "桥是谁建的？", "context": "这座桥由王工程师建于1893年。"},
            "uer/roberta-base-chinese-extractive-qa",
        ),
    ],
)
def test_chinese_is_said_to_be_foreign_to_a_model_of_english(task: str, row: dict[str, str], instead: str) -> None:
    details = predict(task, row, details=True)["details"]
    assert (details["base"], details["instead"]) == ("all-MiniLM-L6-v2", instead)
    english = dict.fromkeys(row, "Marie Curie was born in Warsaw.")
    assert "instead" not in predict(task, english, details=True)["details"]
    if task == "classification":
        assert "instead" not in predict(task, row, model=instead, details=True)["details"]


@pytest.mark.parametrize(
    ("task", "model", "instead"),
    [
        ("classification", "starter/sentiment-zh", "starter/sentiment-en"),
        ("classification", "starter/topic-zh", "starter/topic-en"),
        ("summarization", "starter/summary-zh", "starter/summary-en"),
    ],
)
def test_english_is_said_to_be_foreign_to_an_embedded_model_of_chinese(task: str, model: str, instead: str) -> None:
    english = {"text": "The food was cold. The waiter was rude. I will not come again."}
    details = predict(task, english, model=model, details=True)["details"]
    assert (details["base"], details["instead"]) == ("", instead)
    for text in ("OK 666", "服务很好 very good service indeed"):
        assert "instead" not in predict(task, {"text": text}, model=model, details=True)["details"]
