"""Translators of several families: adapters that share a base write what each writes alone, within their bounds."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.generating import Bounds
from playground.heads.loading import lease_model
from playground.heads.seq2seq import HEAD, Translator
from playground.heads.translating import StepScores
from playground.heads.tunable import Trained
from playground.models.files import load_tokenizer
from playground.models.resolve import resolve, resolve_base
from playground.runs import TrainingParams
from playground.tasks.translation import Params

from .writers import FAMILIES, marian

TOLERANCE = 1e-5
ROOT = Path(__file__).resolve().parents[2]
LONGEST = 64
TEXTS = ["The cat sat on the mat.", "I love you. Good morning!\n\n1. A dog ran under the old tree.", "Where is it?"]
ROWS: list[Row] = [
    {"text": text, "source": "en", "target": "zh", "translation": gold}
    for text, gold in zip(TEXTS, ["猫坐在垫子上。", "我爱你。早上好！", "它在哪里？"], strict=True)
]
GREEDY, BEAMS = Params(num_beams=1, max_new_tokens=12), Params(num_beams=4, max_new_tokens=12)


TRAINED_LAYERS = {"t5": {"q", "k", "v", "o", "wi", "wo"}, "flan-t5": {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}}
BARTS_LAYERS = {"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"}


@dataclass
class Case:
    """A base, adapters on it, and what a fresh process finds for each: alone, and in the pool."""

    family: str
    base: Path
    adapters: list[Path]
    fresh: list[list[dict[str, Any]]]


def save_adapter(base: Path, folder: Path, seed: int) -> Path:
    """An adapter that changes what is written."""
    torch.manual_seed(seed)
    model, tokenizer = HEAD.new_model(resolve(str(base)), (), TrainingParams(lora_r=2 + seed, lora_alpha=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name:
                parameter.normal_(std=0.2)
    made: dict[str, Any] = {"task": "translation", "labels": [], "base": resolve(str(base)), "max_length": LONGEST}
    HEAD.save(model, folder, tokenizer=tokenizer, learned=HEAD.learned(ROWS), **made)
    return folder


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, elsewhere: Executor) -> dict[str, Case]:
    made = {}
    for family, make in FAMILIES.items():
        folder = tmp_path_factory.mktemp(family)
        base = make(folder / "base")
        made[family] = Case(family, base, [save_adapter(base, folder / f"adapter-{seed}", seed) for seed in (1, 2)], [])
    for case in made.values():
        case.fresh += elsewhere.submit(found_for, case.adapters).result()
    return made


@pytest.fixture(params=FAMILIES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


def plain(adapter: Path) -> Trained:
    """The adapter on a base of its own, as PEFT loads it."""
    resolved = resolve(str(adapter))
    base = resolve_base(resolved.base, resolved.revision)
    model = HEAD.load_whole(resolved, base, dtype=torch.float32).eval()
    assert isinstance(model, PeftModel)
    return Trained(model, load_tokenizer(base), (), LONGEST)


def found_alone(adapter: Path) -> dict[str, Any]:
    trained = plain(adapter)
    return {
        "texts": [
            [one.output["translation_text"] for one in HEAD.answers(trained, ROWS, how)] for how in (GREEDY, BEAMS)
        ],
        "marks": np.concatenate(HEAD.marks(trained, ROWS)).tolist(),
    }


def found_in_pool(adapter: Path) -> dict[str, Any]:
    with lease_model(str(adapter)) as (head, loaded):
        return {
            "texts": [
                [one.output["translation_text"] for one in loaded.predict(head, ROWS, how)] for how in (GREEDY, BEAMS)
            ],
            "marks": np.concatenate(head.marks_of(loaded, ROWS)).tolist(),
        }


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["texts"] == expected["texts"]
    np.testing.assert_allclose(found["marks"], expected["marks"], rtol=0, atol=TOLERANCE)


def found_for(adapters: list[Path]) -> list[list[dict[str, Any]]]:
    return [[found_alone(adapter), found_in_pool(adapter)] for adapter in adapters]


@pytest.mark.slow
def test_adapters_come_back_from_their_files_in_a_fresh_process(case: Case) -> None:
    for adapter, (alone, pool) in zip(case.adapters, case.fresh, strict=True):
        expected = found_alone(adapter)
        assert_same(alone, expected)
        assert_same(pool, expected)


def test_adapters_and_their_base_share_a_trunk(case: Case) -> None:
    expected = [alone for alone, _ in case.fresh]
    assert expected[0]["texts"] != expected[1]["texts"]
    for _ in range(2):
        for adapter, reference in zip(case.adapters, expected, strict=True):
            assert_same(found_in_pool(adapter), reference)
    with lease_model(str(case.adapters[0])) as (_, one), lease_model(str(case.base)) as (_, base):
        assert one.trunk is base.trunk and one.trunk.mixes
    targets = json.loads((case.adapters[0] / "adapter_config.json").read_text())["target_modules"]
    assert {name.rpartition(".")[2] for name in targets} == TRAINED_LAYERS.get(case.family, BARTS_LAYERS)


def test_an_adapter_knows_the_languages_it_was_trained_on(case: Case) -> None:
    with lease_model(str(case.adapters[0])) as (head, loaded):
        assert isinstance(loaded, Translator) and {"en", "zh"} <= set(loaded.languages)
        if len(loaded.languages) == 2:
            untold = [{"text": row["text"]} for row in ROWS]
            found = [one.output["translation_text"] for one in loaded.predict(head, untold, GREEDY)]
            assert found == case.fresh[0][0]["texts"][0]


def test_eight_threads_ask_two_adapters(case: Case) -> None:
    expected = [alone["texts"][1] for alone, _ in case.fresh]

    def ask(number: int) -> bool:
        which, row = number % 2, number % len(ROWS)
        with lease_model(str(case.adapters[which])) as (head, loaded):
            found = loaded.predict(head, [ROWS[row]], BEAMS)[0].output["translation_text"]
        return bool(found == expected[which][row])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(16)))


def test_an_exception_does_not_spoil_the_next_translation(case: Case) -> None:
    with lease_model(str(case.adapters[0])) as (_, loaded):
        bad = {"input_ids": torch.tensor([[1, 100_000]]), "attention_mask": torch.ones(1, 2, dtype=torch.long)}
        with pytest.raises(IndexError):
            loaded.trunk.call(lambda: loaded.trunk.generate(bad, loaded.adapter, num_beams=4, max_new_tokens=4))
    assert_same(found_in_pool(case.adapters[0]), case.fresh[0][0])


@pytest.fixture
def translator(tmp_path: Path) -> Iterator[Translator]:
    with lease_model(str(marian(tmp_path / "base"))) as (_, loaded):
        assert isinstance(loaded, Translator)
        yield loaded


def slowed(translator: Translator, seconds: float) -> None:
    """Each step of the decoder takes that long."""
    translator.trunk.model.get_decoder().register_forward_pre_hook(lambda module, args: time.sleep(seconds))


def test_stop_ends_a_translation_at_once_and_frees_the_trunk(translator: Translator) -> None:
    slowed(translator, 0.05)
    bounds = Bounds(1000, 60.0)
    threading.Timer(0.5, bounds.stop.set).start()
    began = time.monotonic()
    found = list(translator.stream(ROWS[1], Params(num_beams=4), bounds))
    assert 0.5 <= time.monotonic() - began < 1.5
    assert not found[-1].details["whole"] and found[-1].details["tokens"] > 0
    began = time.monotonic()
    assert translator.trunk.call(lambda: "free") == "free"
    assert time.monotonic() - began < 0.5


def test_the_clock_ends_a_translation(translator: Translator) -> None:
    slowed(translator, 0.05)
    began = time.monotonic()
    found = list(translator.stream(ROWS[1], Params(num_beams=1), Bounds(1000, 0.4)))
    assert time.monotonic() - began < 1.5
    assert not found[-1].details["whole"]
    assert list(translator.stream(ROWS[1], Params(), Bounds(1000, 0.0)))[-1].details["whole"] is False


def test_a_translation_that_was_cut_is_not_whole(translator: Translator) -> None:
    cut = translator.predict(HEAD, [ROWS[0]], Params(num_beams=1, max_new_tokens=3))[0]
    assert not cut.details["whole"] and cut.details["tokens"] == 3
    assert [found["whole"] for found in cut.details["sentences"][0]["alternatives"]] == [False]
    nothing = list(translator.stream({"text": " 12.5\n\n", "source": "", "target": ""}, Params(), Bounds(9, 9.0)))
    assert [one.output for one in nothing] == [{"translation_text": " 12.5\n\n"}]
    assert nothing[0].details["whole"]


def test_what_is_longer_than_the_model_reads_keeps_its_end(translator: Translator) -> None:
    text = "The cat sat on the mat, " * 11 + "and the dog ran."
    details = translator.predict(HEAD, [{"text": text, "source": "en", "target": "zh"}], GREEDY)[0].details
    parts = [sentence["text"] for sentence in details["sentences"]]
    assert len(parts) > 2 and " ".join(parts) == text and parts[-1].endswith("and the dog ran.")
    read = translator.trunk.tokenizer(parts)["input_ids"]
    assert max(map(len, read)) <= LONGEST


def test_line_breaks_stay(translator: Translator) -> None:
    text = "I love you.\r\n\n\n1. A dog.  \n\t- It is not far. Good morning!\n\n"
    found = translator.predict(HEAD, [{"text": text, "source": "en", "target": "zh"}], GREEDY)[0]
    assert re.findall(r"\s*[\r\n]\s*", found.output["translation_text"])[:2] == ["\r\n\n\n", "  \n\t"]
    assert found.output["translation_text"].endswith("\n\n") and len(found.details["sentences"]) == 4


def test_the_wrong_direction_is_refused(translator: Translator) -> None:
    assert translator.languages == ("en", "zh")
    with pytest.raises(PlaygroundError) as refused:
        translator.predict(HEAD, [{"text": "我爱你。", "source": "zh", "target": "en"}], GREEDY)
    assert refused.value.code == "wrong_direction"


def test_who_asks_about_a_text_is_told_that_it_is_translated_and_a_table_goes_on(translator: Translator) -> None:
    row = {"text": "我爱你，早上好。", "source": "en", "target": "zh"}
    with pytest.raises(PlaygroundError) as refused:
        translator.answer(HEAD, row, GREEDY)
    assert refused.value.code == "text_in_target_language"
    assert len(translator.predict(HEAD, [row], GREEDY)) == 1


@pytest.mark.parametrize("how", [GREEDY, BEAMS], ids=["greedy", "beams"])
def test_scores_are_the_model_s_own(translator: Translator, how: Params) -> None:
    """Each the mean probability of its tokens, as a pass over what was written has it."""
    row = {"text": "Where is it?", "source": "en", "target": "zh"}
    trunk = translator.trunk
    settings = trunk.model.generation_config
    settings.forced_eos_token_id = settings.bad_words_ids = None
    found = translator.predict(HEAD, [row], how)[0].details["sentences"][0]["alternatives"]
    inputs = trunk.tokenizer(["Where is it?"], return_tensors="pt")
    options = {"num_beams": how.num_beams, "num_return_sequences": len(found), "max_new_tokens": 12}
    sequences = trunk.call(lambda: trunk.generate(inputs, translator.adapter, **options))
    assert not (sequences[:, 1:] == trunk.tokenizer.pad_token_id).any()
    repeated = {name: value.repeat(len(found), 1) for name, value in inputs.items()}
    with torch.no_grad():
        logits = trunk.model(**repeated, decoder_input_ids=sequences[:, :-1]).logits.log_softmax(-1)
    expected = logits.gather(-1, sequences[:, 1:].unsqueeze(-1)).squeeze(-1).mean(1).exp().tolist()
    assert [one["score"] for one in found] == pytest.approx(expected, abs=1e-4)
    assert len(found) == how.num_beams - (how.num_beams > 1)


def test_scores_of_steps_are_not_kept(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[Any] = []
    plain = StepScores.means
    monkeypatch.setattr(StepScores, "means", lambda self, out, *more: outputs.append(out) or plain(self, out, *more))
    translator.predict(HEAD, ROWS, BEAMS)
    assert outputs and all(step.untyped_storage().size() == 0 for out in outputs for step in out.scores)
