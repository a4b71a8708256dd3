"""Generation as the page and the endpoints call it: checked before a model sees it, whole or as it grows."""

from __future__ import annotations

from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.heads.base import Prediction
from playground.heads.generating import Bounds, Streaming
from playground.heads.loading import lease_model
from playground.services.predict import predict
from playground.services.streaming import stream
from playground.tasks.generation import Params
from tests.heads.language_models import save_base

GREEDY = {"temperature": 0, "max_new_tokens": 8}
HELLO = [{"role": "user", "content": "Hello?"}]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {family: str(save_base(family, folder / family)) for family in ("gpt2", "qwen2")}


def test_a_text_is_continued_and_a_conversation_answered(models: dict[str, str]) -> None:
    found = predict("generation", {"text": "A cat"}, model=models["gpt2"], params=GREEDY, details=True)
    assert found["output"]["generated_text"]
    details = found["details"]
    assert (details["tokens"], details["ended"]) == (8, "tokens") and details["tokens_per_second"] > 0
    assert [sorted(token) for token in details["alternatives"]] == [["others", "probability", "token"]] * 8
    answer = predict("generation", {"messages": HELLO}, model=models["qwen2"], params=GREEDY)
    assert answer == predict("generation", {"text": "Hello?"}, model=models["qwen2"], params=GREEDY)
    continued = predict("generation", {"text": "Hello?"}, model=models["qwen2"], params={**GREEDY, "chat": False})
    assert continued != answer


def test_what_is_watched_comes_to_the_same_text(models: dict[str, str]) -> None:
    whole = predict("generation", {"text": "A cat"}, model=models["gpt2"], params=GREEDY)
    parts = [part for part in stream("generation", {"text": "A cat"}, model=models["gpt2"], params=GREEDY) if part]
    assert isinstance(parts[-1], Prediction)
    assert parts[-1].output == whole
    counts = [part.details["tokens"] for part in parts]
    assert counts == sorted(counts) and counts[-1] == 8
    # A watcher is shown what there is several times a second; the model itself tells of each token.
    with lease_model(models["gpt2"]) as (_, loaded):
        assert isinstance(loaded, Streaming)
        each = list(loaded.stream({"text": "A cat"}, Params.model_validate(GREEDY), Bounds(8, 60)))
    assert sorted({part.details["tokens"] for part in each}) == list(range(1, 9))
    assert all(whole["generated_text"].startswith(part.output["generated_text"]) for part in parts)


@pytest.mark.parametrize(
    ("inputs", "params", "code"),
    [
        ({}, {}, "nothing_to_continue"),
        ({"text": ""}, {}, "nothing_to_continue"),
        ({"text": 7}, {}, "field_not_text"),
        ({"text": "x" * 20_001}, {}, "field_too_long"),
        ({"text": "cat " * 500}, {}, "prompt_too_long"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, {}, "messages_order"),
        ({"messages": HELLO}, {}, "no_chat_template"),
        ({"text": "x"}, {"temperature": float("nan")}, "bad_param"),
        ({"text": "x"}, {"max_new_tokens": 1025}, "bad_param"),
        ({"text": "x"}, {"top_p": 0}, "bad_param"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(
    models: dict[str, str], inputs: dict[str, Any], params: dict[str, Any], code: str
) -> None:
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", inputs, model=models["gpt2"], params=params)
    assert refused.value.code == code
    assert refused.value.text("en") and refused.value.text("zh")


def test_a_bound_is_said_in_whole(models: dict[str, str]) -> None:
    for params, bound in (({"seed": 2**31}, "2147483647"), ({"max_new_tokens": 1025}, "1024"), ({"top_p": 0}, "0")):
        with pytest.raises(PlaygroundError) as refused:
            predict("generation", {"text": "x"}, model=models["gpt2"], params=params)
        assert all(f"{bound}." in said or f"{bound}。" in said for said in map(refused.value.text, ("en", "zh")))


def test_any_bounds_of_chance_give_a_text(models: dict[str, str]) -> None:
    for chance in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}, {"temperature": 2.0}, {"repetition_penalty": 2.0}):
        params = {"max_new_tokens": 4, "seed": 1, **chance}
        found = predict("generation", {"text": "A cat"}, model=models["gpt2"], params=params, details=True)
        assert found["details"]["tokens"] == 4
