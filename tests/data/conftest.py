"""Files to read, and the fields of classification to read them for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from playground.data import Table, read
from playground.fields import Field
from playground.tasks import get_task

FIELDS: tuple[Field, ...] = get_task("classification").fields
TEXT_LABEL = {"text": ["text"], "label": ["label"]}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write(content, name, encoding): a file in this test's own folder."""

    def write(content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def table(write: Callable[..., Path], tmp_path: Path) -> Callable[..., Table]:
    """table(content, name, encoding): that file, read by the real child."""

    def table(content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Table:
        return read(write(content, name, encoding), directory=tmp_path / "read")

    return table
