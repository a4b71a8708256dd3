"""The riskiest assumption: many models on one base answer as if each were loaded alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from playground.fields import Row
from playground.heads import get_head, loading
from playground.heads.encoder import EncoderHead
from playground.heads.loading import lease_model, trunk_key
from playground.models import pool as pool_module
from playground.models.resolve import resolve
from playground.models.trunk import Features, Trunk
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
SHAPES = {
    "classes-2": ("sequence_classification", 2),
    "classes-3": ("sequence_classification", 3),
    "classes-7": ("sequence_classification", 7),
    "labels-3": ("multi_label", 3),
    "tags": ("token_classification", 3),
    "spans": ("extractive_qa", 0),
}
"""Adapters that live on one base: head, number of labels."""
AUTO_CLASSES = {
    "sequence_classification": AutoModelForSequenceClassification,
    "multi_label": AutoModelForSequenceClassification,
    "token_classification": AutoModelForTokenClassification,
    "extractive_qa": AutoModelForQuestionAnswering,
}
TEXTS = [
    "the cat sat on the mat",
    "a dog ran",
    "the very old bird flew over the big river and under the small tree",
    "not",
]
ROWS = [{"text": text, "question": "the old bird", "context": text} for text in TEXTS]


@dataclass
class Case:
    family: str
    base: Path
    adapters: list[Path]


SEGMENTS = ("bert", "bert-without-pooler")
"""Families whose tokenizers tell a question from its context by token_type_ids."""


def save_tokenizer(folder: Path, segments: bool) -> None:
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])],
    ).save_pretrained(folder)


def save_adapter(base: Path, folder: Path, shape: str, seed: int) -> None:
    """An adapter of that shape, its weights far from zero, as training would leave them."""
    name, size = SHAPES[shape]
    head = get_head(name)
    assert isinstance(head, EncoderHead)
    labels = [f"class {number}" for number in range(size)]
    torch.manual_seed(seed)
    model, tokenizer = head.new_model(resolve(str(base)), labels, TrainingParams(lora_r=2 + seed, lora_alpha=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                # Larger LoRA weights than training leaves make these tiny layer norms amplify rounding past 1e-5.
                parameter.normal_(std=0.1 if "lora" in name else 0.5)
    made = {"task": "classification", "labels": labels, "base": resolve(str(base)), "max_length": 64}
    head.save(model, folder, tokenizer=tokenizer, **made)


@pytest.fixture(scope="module", params=list(FAMILIES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    family, folder = request.param, tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    auto_class = AutoModelForMaskedLM if family == "bert-without-pooler" else AutoModel
    base = folder / "base"
    auto_class.from_config(FAMILIES[family]).save_pretrained(base)
    save_tokenizer(base, family in SEGMENTS)
    adapters = [folder / shape for shape in SHAPES]
    for seed, adapter in enumerate(adapters):
        save_adapter(base, adapter, adapter.name, seed)
    return Case(family, base, adapters)


@pytest.fixture(autouse=True)
def fresh_pool() -> None:
    pool_module.pool.cache_clear()


def alone(case: Case, adapter: Path) -> torch.Tensor:
    """The reference: the adapter loaded by plain PEFT on a base of its own, one row at a time; [rows, ...] padded."""
    name, size = SHAPES[adapter.name]
    outputs = 2 * size + 1 if name == "token_classification" else size or 2
    model = AUTO_CLASSES[name].from_pretrained(case.base, num_labels=outputs)
    tuned = PeftModel.from_pretrained(model, str(adapter)).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(case.base)
    found = []
    with torch.no_grad():
        for row in ROWS:
            texts = (row["question"], row["context"]) if name == "extractive_qa" else (row["text"],)
            output = tuned(**tokenizer(*texts, return_tensors="pt"))
            spans = name == "extractive_qa"
            logits = torch.stack([output.start_logits, output.end_logits], -1) if spans else output.logits
            found.append(logits[0])
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True)


def through_pool(adapter: Path, rows: list[Row] = ROWS) -> torch.Tensor:
    with lease_model(str(adapter)) as (head, loaded):
        _, logits = loaded.logits(head, rows)
        return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(values) for values in logits], batch_first=True)


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
    tags = references[list(SHAPES).index("tags")]
    assert (tags[:, :, 0] - tags[:, :, 1]).abs().max() > 0.01


def test_families_share_one_trunk_where_they_can(case: Case) -> None:
    keys = {trunk_key(resolve(str(adapter)))[0] for adapter in case.adapters}
    for adapter in case.adapters:
        through_pool(adapter)
    for adapter in case.adapters:
        with lease_model(str(adapter)) as (_, loaded):
            assert loaded.trunk.whole is (own_trunk(case, adapter))
            assert loaded.trunk.mixes is MIXES.get(case.family, True)
    own = sum(own_trunk(case, adapter) for adapter in case.adapters)
    assert len(keys) == len(pool_module.pool().keys()) == own + 1


def own_trunk(case: Case, adapter: Path) -> bool:
    """Only BERT's classifier reads the pooler that its base lacks; heads on tokens share that base too."""
    return not SHARES[case.family] and SHAPES[adapter.name][0] in ("sequence_classification", "multi_label")


def reloaded(case: Case) -> list[list[list]]:
    """What each adapter answers through the pool, and alone."""
    return [[through_pool(adapter).tolist(), alone(case, adapter).tolist()] for adapter in case.adapters]


def test_all_adapters_reloaded_in_one_fresh_process(case: Case, elsewhere: Executor) -> None:
    """What was saved is all there is: nothing random is created anew in another process."""
    for adapter, (pool, plain) in zip(case.adapters, elsewhere.submit(reloaded, case).result(), strict=True):
        assert_close(torch.tensor(plain), alone(case, adapter))
        assert_close(torch.tensor(pool), torch.tensor(plain))


def test_rows_of_several_adapters_in_one_batch(case: Case) -> None:
    references = [alone(case, adapter) for adapter in case.adapters]
    for adapter in case.adapters:
        through_pool(adapter)  # loaded before the clock: the next requests arrive together
    batches: list[list[str]] = []
    calls = [partial(features_through, adapter) for adapter in case.adapters]
    with lease_model(str(case.adapters[-1])) as (_, loaded):
        loaded.trunk.model.register_forward_pre_hook(
            lambda module, args, kwargs: batches.append(kwargs.get("adapter_names", [])), with_kwargs=True
        )
        shared = sum(not own_trunk(case, adapter) for adapter in case.adapters)
        with at_once(loaded.trunk, calls, shared) as answers:
            for answer, expected in zip(answers, references, strict=True):
                assert_close(answer.result(timeout=60), expected)
    if SHARES[case.family] and MIXES.get(case.family, True):
        assert any(len(set(names)) == len(SHAPES) for names in batches), batches


@contextmanager
def at_once(trunk: Trunk, calls: list[Callable[[], Any]], jobs: int) -> Iterator[list[Future[Any]]]:
    """What calls come to, of which so many are queued on the trunk before its worker takes up the first."""
    begun, gate = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait()

    with ThreadPoolExecutor(len(calls) + 1) as threads:
        threads.submit(trunk.call, wait)
        begun.wait()
        answers = [threads.submit(call) for call in calls]
        try:
            _wait_until_queued(trunk, jobs)
        finally:
            gate.set()
        yield answers


def features_through(adapter: Path) -> torch.Tensor:
    """As through_pool, but tokenized by the caller, so that the only job on the trunk is the forward."""
    with lease_model(str(adapter)) as (head, loaded):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(resolve(str(adapter)).base)
        windows = head.windows(tokenizer, ROWS, 64)
        found = loaded.run(head, windows)
        return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(values) for values in found], batch_first=True)


def _wait_until_queued(trunk: Trunk, jobs: int) -> None:
    for _ in range(1000):
        if trunk._queue.qsize() >= jobs:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the jobs were not queued")


def test_eight_threads_hammer_two_adapters(case: Case) -> None:
    pair = [case.adapters[1], case.adapters[3]]
    references = [alone(case, adapter) for adapter in pair]

    def ask(number: int) -> float:
        which, row = number % 2, number % len(ROWS)
        found = through_pool(pair[which], [ROWS[row]])[0]
        return (found - references[which][row][: len(found)]).abs().max().item()

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


def test_models_beyond_the_most_leave_their_trunk_and_come_back(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_SHELLS", 2)
    shared = [adapter for adapter in case.adapters if not own_trunk(case, adapter)]
    references = {adapter: alone(case, adapter) for adapter in shared}
    with lease_model(str(shared[0])) as (_, held):
        for _ in range(2):
            for adapter in shared:
                assert_close(through_pool(adapter), references[adapter])
                assert len(held.trunk.shells) <= 3
        # What is in use stays, whatever else comes and goes.
        assert any(loaded is held for loaded in held.trunk.shells.values())


def bad_row(trunk: Trunk) -> Features:
    """Its token ids are out of range, which fails deep in the model."""
    row = trunk.tokenizer(TEXTS[0])
    return {**row, "input_ids": [10_000] * len(row["input_ids"])}


def without_names(trunk: Trunk) -> torch.Tensor:
    """What the model makes of two rows where no adapters are named; [2, ...]."""
    inputs = trunk.tokenizer(TEXTS[:2], padding=True, return_tensors="pt").to(trunk.device.torch_device)
    return trunk.call(torch.no_grad()(lambda: trunk.model(**inputs)[0]))


def assert_no_hooks(trunk: Trunk) -> None:
    """None of those by which PEFT names an adapter for each row, nor what torch notes of them."""
    for module in trunk.model.modules():
        if isinstance(module, LoraLayer):
            assert not module._forward_pre_hooks and not module._forward_pre_hooks_with_kwargs


def test_an_exception_does_not_spoil_the_next_answer(case: Case) -> None:
    expected = alone(case, case.adapters[0])
    assert_close(through_pool(case.adapters[0]), expected)
    with lease_model(str(case.adapters[0])) as (_, loaded):
        before = without_names(loaded.trunk)
        with pytest.raises(IndexError):
            loaded.trunk.run([bad_row(loaded.trunk)], loaded.adapter, loaded.read)
        assert_no_hooks(loaded.trunk)
        assert_close(without_names(loaded.trunk), before)
    assert_close(through_pool(case.adapters[0]), expected)
    assert_close(through_pool(case.adapters[1]), alone(case, case.adapters[1]))


def test_a_bad_row_leaves_its_neighbours_answered(case: Case) -> None:
    """They go through in one batch, which fails, and are then tried alone."""
    shared = [adapter for adapter in case.adapters if not own_trunk(case, adapter)]
    pair = shared[:2] if MIXES.get(case.family, True) else shared[:1] * 2
    references = [alone(case, adapter) for adapter in pair]
    for adapter in pair:
        through_pool(adapter)
    rows: list[int] = []
    with lease_model(str(pair[0])) as (_, loaded):
        loaded.trunk.model.register_forward_pre_hook(
            lambda module, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
        )
        bad = partial(loaded.trunk.run, [bad_row(loaded.trunk)], loaded.adapter, loaded.read)
        calls = [partial(features_through, pair[0]), bad, partial(features_through, pair[1])]
        with at_once(loaded.trunk, calls, len(calls)) as (first, failed, second):
            with pytest.raises(IndexError):
                failed.result(timeout=60)
            for answer, expected in zip((first, second), references, strict=True):
                assert_close(answer.result(timeout=60), expected)
    assert max(rows) == 2 * len(ROWS) + 1
