"""The tests' own home, in this process and in those it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from playground.settings import Settings, settings

PRINT_HOME = "from playground.settings import settings; print(settings().home)"


def test_no_test_touches_the_users_own_home(session_home: Path) -> None:
    child = subprocess.run([sys.executable, "-c", PRINT_HOME], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == str(settings().home) == str(session_home)
    assert session_home != Settings.model_fields["home"].default


def test_a_space_is_public_and_asked_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (settings().public, settings().host) == (False, "127.0.0.1")
    monkeypatch.setenv("SPACE_ID", "someone/playground")
    settings.cache_clear()
    assert (settings().public, settings().host) == (True, "0.0.0.0")
    monkeypatch.setenv("PLAYGROUND_HOST", "127.0.0.1")
    settings.cache_clear()
    assert (settings().public, settings().host) == (True, "127.0.0.1")
