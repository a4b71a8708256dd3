from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from playground.cli import main
from playground.errors import PlaygroundError
from playground.models.resolve import starters
from playground.services.publish import ROOT, files, publish
from playground.settings import settings
from tests.hub_server import COMMIT, Hub, running_hub, use_hub

BUILD = ["uvicorn>=0.14.0", "websockets>=10.4", "spaces"]
"""What the build of a Gradio Space installs besides Gradio itself."""


def front_matter() -> dict[str, object]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("\n---\n")[0])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings.cache_clear()
    with running_hub({}, tmp_path / "spaces") as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        yield running


def test_the_readme_makes_the_repository_a_space() -> None:
    told = front_matter()
    [pinned] = re.findall(r"^gradio\[oauth,mcp\]==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert (told["sdk"], told["sdk_version"], told["python_version"]) == ("gradio", pinned, "3.11")
    assert (ROOT / str(told["app_file"])).is_file()
    assert len(str(told["short_description"])) <= 60 and told["license"] == "apache-2.0"


def test_a_space_has_what_the_app_needs_and_nothing_else() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {"app.py", "requirements.txt", "README.md", "playground/i18n/ui.yaml", "examples/qa.jsonl"} <= names
    for model in starters():
        assert any(name.startswith(f"playground/starters/{model[8:]}/") for name in names)
    assert not [name for name in names if re.search(r"pycache|\.pyc|^tests|^\.|/\.", name)]


def test_publishing_puts_every_file_up_and_binary_ones_through_lfs(server: Hub, tmp_path: Path) -> None:
    found = publish("someone/playground")
    assert (found.space, found.commit) == ("someone/playground", COMMIT)
    there = tmp_path / "spaces/someone/playground"
    for path in files():
        assert (there / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    weights = [path for path in files() if path.suffix == ".safetensors"]
    assert weights and len(server.objects) >= len({path.read_bytes() for path in weights})
    assert all(authorization == "Bearer hf_secret" for method, _, authorization in server.seen if method == "POST")
    # What is no longer here goes there too, and what is there need not be sent again.
    (there / "old.py").write_text("print()")
    sent = len(server.paths("PUT"))
    publish("someone/playground")
    assert not (there / "old.py").exists() and len(server.paths("PUT")) == sent


def test_a_refusal_and_a_missing_token_are_said(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlaygroundError) as caught:
        publish("other/playground")
    assert caught.value.code == "hub_refused" and "rights" in caught.value.text("en")
    assert "hf_secret" not in caught.value.text("en")
    monkeypatch.delenv("HF_TOKEN")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as caught:
        publish("someone/playground")
    assert caught.value.code == "no_hub_token"


def test_the_command_line_publishes(server: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--space", "someone/other", "--json"]) == 0
    shown, told = capsys.readouterr()
    assert json.loads(shown.splitlines()[-1])["space"] == "someone/other"
    assert f"{len(files())} files" in told and "hf_secret" not in shown + told


@pytest.mark.slow
def test_the_requirements_resolve_as_the_build_of_a_space_installs_them(tmp_path: Path) -> None:
    """Into a folder of its own, so that what is installed here does not count."""
    gradio = f"gradio[oauth,mcp]=={front_matter()['sdk_version']}"
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--target", str(tmp_path)]
    done = subprocess.run(
        [*words, "-r", str(ROOT / "requirements.txt"), gradio, *BUILD], capture_output=True, text=True, timeout=550
    )
    assert done.returncode == 0, done.stderr
