"""The riskiest assumption: many models on one base answer as if each were loaded alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from playground.heads import get_head
from playground.heads.loading import lease_model, trunk_key
from playground.models import pool as pool_module
from playground.models.resolve import resolve
from playground.runs import TrainingParams

TOLERANCE = 1e-5
WORDS = ["the", "a", "cat", "dog", "bird", "sat", "ran", "flew", "on", "under", "over", "mat", "tree", "river", "and"]
WORDS += ["or", "not", "very", "big", "small", "old"]
SMALL = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
FAMILIES = {
    "bert": BertConfig(**SMALL),
    "roberta": RobertaConfig(**SMALL, pad_token_id=0),
    "xlm-roberta": XLMRobertaConfig(**SMALL, pad_token_id=0),
    "distilbert": DistilBertConfig(vocab_size=40, dim=32, n_layers=2, n_heads=4, hidden_dim=48),
    "deberta-v2": DebertaV2Config(**SMALL, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "modernbert": ModernBertConfig(
        **SMALL,
        pad_token_id=0,
        cls_token_id=1,
        sep_token_id=2,
        bos_token_id=1,
        eos_token_id=2,
        global_attn_every_n_layers=2,
        local_attention=8,
    ),
    # A masked-LM checkpoint has no pooler, which BERT's classifier then creates inside the base model.
    "bert-without-pooler": BertConfig(**SMALL),
}
MIXES = {"deberta-v2": False}
SHARES = {family: family != "bert-without-pooler" for family in FAMILIES}
HEAD_SIZES = (2, 3, 7)
TEXTS = [
    "the cat sat on the mat",
    "a dog ran",
    "the very old bird flew over the big river and under the small tree",
    "not",
]


@dataclass
class Case:
    family: str
    base: Path
    adapters: list[Path]


def save_tokenizer(folder: Path) -> None:
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def save_adapter(base: Path, folder: Path, size: int, seed: int) -> None:
    """An adapter with C = size outputs and weights far from zero, as training would leave it."""
    head = get_head("sequence_classification")
    labels = [f"class {number}" for number in range(size)]
    torch.manual_seed(seed)
    model, _ = head.new_model(resolve(str(base)), labels, TrainingParams(lora_r=2 + seed, lora_alpha=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                # Larger LoRA weights than training leaves make these tiny layer norms amplify rounding past 1e-5.
                parameter.normal_(std=0.1 if "lora" in name else 0.5)
    head.save(model, folder, task="classification", labels=labels, base=resolve(str(base)), max_length=64)


@pytest.fixture(scope="module", params=list(FAMILIES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    family, folder = request.param, tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    auto_class = AutoModelForMaskedLM if family == "bert-without-pooler" else AutoModel
    base = folder / "base"
    auto_class.from_config(FAMILIES[family]).save_pretrained(base)
    save_tokenizer(base)
    adapters = [folder / f"adapter-{size}" for size in HEAD_SIZES]
    for seed, (adapter, size) in enumerate(zip(adapters, HEAD_SIZES, strict=True)):
        save_adapter(base, adapter, size, seed)
    return Case(family, base, adapters)


@pytest.fixture(autouse=True)
def fresh_pool() -> None:
    pool_module.pool.cache_clear()


def alone(case: Case, adapter: Path) -> torch.Tensor:
    """The reference: the adapter loaded by plain PEFT on a base of its own, one text at a time. [4, C]."""
    size = int(adapter.name.rsplit("-", 1)[1])
    model = AutoModelForSequenceClassification.from_pretrained(case.base, num_labels=size)
    tuned = PeftModel.from_pretrained(model, str(adapter)).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(case.base)
    with torch.no_grad():
        return torch.cat([tuned(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])


def through_pool(adapter: Path, texts: list[str] = TEXTS) -> torch.Tensor:
    with lease_model(str(adapter)) as (head, loaded):
        return loaded.logits(head, [{"text": text} for text in texts])


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max().item() < TOLERANCE


def test_each_adapter_answers_as_when_loaded_alone(case: Case) -> None:
    references = [alone(case, adapter) for adapter in case.adapters]
    for adapter, expected in zip(case.adapters, references, strict=True):
        assert_close(through_pool(adapter), expected)
    # Adapters loaded later must not have changed those before them.
    assert_close(through_pool(case.adapters[0]), references[0])
    # The adapters do something: without this the comparison could hold for untuned models.
    assert (references[0] - references[1][:, :2]).abs().max() > 0.01


def test_families_share_one_trunk_where_they_can(case: Case) -> None:
    keys = {trunk_key(resolve(str(adapter)))[0] for adapter in case.adapters}
    for adapter in case.adapters:
        through_pool(adapter)
    for adapter in case.adapters:
        with lease_model(str(adapter)) as (_, loaded):
            assert loaded.trunk.whole is not SHARES[case.family]
            assert loaded.trunk.mixes is MIXES.get(case.family, True)
    expected = 1 if SHARES[case.family] else len(HEAD_SIZES)
    assert len(keys) == len(pool_module.pool().keys()) == expected


FRESH = """
import json, sys
from pathlib import Path
from tests.heads.test_trunk_and_shells import Case, alone, through_pool
family, base, *adapters = sys.argv[1:]
case = Case(family, Path(base), [Path(adapter) for adapter in adapters])
pool = [through_pool(adapter).tolist() for adapter in case.adapters]
plain = [alone(case, adapter).tolist() for adapter in case.adapters]
print(json.dumps({"pool": pool, "plain": plain}))
"""


def test_all_adapters_reloaded_in_one_fresh_process(case: Case) -> None:
    """What was saved is all there is: nothing random is created anew in another process."""
    arguments = [case.family, str(case.base), *map(str, case.adapters)]
    done = subprocess.run([sys.executable, "-c", FRESH, *arguments], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    for adapter, pool, plain in zip(case.adapters, result["pool"], result["plain"], strict=True):
        assert_close(torch.tensor(plain), alone(case, adapter))
        assert_close(torch.tensor(pool), torch.tensor(plain))


def test_rows_of_several_adapters_in_one_batch(case: Case) -> None:
    references = [alone(case, adapter) for adapter in case.adapters]
    for adapter in case.adapters:
        through_pool(adapter)  # loaded before the clock: the next requests arrive together
    batches: list[list[str]] = []
    with lease_model(str(case.adapters[0])) as (_, loaded):
        loaded.trunk.model.register_forward_pre_hook(
            lambda module, args, kwargs: batches.append(kwargs.get("adapter_names", [])), with_kwargs=True
        )
        gate = threading.Event()
        blocker = threading.Thread(target=lambda: loaded.trunk.call(gate.wait))
        blocker.start()
        with ThreadPoolExecutor(len(case.adapters)) as threads:
            answers = [threads.submit(features_through, adapter) for adapter in case.adapters]
            _wait_until_queued(loaded.trunk, len(case.adapters) if SHARES[case.family] else 1)
            gate.set()
            for answer, expected in zip(answers, references, strict=True):
                assert_close(answer.result(timeout=60), expected)
        blocker.join()
    if SHARES[case.family] and MIXES.get(case.family, True):
        assert any(len(set(names)) == len(HEAD_SIZES) for names in batches), batches


def features_through(adapter: Path) -> torch.Tensor:
    """As through_pool, but tokenized by the caller, so that the only job on the trunk is the forward."""
    with lease_model(str(adapter)) as (head, loaded):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(resolve(str(adapter)).base)
        features = head.encode(tokenizer, [{"text": text} for text in TEXTS], 64)
        return loaded.trunk.run(features, loaded.adapter, loaded.read)


def _wait_until_queued(trunk: object, jobs: int) -> None:
    for _ in range(1000):
        if trunk._queue.qsize() >= jobs:  # type: ignore[attr-defined]
            return
        threading.Event().wait(0.01)
    raise AssertionError("the jobs were not queued")


def test_eight_threads_hammer_two_adapters(case: Case) -> None:
    pair = case.adapters[:2]
    references = [alone(case, adapter) for adapter in pair]

    def ask(number: int) -> float:
        which, text = number % 2, number % len(TEXTS)
        found = through_pool(pair[which], [TEXTS[text]])
        return (found - references[which][text]).abs().max().item()

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(ask, range(120))) < TOLERANCE


def test_models_that_load_at_once_leave_torch_as_it_was(case: Case) -> None:
    """transformers and accelerate patch these while they build; of two at once one would leave its patch behind."""
    before = torch.nn.Module.register_parameter, PreTrainedModel.tie_weights, torch.nn.init.normal_
    for _ in range(3):
        pool_module.pool.cache_clear()
        with ThreadPoolExecutor(len(case.adapters)) as threads:
            list(threads.map(through_pool, case.adapters))
    assert before == (torch.nn.Module.register_parameter, PreTrainedModel.tie_weights, torch.nn.init.normal_)


def test_an_exception_does_not_spoil_the_next_answer(case: Case) -> None:
    expected = alone(case, case.adapters[0])
    assert_close(through_pool(case.adapters[0]), expected)
    with lease_model(str(case.adapters[0])) as (_, loaded):
        bad = [{"input_ids": [1, 10_000, 2], "attention_mask": [1, 1, 1]}]  # a token id out of range, deep in the model
        with pytest.raises(IndexError):
            loaded.trunk.run(bad, loaded.adapter, loaded.read)
    assert_close(through_pool(case.adapters[0]), expected)
    assert_close(through_pool(case.adapters[1]), alone(case, case.adapters[1]))
