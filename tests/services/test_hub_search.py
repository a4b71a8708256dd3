from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.cli import main
from playground.i18n import render
from playground.services import hub_search
from playground.tasks import TASKS
from tests.hub_server import Hub, Repository, running_hub, use_hub
from tests.models.test_hub import CARD, write


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = write(tmp_path / "any", config_json="{}", model_safetensors=b"x")
    tags = {
        "someone/labels": "text-classification", "someone/spans": "token-classification",
        "someone/answers": "question-answering", "someone/english-chinese": "translation",
        "someone/writes": "text-generation", "someone/t5": "text2text-generation",
        "someone/sums": "summarization",
    }  # fmt: skip
    models = {name: Repository(folder, {**CARD, "pipeline_tag": tag}) for name, tag in tags.items()}
    pickled = Repository(folder, {**CARD, "tags": ["transformers"]})
    monkeypatch.setattr(hub_search, "_answered_at", None)
    with running_hub({**models, "someone/pickled": pickled}) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        yield running


def test_every_task_finds_its_own_models_and_none_without_safetensors(server: Hub) -> None:
    found = {task.id: {one.id for one in hub_search.search(task.id, "")} for task in TASKS}
    assert found == {
        "classification": {"someone/labels"},
        "translation": {"someone/english-chinese", "someone/t5"},
        "ner": {"someone/spans"},
        "qa": {"someone/answers"},
        "summarization": {"someone/sums", "someone/t5"},
        "generation": {"someone/writes", "someone/t5"},
    }
    assert [one.id for one in hub_search.search("translation", "CHINESE")] == ["someone/english-chinese"]


def test_a_line_says_size_languages_licence_and_downloads(server: Hub) -> None:
    [found] = hub_search.search("ner", "")
    said = render(hub_search.line(found), "en")
    assert said == "someone/spans · 1,000 parameters · English, Chinese · licence mit · 7 downloads a month"


def test_whether_the_hub_answers_is_remembered_for_a_while(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_search.online()
    asked = len(server.seen)
    assert hub_search.online() and len(server.seen) == asked
    server.shutdown()
    server.server_close()
    monkeypatch.setattr(hub_search, "_answered_at", None)
    assert not hub_search.online()


def test_the_command_line_lists_and_searches(server: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "classification", "--lang", "zh"]) == 0
    assert "starter/sentiment-en  sentiment-en（内置）" in capsys.readouterr().out
    assert main(["models", "qa", "--search", "answers", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out.splitlines()[-1])["models"]
    assert found["id"] == "someone/answers"
