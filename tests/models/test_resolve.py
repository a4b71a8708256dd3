from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.models.catalog import Entry, catalog, packaged_folder
from playground.models.resolve import resolve, starters
from tests.models.hub_server import COMMIT, serve_hub

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


def test_weights_that_are_not_the_expected_ones_are_refused() -> None:
    good = catalog()[MINILM]
    forged = Entry(**{**good.__dict__, "sha256": "0" * 64})
    with pytest.raises(PlaygroundError) as caught:
        packaged_folder(forged)
    assert caught.value.code == "model_checksum"


def test_every_starter_resolves_to_its_base() -> None:
    for model_id in starters():
        found = resolve(model_id)
        assert resolve(found.base).revision == found.revision
        assert bool(found.labels) == (found.head not in ("embedding", "extractive_qa"))


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


RESOLVE = """
import json, sys
from playground.errors import PlaygroundError
from playground.models.resolve import resolve
try:
    found = resolve(sys.argv[1])
    print(json.dumps({"folder": str(found.folder), "files": sorted(p.name for p in found.folder.iterdir())}))
except PlaygroundError as error:
    print(json.dumps({"code": error.code, "text": error.text("en")}))
"""


def resolve_elsewhere(model_id: str, cache: Path, endpoint: str) -> dict[str, object]:
    """huggingface_hub reads its environment once, so another endpoint needs another process."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", RESOLVE, model_id], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_hub_model_is_downloaded_once_and_then_found_in_the_cache(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(resolve(MINILM).folder, repository)
    (repository / "pytorch_model.bin").write_bytes(b"never fetched")
    with serve_hub({"someone/small-model": repository}) as endpoint:
        first = resolve_elsewhere("someone/small-model", tmp_path / "cache", endpoint)
        assert "model.safetensors" in first["files"] and "pytorch_model.bin" not in first["files"]  # type: ignore[operator]
        assert COMMIT in str(first["folder"])
        missing = resolve_elsewhere("someone/nothing", tmp_path / "cache", endpoint)
        assert missing["code"] == "not_on_hub"
    # The server is gone: the cache alone answers.
    again = resolve_elsewhere("someone/small-model", tmp_path / "cache", endpoint)
    assert again == first


def test_offline_is_said_in_one_sentence_with_what_to_do(tmp_path: Path) -> None:
    found = resolve_elsewhere("someone/small-model", tmp_path, "http://127.0.0.1:9")
    assert found["code"] == "model_offline"
    assert "starter/" in str(found["text"])
