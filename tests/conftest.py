"""Every test session has a home of its own: no test reads or writes that of whoever runs the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.settings import Settings, settings

LONGEST = [f"tests/{name}.py" for name in ("ui/test_space", "ui/test_tasks", "cli/test_commands", "ui/test_runs")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, one of two workers would wait for the other."""
    items.sort(key=lambda item: [not item.nodeid.startswith(name) for name in LONGEST])


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home where no test asks for another; the other settings are as if none were set."""
    home = tmp_path_factory.mktemp("session-home")
    with pytest.MonkeyPatch.context() as environment:
        for name in Settings.model_fields:
            environment.delenv(f"PLAYGROUND_{name.upper()}", raising=False)
        environment.setenv("PLAYGROUND_HOME", str(home))
        settings.cache_clear()
        yield home
    settings.cache_clear()


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """What a test has set in the environment ends with it, though settings are read once."""
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own; `fresh_settings` takes it back."""
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    return tmp_path / "home"
