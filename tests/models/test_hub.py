from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.models import hub
from playground.models.files import load_tokenizer
from playground.models.resolve import describe, resolve
from playground.settings import settings
from tests.heads.writers import marian
from tests.hub_server import COMMIT, Hub, Repository, running_hub, use_hub

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = 2**20
CARD = {
    "pipeline_tag": "text-classification",
    "tags": ["safetensors", "transformers", "license:mit"],
    "cardData": {"license": "mit", "language": ["en", "zh"]},
    "safetensors": {"parameters": {"F32": 1000}, "total": 1000},
    "downloads": 7,
}


def write(folder: Path, **files: bytes | str) -> Path:
    """Files by name, of which "_" stands for a dot and "__" for a slash."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    small = write(tmp_path / "small", config_json='{"model_type": "bert"}', vocab_txt="[PAD]")
    write(small, model_safetensors=os.urandom(WEIGHTS), consolidated_safetensors=b"never fetched")
    write(small, pytorch_bin=b"never fetched", onnx__model_safetensors=b"never fetched")
    pickled = write(tmp_path / "pickled", config_json="{}", pytorch_bin=b"\x80\x04.")
    models: dict[str, Path | Repository] = {
        "someone/small": Repository(small, CARD),
        "someone/closed": Repository(small, {"gated": "manual", "tags": ["custom_code"], "downloads": 9}),
        "someone/pickled": Repository(pickled),
    }
    with running_hub(models) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        yield running


def refused(model_id: str) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        hub.offer(model_id)
    return caught.value


def test_what_a_model_is_is_known_before_a_byte_of_it_comes(server: Hub) -> None:
    offer = hub.offer("someone/small")
    assert set(offer.files) == {"config.json", "vocab.txt", "model.safetensors"}
    assert offer.bytes == WEIGHTS + 22 + 5
    assert (offer.licence, offer.parameters, offer.revision) == ("mit", 1000, COMMIT)
    closed = hub.offer("someone/closed@main")
    assert closed.gated and closed.own_code and not closed.licence and not closed.parameters
    assert not any("/resolve/" in path for path in server.paths("GET"))


def test_refusals_before_a_download_each_have_their_remedy(server: Hub) -> None:
    codes = {name: refused(name).code for name in ("someone/pickled", "someone/none", "someone/small@nope", "-/-")}
    assert codes == {
        "someone/pickled": "no_safetensors",
        "someone/none": "not_on_hub",
        "someone/small@nope": "no_such_revision",
        "-/-": "bad_model_id",
    }
    server.shutdown()
    server.server_close()
    assert refused("someone/small").code == "model_offline"
    assert "HF_ENDPOINT" in refused("someone/small").text("en")
    assert not hub.reachable()


def test_a_download_counts_its_bytes_and_is_then_found_without_the_hub(server: Hub) -> None:
    assert hub.reachable() and hub.cached("someone/small", None) is None
    counted: list[int] = []
    folder = hub.download(hub.offer("someone/small"), counted.append)
    assert sum(counted) == hub.offer("someone/small").bytes and len(counted) > 3
    assert {path.name for path in folder.iterdir()} == {"config.json", "vocab.txt", "model.safetensors"}
    server.shutdown()
    server.server_close()
    assert hub.cached("someone/small", None) == hub.cached("someone/small", COMMIT) == folder
    assert resolve("someone/small").revision == COMMIT


def test_a_stopped_download_is_never_used_and_goes_on_where_a_file_ended(server: Hub, tmp_path: Path) -> None:
    offer = hub.offer("someone/small")
    came = 0

    def told(more: int) -> None:
        nonlocal came
        came += more
        if came > WEIGHTS // 2:
            raise RuntimeError("stopped")

    server.bytes_per_second = 4 * 2**20
    with pytest.raises(RuntimeError, match="stopped"):
        hub.download(offer, told)
    assert hub.cached("someone/small", None) is None
    with pytest.raises(PlaygroundError) as caught:
        resolve("someone/small")
    assert caught.value.code == "model_not_here"
    assert not list((tmp_path / "cache").rglob("*.incomplete"))
    here = hub.bytes_here(offer)
    assert 0 < here < WEIGHTS
    before = len(server.seen)
    counted: list[int] = []
    hub.download(offer, counted.append)
    assert sum(counted) == offer.bytes - here
    assert not any(path.endswith("vocab.txt") for _, path, _ in server.seen[before:])


def test_the_half_of_a_file_that_a_killed_process_left_goes(server: Hub, tmp_path: Path) -> None:
    blobs = tmp_path / "cache/models--someone--small/blobs"
    left = [write(blobs, old_incomplete=b"x") / "old.incomplete", write(blobs, new_incomplete=b"x") / "new.incomplete"]
    os.utime(left[0], (time.time() - 2 * hub.STALE_SECONDS,) * 2)
    hub.download(hub.offer("someone/small"), lambda more: None)
    assert [path.exists() for path in left] == [False, True]


def test_a_full_disk_and_a_changed_model_are_said_before_the_download(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = hub.Offer("someone/small", COMMIT, {"model.safetensors": 10**18})
    with pytest.raises(PlaygroundError) as caught:
        hub.download(huge, lambda more: None)
    assert caught.value.code == "no_disk_space" and "GB" in caught.value.text("en")
    other = hub.Offer("someone/small", "f" * 40, {"model.safetensors": 1})
    with pytest.raises(PlaygroundError) as caught:
        hub.download(other, lambda more: None)
    assert caught.value.code == "model_changed"


def test_a_search_knows_task_words_and_order(server: Hub) -> None:
    [found] = hub.search(["text-classification", "translation"], "SMALL")
    assert found == hub.Found("someone/small", "mit", ("en", "zh"), 1000, 7)
    assert hub.search(["text-classification"], "nothing of that name") == []


def test_the_token_goes_to_the_hub_and_is_shown_nowhere(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings.cache_clear()
    hub.offer("someone/small")
    assert server.seen[-1][2] == "Bearer hf_secret"
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    hub.offer("someone/small")
    assert server.seen[-1][2] == ""  # a visitor is not its owner
    assert "hf_secret" not in repr(settings()) + str(settings()) + settings().model_dump_json()


def test_a_translation_model_comes_with_its_vocabularies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_hub({"someone/opus-mt-en-zh": marian(tmp_path / "repository")}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        folder = hub.download(hub.offer("someone/opus-mt-en-zh"), lambda more: None)
    assert {"source.spm", "target.spm", "vocab.json", "model.safetensors"} <= {path.name for path in folder.iterdir()}
    tokenizer = load_tokenizer(describe("opus", folder))
    assert tokenizer.decode(tokenizer("A dog.")["input_ids"], skip_special_tokens=True) == "A dog."


def test_the_files_of_a_base_are_enough_to_load_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(resolve(MINILM).folder, repository)
    with running_hub({"someone/base": repository}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        hub.download(hub.offer("someone/base"), lambda more: None)
    base = resolve("someone/base")
    assert load_tokenizer(base)("A dog.")["input_ids"]


@pytest.mark.parametrize(("count", "said"), [(400_000, "0.4 MB"), (437_985_387, "438 MB"), (3_100_000_000, "3.1 GB")])
def test_sizes_are_said_as_the_hub_says_them(count: int, said: str) -> None:
    assert hub.size(count) == said
