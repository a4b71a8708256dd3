"""Networks from nothing: they learn, come back from their files, and their tokenizers lose nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast, set_seed

from playground.errors import PlaygroundError
from playground.heads.scratch import ARCHITECTURES, Sizes, architecture, choose_sizes, new_model, new_tokenizer
from playground.models.resolve import describe

ROOT = Path(__file__).resolve().parents[2]
CASES = [(kind.id, head) for kind in ARCHITECTURES.values() for head in kind.heads]
IDS = [f"{name.split('/')[1]}-{head}" for name, head in CASES]
TEXTS = ["good film by Ann Lee", "a bad film", "very good and long play by Bob", "bad , bad play", "good 好电影"] * 3
TRANSLATIONS = ["我爱你。", "今天天气很好！", "我们去北京大学。", "你好，世界", "再见"] * 3
LABELS = {
    "sequence_classification": ("good", "bad"), "multi_label": ("good", "bad", "long"),
    "token_classification": ("O", "B-PER", "I-PER"),
}  # fmt: skip
SMALL = Sizes(vocab_size=600, hidden_size=32, layers=1, dropout=0.0, max_length=64)
MIXED = [
    "Hello world",
    "  two blanks  and more  ",
    "one\n\ntwo\r\n\tthree",
    "我们爱 Python 很好用，真的！",
    "emoji 😀 👩‍🚀 é naïve",
    "unseen: 龘 Ω ﷺ",
    "",
    " 我",
]
FRESH = """
import json, sys, torch
import playground.heads
import transformers
from safetensors.torch import load_file, save_file

for folder, auto, inputs in json.load(open(sys.argv[1])):
    model = getattr(transformers, auto).from_pretrained(
        folder, use_safetensors=True, trust_remote_code=False, local_files_only=True,
        dtype=torch.float32, device_map={"": "cpu"},
    )
    with torch.no_grad():
        output = model(**load_file(inputs))
    names = [name for name in ("logits", "start_logits", "end_logits") if name in output]
    save_file({name: output[name].contiguous() for name in names}, folder + "/answers.safetensors")
"""
AUTO = {
    "sequence_classification": "AutoModelForSequenceClassification",
    "multi_label": "AutoModelForSequenceClassification",
    "token_classification": "AutoModelForTokenClassification",
    "extractive_qa": "AutoModelForQuestionAnswering",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "summarizing": "AutoModelForSeq2SeqLM",
    "causal_lm": "AutoModelForCausalLM",
}


@dataclass
class Trained:
    """A network after some steps on a toy problem."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    inputs: dict[str, torch.Tensor]
    losses: list[float]
    folder: Path


def toy(head: str, tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """A padded batch whose labels are told by its words."""
    texts = TEXTS[:5]
    if head == "extractive_qa":
        batch = tokenizer(["who"] * 5, texts, padding=True, return_tensors="pt")
        last = batch["attention_mask"].sum(1) - 2
        return {**batch, "start_positions": last, "end_positions": last.clone()}
    if head in ("seq2seq", "summarizing"):
        return dict(tokenizer(texts, text_target=TRANSLATIONS[:5], padding=True, return_tensors="pt"))
    batch = dict(tokenizer(texts, padding=True, return_tensors="pt"))
    if head == "sequence_classification":
        return {**batch, "labels": torch.tensor([0, 1, 0, 1, 0])}
    if head == "multi_label":
        return {**batch, "labels": torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 0]]).float()}
    if head == "causal_lm":
        return {**batch, "labels": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)}
    return {**batch, "labels": (batch["input_ids"] % 3).masked_fill(batch["attention_mask"] == 0, -100)}


def logits(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        output = model.eval()(**inputs)
    return {name: output[name] for name in ("logits", "start_logits", "end_logits") if name in output}


def hashes() -> list[str]:
    """What tells whether a tokenizer is the same, of every kind of them."""
    found = []
    for name, tokens in product(("scratch/transformer", "scratch/seq2seq"), ("words", "subwords", "characters")):
        sizes = choose_sizes(architecture(name), 1000, Sizes(tokens=tokens, vocab_size=650))
        made = new_tokenizer(name, TEXTS + TRANSLATIONS, sizes).backend_tokenizer.to_str()
        found.append(sha256(made.encode()).hexdigest())
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Trained]:
    """Every architecture with every head, trained, saved in shards and read by one fresh process."""
    found, asked = {}, []
    for name, head in CASES:
        set_seed(0)
        sizes = choose_sizes(architecture(name), 1000, SMALL, head)
        tokenizer = new_tokenizer(name, TEXTS + TRANSLATIONS, sizes)
        model = new_model(name, head, tokenizer, LABELS.get(head, ()), sizes)
        inputs = toy(head, tokenizer)
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        losses = []
        for _ in range(20):
            loss = model.train()(**inputs).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        folder = tmp_path_factory.mktemp("scratch")
        model.save_pretrained(folder, max_shard_size="20KB")
        tokenizer.save_pretrained(folder)
        save_file(inputs, folder / "inputs")
        asked.append((str(folder), AUTO[head], str(folder / "inputs")))
        found[name, head] = Trained(model, tokenizer, inputs, losses, folder)
    orders = tmp_path_factory.mktemp("orders") / "orders.json"
    orders.write_text(json.dumps(asked))
    subprocess.run([sys.executable, "-c", FRESH, str(orders)], cwd=ROOT, check=True, capture_output=True)
    return found


@pytest.mark.parametrize(("name", "head"), CASES, ids=IDS)
def test_it_learns(trained: dict[tuple[str, str], Trained], name: str, head: str) -> None:
    losses = trained[name, head].losses
    assert losses[-1] < 0.7 * losses[0], losses


@pytest.mark.parametrize(("name", "head"), CASES, ids=IDS)
def test_a_fresh_process_reads_the_shards(trained: dict[tuple[str, str], Trained], name: str, head: str) -> None:
    case = trained[name, head]
    assert len(list(case.folder.glob("model-*.safetensors"))) > 1
    expected, found = logits(case.model, case.inputs), load_file(case.folder / "answers.safetensors")
    assert expected.keys() == found.keys()
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], atol=1e-6, rtol=0)
    assert next(case.model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(("name", "head"), CASES, ids=IDS)
def test_padding_changes_nothing(trained: dict[tuple[str, str], Trained], name: str, head: str) -> None:
    case = trained[name, head]
    given = {key: case.inputs[key] for key in case.tokenizer.model_input_names}
    if head in ("seq2seq", "summarizing"):
        given["decoder_input_ids"] = case.inputs["labels"]
    together = logits(case.model, given)
    for row in range(len(TEXTS[:5])):
        length = int(given["attention_mask"][row].sum())
        alone = {key: value[row : row + 1, :length] for key, value in given.items() if key != "decoder_input_ids"}
        if head in ("seq2seq", "summarizing"):
            alone["decoder_input_ids"] = given["decoder_input_ids"][row : row + 1]
        for key, value in logits(case.model, alone).items():
            same = value.shape[1:] == together[key].shape[1:]
            other = together[key][row : row + 1] if same else together[key][row : row + 1, :length]
            torch.testing.assert_close(value, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "head"), CASES, ids=IDS)
def test_auto_tokenizer_gives_the_same_tokenizer(trained: dict[tuple[str, str], Trained], name: str, head: str) -> None:
    case = trained[name, head]
    again = AutoTokenizer.from_pretrained(case.folder, trust_remote_code=False, local_files_only=True)
    assert again.backend_tokenizer.to_str() == case.tokenizer.backend_tokenizer.to_str()
    assert again(MIXED) == case.tokenizer(MIXED)
    assert again.model_max_length == SMALL.max_length and again.pad_token_id == case.model.config.pad_token_id == 0


@pytest.mark.parametrize("name", ["scratch/bag", "scratch/mlp", "scratch/bilstm", "scratch/transformer"])
@pytest.mark.parametrize("head", ["sequence_classification", "multi_label"])
def test_the_files_tell_head_and_labels(trained: dict[tuple[str, str], Trained], name: str, head: str) -> None:
    described = describe("run/x", trained[name, head].folder)
    assert (described.kind, described.head, described.labels) == ("model", head, LABELS[head])


def test_longer_texts_than_the_fixed_length_are_cut(trained: dict[tuple[str, str], Trained]) -> None:
    model = trained["scratch/mlp", "sequence_classification"].model
    ids = torch.arange(80).remainder(20).unsqueeze(0)
    torch.testing.assert_close(logits(model, {"input_ids": ids}), logits(model, {"input_ids": ids[:, :64]}))


def test_a_bag_knows_pairs_in_their_order(trained: dict[tuple[str, str], Trained]) -> None:
    """The same words in another order are other pairs; the first and last word of a pair are not exchangeable."""
    model = trained["scratch/bag", "sequence_classification"].model
    one, other = (logits(model, {"input_ids": torch.tensor([ids])})["logits"] for ids in ([7, 8, 9], [9, 8, 7]))
    assert not torch.allclose(one, other)
    model.pairs.weight.data.zero_()
    one, other = (logits(model, {"input_ids": torch.tensor([ids])})["logits"] for ids in ([7, 8, 9], [9, 8, 7]))
    torch.testing.assert_close(one, other)


def test_an_empty_row_has_an_answer(trained: dict[tuple[str, str], Trained]) -> None:
    for name in ("scratch/bag", "scratch/mlp", "scratch/bilstm"):
        model = trained[name, "sequence_classification"].model
        inputs = {"input_ids": torch.zeros(2, 3, dtype=torch.long), "attention_mask": torch.tensor([[0] * 3, [1] * 3])}
        assert logits(model, inputs)["logits"].isfinite().all()


def test_translations_are_generated(trained: dict[tuple[str, str], Trained]) -> None:
    case = trained["scratch/seq2seq", "seq2seq"]
    assert case.model.generation_config.decoder_start_token_id == case.tokenizer.pad_token_id
    written = case.model.generate(**case.tokenizer(TEXTS[:2], padding=True, return_tensors="pt"), max_new_tokens=5)
    assert written.shape[0] == 2 and (written[:, 1:2] != case.tokenizer.pad_token_id).all()


def test_text_is_continued(trained: dict[tuple[str, str], Trained]) -> None:
    case = trained["scratch/gpt", "causal_lm"]
    given = case.tokenizer("a bad", return_tensors="pt")
    written = case.model.generate(**given, max_new_tokens=3, do_sample=False)
    assert written.shape[1] > given["input_ids"].shape[1]
    assert case.tokenizer.decode(written[0]).startswith("a bad")


@pytest.mark.parametrize("tokens", ["words", "subwords", "characters"])
@pytest.mark.parametrize("name", ["scratch/seq2seq", "scratch/gpt"])
def test_writers_lose_nothing(name: str, tokens: Any) -> None:
    sizes = choose_sizes(architecture(name), 1000, Sizes(tokens=tokens, vocab_size=700))
    tokenizer = new_tokenizer(name, TEXTS + TRANSLATIONS, sizes, ["<2zh>"])
    for text in [*MIXED, *TEXTS, *TRANSLATIONS]:
        encoded = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in encoded
        assert tokenizer.decode(encoded, skip_special_tokens=True) == text
    assert tokenizer("<2zh>good")["input_ids"][0] == tokenizer.convert_tokens_to_ids("<2zh>")
    assert tokenizer.decode(tokenizer("<2zh>good film")["input_ids"], skip_special_tokens=True) == "good film"


def test_what_is_written_goes_behind_what_was_there() -> None:
    sizes = choose_sizes(architecture("scratch/gpt"), 1000)
    tokenizer = new_tokenizer("scratch/gpt", TEXTS, sizes)
    ids = tokenizer("good film by Ann")["input_ids"]
    for cut in range(len(ids)):
        assert tokenizer.decode(ids[:cut]) + tokenizer.decode(ids[cut:]) == "good film by Ann"


@pytest.mark.parametrize("tokens", ["words", "subwords", "characters"])
@pytest.mark.parametrize("name", ["scratch/bilstm", "scratch/transformer"])
def test_places_are_exact(name: str, tokens: Any) -> None:
    sizes = choose_sizes(architecture(name), 1000, Sizes(tokens=tokens))
    tokenizer = new_tokenizer(name, TEXTS + TRANSLATIONS, sizes)
    text = "昨天ABC公司的Ann Lee 😀去北京大学，İ Ｗide 3.5！"
    found = tokenizer(text, return_offsets_mapping=True)["offset_mapping"][1:-1]
    places = [pair for place, pair in enumerate(found) if place == 0 or pair != found[place - 1]]
    assert all(left[1] <= right[0] for left, right in pairwise(places))
    covered = "".join(text[start:end] for start, end in places)
    assert covered.replace(" ", "") == text.replace(" ", "")
    assert ("北京大学" in [text[start:end] for start, end in places]) == (tokens == "words")


def test_questions_and_contexts() -> None:
    sizes = choose_sizes(architecture("scratch/transformer"), 1000, head_name="extractive_qa")
    tokenizer = new_tokenizer("scratch/transformer", TEXTS, sizes)
    batch = tokenizer(
        ["who"],
        ["good film by Ann Lee " * 20],
        truncation="only_second",
        max_length=20,
        stride=5,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert len(batch["input_ids"]) > 3 and all(len(ids) <= 20 for ids in batch["input_ids"])
    assert set(batch["token_type_ids"][0]) == {0, 1}
    assert set(batch.sequence_ids(0)) == {None, 0, 1}


@pytest.mark.slow
def test_the_same_texts_give_the_same_tokenizer_in_another_process() -> None:
    code = "import json, tests.heads.test_scratch as test; print(json.dumps(test.hashes()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == hashes()


def test_a_rare_word_is_unknown_to_a_reader_of_words() -> None:
    sizes = choose_sizes(architecture("scratch/mlp"), 1000)
    tokenizer = new_tokenizer("scratch/mlp", ["a cat", "a cat", "a dog"], sizes)
    assert tokenizer.tokenize("A cat , a dog") == ["a", "cat", "[UNK]", "a", "[UNK]"]


def test_sizes_follow_the_data_and_the_wish() -> None:
    kind = architecture("scratch/transformer")
    little, much = choose_sizes(kind, 10_000), choose_sizes(kind, 50_000_000)
    assert little.hidden_size < much.hidden_size and little.layers < much.layers and little.dropout > much.dropout
    assert choose_sizes(kind, 10_000, Sizes(hidden_size=96)).heads == 4
    assert choose_sizes(architecture("scratch/bilstm"), 1, head_name="token_classification").tokens == "subwords"
    with pytest.raises(PlaygroundError) as caught:
        choose_sizes(kind, 10_000, Sizes(hidden_size=100, heads=3))
    assert caught.value.code == "uneven_heads"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PlaygroundError) as caught:
        architecture("scratch/perceptron")
    assert "scratch/bilstm" in str(caught.value)
    sizes = choose_sizes(architecture("scratch/mlp"), 1000)
    tokenizer = new_tokenizer("scratch/mlp", TEXTS, sizes)
    with pytest.raises(PlaygroundError) as caught:
        new_model("scratch/mlp", "extractive_qa", tokenizer, (), sizes)
    assert caught.value.code == "family_without_head"
