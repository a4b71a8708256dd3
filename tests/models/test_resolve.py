from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.models.catalog import Entry, catalog, packaged_folder
from playground.models.resolve import resolve, resolve_base, starters

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def refused(model_id: str) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        resolve(model_id)
    return caught.value


def test_the_bundled_base_is_found_without_network_and_pinned() -> None:
    base = resolve(MINILM)
    assert (base.folder / "model.safetensors").is_file()
    assert (base.kind, base.head) == ("model", "")
    assert base.revision == catalog()[MINILM].revision and len(str(base.revision)) == 40


def test_a_base_may_be_named_with_its_revision() -> None:
    """A run keeps what was asked for, and beside it the commit that it was then."""
    pinned = resolve(f"{MINILM}@{catalog()[MINILM].revision}")
    for name in (MINILM, f"{MINILM}@{pinned.revision}", f"{MINILM}@main"):
        assert resolve_base(name, pinned.revision) == pinned


def test_weights_that_are_not_the_expected_ones_are_refused() -> None:
    good = catalog()[MINILM]
    forged = Entry(**{**good.__dict__, "sha256": "0" * 64})
    with pytest.raises(PlaygroundError) as caught:
        packaged_folder(forged)
    assert caught.value.code == "model_checksum"


BASED = ("adapter", "probe")


def test_every_starter_resolves_to_its_base() -> None:
    without = ("embedding", "extractive_qa", "seq2seq", "causal_lm", "extractive_summary")
    for model_id in starters():
        found = resolve(model_id)
        if found.kind not in ("model", "bare"):
            assert resolve(found.base).revision == found.revision
        assert bool(found.labels) == (found.head not in without) and bool(found.base) == (found.kind in BASED)


@pytest.mark.parametrize(
    ("model_id", "code"),
    [
        ("starter/../models", "unknown_starter"),
        ("starter/nothing", "unknown_starter"),
        ("run/../../etc", "unknown_run"),
        ("run/20260101-000000-0123456789abcdef", "unknown_run"),
        ("", "bad_model_id"),
        ("a/b/c", "bad_model_id"),
        ("owner/na me", "bad_model_id"),
        ("https://example.org/model", "bad_model_id"),
        ("/nonexistent/folder", "no_model_folder"),
    ],
)
def test_bad_names_are_refused_with_a_remedy(model_id: str, code: str) -> None:
    error = refused(model_id)
    assert error.code == code
    assert error.text("en") and error.text("zh")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert refused(str(tmp_path)).code == "no_safetensors"


@pytest.mark.parametrize(
    ("config", "head"),
    [
        ({"architectures": ["Gemma3ForConditionalGeneration"], "text_config": {}, "vision_config": {}}, "causal_lm"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "seq2seq"),
        (
            {
                "architectures": ["Pix2StructForConditionalGeneration"], "text_config": {}, "is_encoder_decoder": True,
            },
            "seq2seq",
        ),
        ({"architectures": ["MarianMTModel"]}, "seq2seq"),
    ],
)  # fmt: skip
def test_a_decoder_that_also_sees_is_a_language_model(tmp_path: Path, config: dict[str, Any], head: str) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert resolve(str(tmp_path)).head == head


def test_a_hostile_adapter_is_refused_before_peft_sees_it(tmp_path: Path) -> None:
    from playground.models.files import load_adapter_config

    sound = {"peft_type": "LORA", "r": 8, "target_modules": ["query"]}
    for change in (
        {"r": 10**9},
        {"r": -1},
        {"target_modules": ".*"},
        {"peft_type": "X_LORA"},
        {"rank_pattern": {"query": 10**6}},
        {"auto_mapping": {"parent_library": "os"}},
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps({**sound, **change}))
        with pytest.raises(PlaygroundError) as caught:
            load_adapter_config(tmp_path)
        assert caught.value.code == "bad_adapter_config", change
    (tmp_path / "adapter_config.json").write_text(json.dumps(sound))
    assert load_adapter_config(tmp_path).r == 8


def test_a_model_that_is_not_here_is_said_in_one_sentence_with_what_to_do() -> None:
    error = refused("nobody/none")
    assert error.code == "model_not_here"
    assert "playground download nobody/none" in error.text("en") and "starter/" in error.text("en")
