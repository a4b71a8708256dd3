"""What is said of a model's base: shared with others, or its own with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from playground.heads.loading import tunable_head
from playground.heads.sharing import sharing
from playground.i18n import LANGUAGES, Message, msg, render
from playground.models import pool as pool_module
from playground.models.resolve import resolve
from tests.heads.test_trunk_and_shells import FAMILIES, save_adapter, save_tokenizer


@pytest.fixture(autouse=True)
def fresh_pool() -> Iterator[None]:
    pool_module.pool.cache_clear()
    yield
    pool_module.pool.cache_clear()


def save_base(folder: Path, auto_class: type = AutoModel) -> Path:
    torch.manual_seed(1)
    auto_class.from_config(FAMILIES["bert"]).save_pretrained(folder)  # type: ignore[attr-defined]
    save_tokenizer(folder, segments=True)
    return folder


def said(found: Message) -> str:
    """Both languages say it; the English."""
    texts = [render(found, lang) for lang in LANGUAGES]
    assert all("{" not in text for text in texts)
    return texts[0]


def test_models_on_one_base_are_counted(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    for seed, shape in enumerate(("classes-2", "tags", "spans")):
        save_adapter(base, tmp_path / shape, shape, seed)
    assert sharing(str(tmp_path / "classes-2")) == msg("sharing.none", base=str(base))
    assert sharing(str(tmp_path / "tags")) == msg("sharing.one", base=str(base))
    assert sharing(str(tmp_path / "spans")) == msg("sharing.many", base=str(base), count=2)
    assert "with 2 other models" in said(sharing(str(tmp_path / "classes-2")))


def test_what_needs_its_own_base_says_why(tmp_path: Path) -> None:
    whole = save_base(tmp_path / "whole", AutoModelForSequenceClassification)
    assert sharing(str(whole)) == msg("sharing.own", reason=msg("sharing.why.whole"))
    # A masked-LM checkpoint has no pooler: BERT's classifier makes one, inside the base.
    base = save_base(tmp_path / "base", AutoModelForMaskedLM)
    save_adapter(base, tmp_path / "adapter", "classes-2", 1)
    found = sharing(str(tmp_path / "adapter"))
    assert found.key == "sharing.own"
    assert "pooler" in said(found)


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [("use_dora", True, "DoRA"), ("bias", "all", "bias"), ("layers_to_transform", [0], "layers_to_transform")],
)
def test_more_than_plain_lora_is_named(tmp_path: Path, setting: str, value: object, name: str) -> None:
    save_adapter(save_base(tmp_path / "base"), tmp_path / "adapter", "classes-2", 1)
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {setting: value}), encoding="utf-8")
    resolved = resolve(str(tmp_path / "adapter"))
    why = tunable_head(resolved).why_own_base(resolved)
    assert why is not None and name in said(why)
