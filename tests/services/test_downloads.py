from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.i18n import render
from playground.models.resolve import resolve
from playground.services.downloads import Download, Downloads, downloads, facts, needed
from playground.services.launch import environment
from playground.settings import settings
from tests.hub_server import Hub, Repository, running_hub, use_hub
from tests.models.test_hub import CARD, MINILM, write
from tests.ui.server import ROOT, wait_for

SENTIMENT = "starter/sentiment-en"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    small = write(tmp_path / "small", config_json='{"model_type": "bert"}', model_safetensors=os.urandom(2**20))
    with running_hub({"someone/small": Repository(small, CARD)}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        downloads.cache_clear()
        yield running


def reaches(jobs: Downloads, state: str) -> Callable[[], Download | None]:
    return lambda: known if (known := jobs.status("someone/small")) and known.state == state else None


def said(download: Download, lang: str = "en") -> str:
    return " · ".join(render(message, lang) for message in facts(download))


def test_a_download_is_offered_begun_stopped_and_ended(server: Hub) -> None:
    jobs = Downloads()
    with pytest.raises(PlaygroundError) as caught:
        jobs.start("someone/small")
    assert caught.value.code == "download_not_offered"
    jobs.look("someone/small")
    offered = wait_for(reaches(jobs, "offered"), 20, "an offer")
    assert "1.0 MB to download" in said(offered) and "licence mit" in said(offered) and "safetensors" in said(offered)
    assert "许可证 mit" in said(offered, "zh")
    server.bytes_per_second = 2**19
    jobs.start("someone/small")
    going = wait_for(
        lambda: (known := jobs.status("someone/small")) and known.done > 2**18 and known, 20, "a quarter of the bytes"
    )
    assert 0 < going.share < 1 and 0 < going.seconds_left < 20
    assert "left" in said(going)
    # Whoever waits for it, too, is not left without it; whoever never asked cannot end it.
    jobs.start("someone/small", "ann")
    for owner in ("bob", "local"):
        with pytest.raises(PlaygroundError) as caught:
            jobs.stop("someone/small", owner)
        assert caught.value.code == "download_wanted" and reaches(jobs, "downloading")()
    jobs.stop("someone/small", "ann")
    assert "Stopping" in said(jobs.status("someone/small"))  # type: ignore[arg-type]
    wait_for(reaches(jobs, "offered"), 5, "the stop")
    server.bytes_per_second = 0
    jobs.start("someone/small")
    assert wait_for(reaches(jobs, "done"), 20, "the end").share == 1
    assert needed("someone/small") == ""


def test_a_hub_that_does_not_answer_is_a_failed_download_with_a_remedy(server: Hub) -> None:
    server.shutdown()
    server.server_close()
    jobs = Downloads()
    jobs.look("someone/small")
    failed = wait_for(reaches(jobs, "failed"), 30, "the refusal")
    assert "HF_ENDPOINT" in said(failed)


def test_what_is_needed_is_the_model_or_the_base_of_an_adapter(tmp_path: Path) -> None:
    assert needed(SENTIMENT) == needed("scratch/bilstm") == needed(MINILM) == needed("not a name") == ""
    assert needed("someone/nowhere") == "someone/nowhere"
    adapter = tmp_path / "adapter"
    shutil.copytree(resolve(SENTIMENT).folder, adapter)
    own = json.loads((adapter / "playground.json").read_text())
    (adapter / "playground.json").write_text(json.dumps({**own, "base": "someone/base", "base_revision": "f" * 40}))
    assert needed(str(adapter)) == f"someone/base@{'f' * 40}"


def test_no_training_gets_a_token_or_is_taken_for_a_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("PLAYGROUND_HF_TOKEN", "hf_secret")
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", '{"x": {"provider": "together", "model": "m", "key": "hf_secret"}}')
    settings.cache_clear()
    assert settings().public and settings().hf_token.get_secret_value() == "hf_secret"
    assert settings().endpoints["x"].key.get_secret_value() == "hf_secret"
    assert not any("hf_secret" in value for value in environment().values())
    assert "PLAYGROUND_PUBLIC" not in environment()  # it could not load what it has just saved


def command_line(tmp_path: Path, hub: Hub, *words: str) -> subprocess.Popen[str]:
    known = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    ours = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cli-cache"), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        [sys.executable, "-m", "playground", *words], cwd=ROOT, env={**known, **ours}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # Where the tests run in the background of a shell, Ctrl-C is ignored by all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def test_the_command_line_downloads_with_the_size_first_and_ctrl_c_stops(tmp_path: Path, server: Hub) -> None:
    server.bytes_per_second = 2**17
    stopped = command_line(tmp_path, server, "download", "someone/small")
    wait_for(lambda: any(path.endswith(".safetensors") for path in server.paths("GET")), 60, "the download")
    stopped.send_signal(signal.SIGINT)
    _, told = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "1.0 MB to download · licence mit" in told and "Stopping" in told and "Traceback" not in told
    server.bytes_per_second = 0
    done = command_line(tmp_path, server, "download", "someone/small", "--json")
    shown, told = done.communicate(timeout=60)
    assert done.returncode == 0, told
    assert Path(json.loads(shown.splitlines()[-1])["folder"], "model.safetensors").stat().st_size == 2**20
    missing = command_line(tmp_path, server, "download", "someone/none")
    _, told = missing.communicate(timeout=60)
    assert missing.returncode == 1 and "no public model" in told


@pytest.mark.slow
def test_a_prediction_fetches_the_model_it_names(tmp_path: Path, server: Hub) -> None:
    folder = tmp_path / "sentiment"
    shutil.copytree(resolve(SENTIMENT).folder, folder)
    server.repositories["someone/sentiment"] = Repository(folder)
    words = ("predict", "classification", "--text", "A warm, funny film.", "--model", "someone/sentiment", "--json")
    done = command_line(tmp_path, server, *words)
    shown, told = done.communicate(timeout=240)
    assert done.returncode == 0, told
    assert json.loads(shown.splitlines()[-1])[0]["label"] == "positive"
    assert "someone/sentiment: " in told
