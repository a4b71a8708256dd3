"""The panel that adds and removes models that run elsewhere, as its handlers answer."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.models import endpoints
from playground.runs import LOCAL
from playground.settings import settings
from playground.ui.endpoint_panel import EndpointPanel
from playground.ui.wrapper import Visitor

VISITOR = Visitor(LOCAL, "zh", {})


def offered(visitor: Visitor) -> list[tuple[str, str]]:
    return [("first", "first"), *((name, f"endpoint/{name}") for name in endpoints.known())]


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointPanel:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", '{"ours": {"provider": "together", "model": "m"}}')
    settings.cache_clear()
    with gr.Blocks():
        return EndpointPanel("qa", "zh", gr.Dropdown(), offered)


def test_what_was_added_is_removed_and_the_picker_goes_back(panel: EndpointPanel) -> None:
    picker, note, key = panel.on_add(VISITOR, "Mine", "", "https://example.org/v1", "m", "sk-1")
    assert picker.value == "endpoint/mine" and translate("zh", "ui.endpoint.added") in note and key == ""
    picker, note = panel.on_remove(VISITOR, "endpoint/mine")
    assert picker.value == "first" and [value for _, value in picker.choices] == ["first", "endpoint/ours"]
    assert translate("zh", "ui.endpoint.removed") in note and list(endpoints.known()) == ["ours"]


@pytest.mark.parametrize("chosen", ["endpoint/ours", "first", None, ["endpoint/mine"]])
def test_nothing_else_is_removed(panel: EndpointPanel, chosen: object) -> None:
    panel.on_add(VISITOR, "mine", "", "https://example.org/v1", "m", "sk-1")
    with pytest.raises(PlaygroundError) as refused:
        panel.on_remove(VISITOR, chosen)
    assert refused.value.code == "endpoint_not_added" and sorted(endpoints.known()) == ["mine", "ours"]


def test_a_visitor_of_a_public_page_removes_nothing(panel: EndpointPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    panel.on_add(VISITOR, "mine", "", "https://example.org/v1", "m", "sk-1")
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refused:
        panel.on_remove(VISITOR, "endpoint/mine")
    assert refused.value.code == "endpoints_closed"
    assert "sk-1" in (settings().home / "endpoints.json").read_text(encoding="utf-8")
