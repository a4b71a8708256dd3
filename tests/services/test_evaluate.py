"""A model that chooses among named labels is scored on those of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.services.evaluate import evaluate
from playground.settings import settings


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()


def test_zero_shot_is_scored_on_the_labels_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(
        "text,label\nThe striker scored twice.,sports\nSimmer the onions in butter.,cooking\n"
        "The goalkeeper was injured in the match.,sports\nBake the bread for an hour.,cooking\n",
        encoding="utf-8",
    )
    found = evaluate("starter/zero-shot-en", path, task_id="classification")
    assert (found["rows"], found["metrics"]["accuracy"]) == (4, 1.0)
