"""A model folder that brings code of its own: the code is not run, whatever else becomes of the model."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from playground.errors import PlaygroundError
from playground.services.predict import predict_rows

ROWS = [{"text": "good"}]
AUTO_MAP = {
    f"Auto{kind}": f"code.{name}"
    for kind, name in {
        "Config": "Config",
        "Model": "Model",
        "ModelForSequenceClassification": "Model",
        "Tokenizer": "Words",
    }.items()
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound classifier beside code.py, which leaves a mark when it is imported."""
    folder = tmp_path / "model"
    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "good": 2, "bad": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=4, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        id2label={0: "no", 1: "yes"},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    mark = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    classes = "".join(f"class {name}:\n    pass\n" for name in ("Config", "Model", "Words"))
    (folder / "code.py").write_text(mark + classes)
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_mark_is_left_by_who_trusts_the_code(folder: Path, tmp_path: Path) -> None:
    """What the other tests rely on."""
    from transformers import AutoConfig

    change(folder / "config.json", auto_map=AUTO_MAP, model_type="its-own")
    with suppress(Exception):  # the class is none that transformers can use; it was imported by then
        AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert (tmp_path / "ran").exists()


def test_a_model_of_a_known_kind_is_built_by_the_library(folder: Path, tmp_path: Path) -> None:
    change(folder / "config.json", auto_map=AUTO_MAP)
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["code.Words", None]})
    [scores] = predict_rows("classification", ROWS, model=str(folder))
    assert {one["label"] for one in scores} == {"yes", "no"}
    assert not (tmp_path / "ran").exists()


def test_a_model_that_only_its_code_can_build_is_refused(folder: Path, tmp_path: Path) -> None:
    change(folder / "config.json", auto_map=AUTO_MAP, model_type="its-own", architectures=["Model"])
    with pytest.raises(PlaygroundError) as refused:
        predict_rows("classification", ROWS, model=str(folder))
    assert refused.value.code == "model_unloadable" and "code of their own" in refused.value.text("en")
    assert not (tmp_path / "ran").exists()
