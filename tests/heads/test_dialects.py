"""Every family is told languages in its own way, and says which it knows: the real tokenizers, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from playground.errors import PlaygroundError
from playground.heads.dialects import Coded, Dialect, Prefixed, Prompted, Started, dialect_of
from playground.heads.directions import direction
from playground.heads.seq2seq import HEAD
from playground.models.files import load_pretrained, load_tokenizer
from playground.models.resolve import resolve

from .writers import FAMILIES, MULTI_MARIAN, marian, mbart50, t5

LONGEST = 64
KINDS = {
    "marian": Dialect, "bart": Prompted, "t5": Prompted, "flan-t5": Prompted, "m2m100": Coded, "nllb": Coded,
    "mbart50": Coded, "mbart": Started,
}  # fmt: skip
OWN = {"m2m100": ("__en__", "__zh__"), "nllb": ("eng_Latn", "zho_Hans"), "mbart50": ("en_XX", "zh_CN")}


def loaded(folder: Path) -> tuple[Any, Any]:
    resolved = resolve(str(folder))
    assert resolved.head == "seq2seq"
    return load_tokenizer(resolved), load_pretrained(AutoModelForSeq2SeqLM, resolved, dtype=torch.float32)


def decoder_inputs(model: Any, batch: Any) -> torch.Tensor:
    """What the decoder is given while the model trains on a batch: [B, T]."""
    seen: list[torch.Tensor] = []
    model.get_decoder().register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"]), with_kwargs=True
    )
    assert model(**batch).loss.isfinite()
    return seen[0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in FAMILIES.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_examples_are_what_the_decoder_must_write(folders: dict[str, Path], family: str) -> None:
    tokenizer, model = loaded(folders[family])
    rows = [
        {"text": "The cat sat on the mat.", "translation": "猫坐在垫子上。", "source": "en", "target": "zh"},
        {"text": "I love you.", "translation": "我爱你。", "source": "en", "target": "zh"},
    ]
    features = HEAD.examples(tokenizer, rows, LONGEST, ())
    batch = HEAD.collator(tokenizer)([dict(row) for row in features])
    last = tokenizer.convert_tokens_to_ids("zh_CN") if family == "mbart" else tokenizer.eos_token_id
    assert all(row["labels"][-1] == last for row in features)
    assert batch["labels"][1, -1] == -100 and (batch["labels"] != tokenizer.pad_token_id).all()
    starts = decoder_inputs(model, batch)
    assert (starts[:, 0] == (last if family == "mbart" else model.config.decoder_start_token_id)).all()
    assert dialect_of(tokenizer).texts(torch.tensor([features[0]["labels"]])) == ["猫坐在垫子上。"]
    if family in OWN:
        told = tokenizer.convert_tokens_to_ids(list(OWN[family]))
        assert features[0]["input_ids"][0] == told[0] and features[0]["labels"][0] == told[1]
        assert dialect_of(tokenizer).options("zh") == {"forced_bos_token_id": told[1]}
        assert (starts[:, 1] == told[1]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stateful_tokenizer_forgets_the_last_request(folders: dict[str, Path], family: str) -> None:
    tokenizer, model = loaded(folders[family])
    dialect = dialect_of(tokenizer, model, tuned=True)
    assert type(dialect) is KINDS[family]
    first = dialect.sources(["I love you."], "en", "zh", LONGEST)
    dialect.targets(["我爱你。"], "zh", LONGEST)
    if family != "marian":
        assert family == "bart" or dialect.sources(["I love you."], "zh", "en", LONGEST) != first
        dialect.targets(["I love you."], "en", LONGEST)
    assert dialect.sources(["I love you."], "en", "zh", LONGEST) == first
    assert all(len(row["input_ids"]) == 9 for row in dialect.sources(["I love you. " * 9], "en", "zh", 9))


def test_what_families_know(folders: dict[str, Path], tmp_path: Path) -> None:
    known = {family: dialect_of(*loaded(folder)) for family, folder in folders.items()}
    assert (known["marian"].reads, known["marian"].writes) == (("en",), ("zh",))
    assert (known["t5"].reads, known["t5"].writes) == (("en",), ("de", "fr"))
    assert (known["bart"].reads, known["bart"].writes) == ((), ())
    assert len(known["m2m100"].writes) == 100 and {"zh", "en", "nso", "ar", "fil"} <= set(known["m2m100"].writes)
    assert len(known["nllb"].writes) == 199 and {"zh", "zh-Hant", "yue", "en"} <= set(known["nllb"].writes)
    assert (known["mbart"].reads, known["mbart"].writes) == (("en",), ("zh",))
    assert len(known["mbart50"].writes) == 52 and known["mbart50"].languages == known["mbart50"].reads

    plain = dialect_of(*loaded(t5(tmp_path / "mt5", gated=True, prefixes=False)))
    assert type(plain) is Dialect and plain.languages == ()
    group = dialect_of(load_tokenizer(resolve(str(marian(tmp_path / "mul", "mul", "eng")))))
    assert (group.reads, group.writes) == ((), ("en",))

    one = mbart50(tmp_path / "to-one")
    tokenizer, model = loaded(one)
    model.generation_config.forced_bos_token_id = tokenizer.convert_tokens_to_ids("en_XX")
    assert dialect_of(tokenizer, model).writes == ("en",)


def test_marian_of_several_targets_begins_with_a_mark(tmp_path: Path) -> None:
    dialect = dialect_of(load_tokenizer(resolve(str(marian(tmp_path, tokens=(">>cmn<<", *MULTI_MARIAN))))))
    assert isinstance(dialect, Prefixed)
    assert dialect.marks == {"zh": ">>cmn_Hans<<", "zh-Hant": ">>cmn_Hant<<", "yue": ">>yue_Hant<<"}
    assert direction(dialect, "I love you.", "", "") == ("en", "zh")
    plain = Dialect(dialect.tokenizer).sources(["I love you."], "en", "zh", LONGEST)[0]["input_ids"]
    mark = dialect.tokenizer.convert_tokens_to_ids(">>cmn_Hant<<")
    assert dialect.sources(["I love you."], "en", "zh-Hant", LONGEST)[0]["input_ids"] == [mark, *plain]


def test_t5_is_asked_in_english(folders: dict[str, Path]) -> None:
    tokenizer, model = loaded(folders["t5"])
    dialect = dialect_of(tokenizer, model)
    said = tokenizer("translate English to German: I love you.")["input_ids"]
    assert dialect.sources(["I love you."], "en", "de", LONGEST)[0]["input_ids"] == said
    with pytest.raises(PlaygroundError, match=r"does not know Chinese.*from English into German, French"):
        direction(dialect, "I love you.", "en", "zh")
    assert direction(dialect_of(tokenizer, model, tuned=True), "I love you.", "en", "zh") == ("en", "zh")


ONE_WAY = Dialect(None, ("en",), ("zh",))
BOTH_WAYS = Dialect(None, ("en", "zh"), ("en", "zh"))
MANY = Dialect(None, ("de", "en", "ja", "nb", "zh"), ("de", "en", "ja", "nb", "zh", "zh-Hant"))
UNKNOWN = Dialect(None)
CHINESE = "今天天气很好，我们去公园吧。"
ENGLISH = "It is a lovely day, let us go to the park."


@pytest.mark.parametrize(
    ("dialect", "text", "source", "target", "expected"),
    [
        (ONE_WAY, ENGLISH, "", "", ("en", "zh")),
        (BOTH_WAYS, ENGLISH, "", "", ("en", "zh")),
        (BOTH_WAYS, CHINESE, "", "", ("zh", "en")),
        (BOTH_WAYS, CHINESE, "", "en", ("zh", "en")),
        (BOTH_WAYS, ENGLISH, "en", "", ("en", "zh")),
        (BOTH_WAYS, "12345", "", "zh", ("en", "zh")),
        (BOTH_WAYS, CHINESE, "zh-Hant", "en", ("zh", "en")),
        (BOTH_WAYS, "OpenAI GPT", "zh", "en", ("zh", "en")),
        (MANY, CHINESE, "", "zh-Hant", ("zh", "zh-Hant")),
        (MANY, "東京都知事選挙、開票始まる", "ja", "zh", ("ja", "zh")),
        (MANY, "今日はいい天気ですね。", "", "zh", ("ja", "zh")),
        (MANY, ENGLISH, "no", "de", ("nb", "de")),
        (UNKNOWN, ENGLISH, "", "", ("", "")),
        (UNKNOWN, ENGLISH, "xh", "de", ("xh", "de")),
        (Dialect(None, (), ("en", "zh")), CHINESE, "", "en", ("", "en")),
    ],
)
def test_directions(dialect: Dialect, text: str, source: str, target: str, expected: tuple[str, str]) -> None:
    assert direction(dialect, text, source, target, strict=True) == expected


@pytest.mark.parametrize(
    ("dialect", "text", "source", "target", "code", "words"),
    [
        (ONE_WAY, CHINESE, "zh", "en", "wrong_direction", "英语翻译成中文，不能把中文翻译成英语"),
        (ONE_WAY, CHINESE, "zh", "", "wrong_direction", "英语"),
        (ONE_WAY, ENGLISH, "en", "fr", "language_not_of_model", "法语"),
        (BOTH_WAYS, ENGLISH, "en", "zh-Hant", "language_not_of_model", "繁体"),
        (BOTH_WAYS, ENGLISH, "en", "en", "languages_equal", "英语"),
        (BOTH_WAYS, ENGLISH, "zh", "en", "text_in_target_language", "对调"),
        # It may be any language in these letters, so it is not called English.
        (BOTH_WAYS, "Le chat est assis sur le tapis rouge.", "zh", "en", "text_in_target_language", "如果它就是英语"),
        (ONE_WAY, CHINESE, "", "", "text_in_target_language", "中文"),
        (MANY, ENGLISH, "", "zh", "source_open", "德语、英语、日语"),
        (MANY, CHINESE, "zh", "", "language_open", "德语"),
    ],
)
def test_refusals_name_what_the_model_can(
    dialect: Dialect, text: str, source: str, target: str, code: str, words: str
) -> None:
    with pytest.raises(PlaygroundError) as refused:
        direction(dialect, text, source, target, strict=True)
    assert refused.value.code == code
    assert words in refused.value.text("zh") and "{" not in refused.value.text("en")


def test_rows_without_languages_are_found_by_their_script(folders: dict[str, Path]) -> None:
    tokenizer, _ = loaded(folders["marian"])
    rows = [{"text": ENGLISH, "translation": CHINESE}]
    told = [{**rows[0], "source": "en", "target": "zh"}]
    assert HEAD.examples(tokenizer, rows, LONGEST, ()) == HEAD.examples(tokenizer, told, LONGEST, ())
    with pytest.raises(PlaygroundError) as refused:
        HEAD.examples(load_tokenizer(resolve(str(folders["nllb"]))), rows, LONGEST, ())
    assert refused.value.code == "source_open"


def test_bad_words_and_forced_tokens_come_with_the_files(folders: dict[str, Path], tmp_path: Path) -> None:
    _, model = loaded(folders["marian"])
    assert model.generation_config.bad_words_ids == [[model.config.pad_token_id]]
    # Before generation_config.json these stood in config.json.
    older = marian(tmp_path / "older")
    (older / "generation_config.json").unlink()
    config = json.loads((older / "config.json").read_text())
    (older / "config.json").write_text(
        json.dumps({**config, "bad_words_ids": [[config["pad_token_id"]]], "num_beams": 6})
    )
    _, model = loaded(older)
    assert model.generation_config.bad_words_ids == [[model.config.pad_token_id]]
    assert model.generation_config.forced_eos_token_id == 0
