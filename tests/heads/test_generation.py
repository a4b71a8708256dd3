"""Language models write as the library's `generate` does, token by token, several on one base, and can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads import causal_examples
from playground.heads.base import Prediction
from playground.heads.causal_lm import HEAD, Writer
from playground.heads.generating import Bounds
from playground.heads.loading import lease_model, trunk_key
from playground.heads.shell import lora_targets, lora_told
from playground.models import pool as pool_module
from playground.models.resolve import resolve
from playground.models.trunk import Trunk
from playground.runs import TrainingParams
from playground.tasks.generation import Params

from .language_models import CONTEXT, FAMILIES, save_base, save_lora
from .test_trunk_and_shells import assert_no_hooks

TOLERANCE = 1e-5
PROMPT = "Once upon a time a cat"
GREEDY = Params(temperature=0, max_new_tokens=24, chat=False)


@dataclass
class Case:
    family: str
    base: Path
    adapters: list[Path]

    @property
    def models(self) -> list[Path]:
        return [self.base, *self.adapters]


@pytest.fixture(scope="module", params=FAMILIES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    base = save_base(request.param, folder / "base")
    return Case(request.param, base, [save_lora(base, folder / f"adapter-{seed}", seed) for seed in (1, 2)])


@pytest.fixture(autouse=True)
def fresh_pool() -> None:
    pool_module.pool.cache_clear()


@dataclass
class Reference:
    """By the library, on a model of its own: what is written, and how likely each token and the next five were."""

    text: str
    probabilities: list[float]
    others: list[list[float]]


def alone(case: Case, model: Path, prompt: str = PROMPT) -> Reference:
    tokenizer = AutoTokenizer.from_pretrained(case.base)
    plain: Any = AutoModelForCausalLM.from_pretrained(case.base)
    if model != case.base:
        plain = PeftModel.from_pretrained(plain, str(model))
    ids = causal_examples.plain(tokenizer, prompt)
    with torch.no_grad():
        out = plain.eval().generate(
            input_ids=torch.tensor([ids]), do_sample=False, max_new_tokens=24, output_logits=True,
            attention_mask=torch.ones(1, len(ids), dtype=torch.long), return_dict_in_generate=True,
        )  # fmt: skip
    written = out.sequences[0, len(ids) :].tolist()
    shares = [logits[0].softmax(-1) for logits in out.logits]
    if written[-1] == tokenizer.eos_token_id:
        written = written[:-1]
    before, whole = (tokenizer.decode(part, skip_special_tokens=True) for part in (ids, ids + written))
    text = whole.removeprefix(before)
    found = [float(share[token]) for share, token in zip(shares, written, strict=False)]
    others = []
    for share, token in zip(shares, written, strict=False):
        share[token] = 0
        others.append(share.topk(5).values.tolist())
    return Reference(text, found, others)


def stream(model: Path, row: Row, params: Params = GREEDY, seconds: float = 60, **bounds: Any) -> Iterator[Prediction]:
    with lease_model(str(model)) as (_, loaded):
        assert isinstance(loaded, Writer)
        yield from loaded.stream(row, params, Bounds(params.max_new_tokens, seconds, **bounds))


def last(model: Path, row: Row, params: Params = GREEDY, **bounds: Any) -> Prediction:
    *_, found = stream(model, row, params, **bounds)
    return found


def said(prediction: Prediction) -> str:
    return prediction.output["generated_text"]


def trunk_of(model: Path) -> Trunk:
    with lease_model(str(model)) as (_, loaded):
        return loaded.trunk


def test_each_model_on_a_shared_base_writes_what_it_writes_alone(case: Case) -> None:
    references = [alone(case, model) for model in case.models]
    for model, expected in zip(case.models, references, strict=True):
        found = last(model, {"text": PROMPT})
        assert said(found) == expected.text.rstrip("\ufffd")  # half a character at the end is not shown
        tokens = found.details["alternatives"]
        assert [token["probability"] for token in tokens] == pytest.approx(expected.probabilities, abs=TOLERANCE)
        for token, likeliest in zip(tokens, expected.others, strict=True):
            assert [other["probability"] for other in token["others"]] == pytest.approx(likeliest, abs=TOLERANCE)
    assert len({reference.text for reference in references}) == 3, "the adapters must do something"
    assert len({trunk_key(resolve(str(model)))[0] for model in case.models}) == 1
    assert len(pool_module.pool().keys()) == 1


def written(models: list[Path]) -> list[str]:
    return [said(last(model, {"text": PROMPT})) for model in models]


def test_adapters_come_back_from_their_files_in_a_fresh_process(case: Case, elsewhere: Executor) -> None:
    assert elsewhere.submit(written, case.models).result() == written(case.models)


def test_eight_threads_on_one_trunk_write_what_they_write_alone(case: Case) -> None:
    alone_texts = [said(last(model, {"text": PROMPT})) for model in case.models]
    with ThreadPoolExecutor(8) as threads:
        asked = [model for _ in range(4) for model in case.models]
        found = list(threads.map(lambda model: said(last(model, {"text": PROMPT})), asked))
    assert found == alone_texts * 4
    assert_no_hooks(trunk_of(case.base))


def test_tokens_of_two_adapters_take_turns(case: Case) -> None:
    one, other = (stream(adapter, {"text": PROMPT}) for adapter in case.adapters)
    expected = [said(last(adapter, {"text": PROMPT})) for adapter in case.adapters]
    found = ["", ""]
    for first, second in zip(one, other, strict=False):
        found = [said(first), said(second)]
    shorter = min(map(len, found))
    assert shorter
    assert all(whole.startswith(text) for whole, text in zip(expected, found, strict=True))


def test_the_text_grows_by_whole_characters_and_keeps_its_blanks(case: Case) -> None:
    before = ""
    for prediction in stream(case.base, {"text": "从前 有  一只"}, Params(temperature=1.5, seed=3, chat=False)):
        text = said(prediction)
        assert text.startswith(before)
        assert not text.endswith("\ufffd")
        before = text
    tokenizer = AutoTokenizer.from_pretrained(case.base)
    ids = tokenizer("a  b\n\n 从前 é", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "a  b\n\n 从前 é"


def test_a_seed_gives_the_same_text_again_and_no_seed_says_which_it_took(case: Case) -> None:
    hot = Params(temperature=1.5, top_k=0, top_p=1, max_new_tokens=12, chat=False)
    first = last(case.base, {"text": PROMPT}, hot)
    again = hot.model_copy(update={"seed": first.details["seed"]})
    assert said(last(case.base, {"text": PROMPT}, again)) == said(first)
    others = {said(last(case.base, {"text": PROMPT}, hot.model_copy(update={"seed": seed}))) for seed in range(1, 6)}
    assert len(others) > 1


def test_the_smallest_temperature_is_none(case: Case) -> None:
    least = GREEDY.model_copy(update={"temperature": 5e-324})
    assert said(last(case.base, {"text": PROMPT}, least)) == said(last(case.base, {"text": PROMPT}, GREEDY))


def test_it_says_why_it_ended(case: Case) -> None:
    few = GREEDY.model_copy(update={"max_new_tokens": 3})
    found = last(case.base, {"text": PROMPT}, few)
    assert (found.details["ended"], found.details["tokens"]) == ("tokens", 3)
    assert len(found.details["alternatives"]) == 3
    many = GREEDY.model_copy(update={"max_new_tokens": 1024, "temperature": 2.0, "top_k": 0, "top_p": 1.0, "seed": 5})
    found = last(case.base, {"text": "a cat " * 20}, many)
    assert found.details["ended"] == "context"
    assert found.details["prompt_tokens"] + found.details["tokens"] == CONTEXT
    assert last(case.base, {"text": PROMPT}, many, seconds=0).details["ended"] == "seconds"


def test_it_ends_where_the_model_says_so(case: Case) -> None:
    trunk = trunk_of(case.base)
    first = last(case.base, {"text": PROMPT}).details["alternatives"][0]["token"]
    token = trunk.tokenizer(PROMPT + first, add_special_tokens=False)["input_ids"][-1]
    with lease_model(str(case.base)) as (_, loaded):
        config = loaded.trunk.model.generation_config
        kept, config.eos_token_id = config.eos_token_id, [loaded.trunk.tokenizer.eos_token_id, token]
        try:
            found = last(case.base, {"text": PROMPT})
        finally:
            config.eos_token_id = kept
    assert (said(found), found.details["ended"], found.details["tokens"]) == ("", "eos", 0)


def test_it_stops_within_a_token(case: Case) -> None:
    stop, trunk = threading.Event(), trunk_of(case.adapters[0])
    slow = trunk.model.register_forward_pre_hook(lambda *_: time.sleep(0.05))
    many = GREEDY.model_copy(update={"max_new_tokens": 60})
    try:
        writing = stream(case.adapters[0], {"text": PROMPT}, many, stop=stop)
        next(writing)
        stop.set()
        asked = time.monotonic()
        *_, found = writing
    finally:
        slow.remove()
    assert time.monotonic() - asked < 1
    assert found.details["ended"] == "stopped"
    assert found.details["tokens"] <= 2


def test_a_closed_stream_leaves_the_trunk_free(case: Case) -> None:
    expected = said(last(case.adapters[1], {"text": PROMPT}))
    writing = stream(case.adapters[0], {"text": PROMPT})
    next(writing)
    writing.close()
    with lease_model(str(case.adapters[0])) as (_, loaded):
        assert loaded.users == 1, "the closed stream still holds the model"
        assert_no_hooks(loaded.trunk)
    assert said(last(case.adapters[1], {"text": PROMPT})) == expected


def test_an_exception_does_not_spoil_the_next_text(case: Case) -> None:
    expected = said(last(case.adapters[0], {"text": PROMPT}))
    with lease_model(str(case.adapters[0])) as (_, loaded):
        assert isinstance(loaded, Writer)
        with pytest.raises(IndexError):
            loaded.trunk.call(lambda: loaded._forward({"input_ids": [1, 10_000]}))
        assert_no_hooks(loaded.trunk)
    assert said(last(case.adapters[0], {"text": PROMPT})) == expected


def test_too_long_a_prompt_is_refused_with_both_numbers(case: Case) -> None:
    with pytest.raises(PlaygroundError) as refused:
        last(case.base, {"text": "a cat " * 200})
    assert refused.value.code == "prompt_too_long"
    values = refused.value.message.values
    assert values["tokens"] > values["most"] == CONTEXT - 1


def test_a_long_prompt_gives_way_in_between(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = said(last(case.adapters[0], {"text": PROMPT}))
    monkeypatch.setattr("playground.heads.decoding.READ_AT_ONCE", 3)
    assert said(last(case.adapters[0], {"text": PROMPT})) == expected


def test_many_rows_give_one_text_each(case: Case) -> None:
    rows: list[Row] = [{"text": PROMPT}, {"text": "The old dog"}]
    with lease_model(str(case.adapters[0])) as (head, loaded):
        found = loaded.predict(head, rows, GREEDY)
    assert [said(one) for one in found] == [said(last(case.adapters[0], row)) for row in rows]


def test_a_model_without_a_template_refuses_chats_with_a_remedy(case: Case) -> None:
    row = {"messages": [{"role": "user", "content": "Hello?"}]}
    if case.family == "qwen2":
        assert last(case.base, row).details["tokens"]
        return
    with pytest.raises(PlaygroundError) as refused:
        last(case.base, row)
    assert refused.value.code == "no_chat_template"


def test_the_layers_that_lora_is_put_on_are_told(case: Case) -> None:
    model, _ = HEAD.new_model(resolve(str(case.base)), (), TrainingParams())
    told = lora_told(model).values
    fused = ["c_attn", "c_fc", "c_proj"]
    apart = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert told["targets"] == (fused if case.family == "gpt2" else apart)
    assert told["architecture"] == type(model.get_base_model()).__name__


def test_an_adapter_that_brings_an_output_layer_has_a_base_of_its_own(case: Case, tmp_path: Path) -> None:
    torch.manual_seed(3)
    plain = AutoModelForCausalLM.from_pretrained(case.base)
    config = LoraConfig(target_modules=lora_targets(plain), modules_to_save=["lm_head"], task_type="CAUSAL_LM")
    made = get_peft_model(plain, config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.2)
    made.save_pretrained(tmp_path)
    found = last(tmp_path, {"text": PROMPT})
    assert said(found) == alone(case, tmp_path).text.rstrip("\ufffd") != said(last(case.base, {"text": PROMPT}))
    assert trunk_of(tmp_path).whole


def test_plain_folders_are_found_to_be_language_models(case: Case) -> None:
    assert resolve(str(case.base)).head == "causal_lm"
    (case.adapters[0] / "playground.json").rename(case.adapters[0] / "kept.json")
    try:
        assert resolve(str(case.adapters[0])).head == "causal_lm"
    finally:
        (case.adapters[0] / "kept.json").rename(case.adapters[0] / "playground.json")
