"""The figures that were promised, measured by the benchmarks' own commands."""

from __future__ import annotations

import os

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_small_file_is_trained_and_answering_within_90_seconds() -> None:
    from benchmarks.small_run import main

    assert main() == 0


def test_the_first_page_comes_within_one_and_a_half_times_its_imports() -> None:
    from benchmarks.first_page import main

    assert main() == 0


@pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="PLAYGROUND_DATA names no data folder")
def test_banking77_in_the_browser() -> None:
    from benchmarks.banking77 import main

    assert main() == 0
