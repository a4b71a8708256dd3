"""What the tests of heads share."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

import pytest


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Executor]:
    """Another process: it knows of a model what is in its files and nothing more. One for all, since torch is slow."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        yield process
