"""The dry run: what it tells, what it leaves, and that it ends when nobody waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, render
from playground.runs import RunSpec, RunStatus, TrainingParams
from playground.services import finetune
from playground.services.rehearsal import Rehearsal, rehearse
from playground.settings import settings
from tests.training.conftest import playground_home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "datasets"


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    monkeypatch = pytest.MonkeyPatch()
    with playground_home(tmp_path_factory.mktemp("dry"), monkeypatch):
        settings.cache_clear()
        yield finetune.inspect(EXAMPLES / "classification" / "support-tickets.csv", "classification", "local").id
    monkeypatch.undo()


def spec(**numbers: object) -> RunSpec:
    training = TrainingParams.model_validate({"layers": 1, "hidden_size": 64, **numbers})
    return RunSpec(task="classification", data="", base="scratch/transformer", method="scratch", training=training)


def test_time_memory_and_numbers_are_told_and_nothing_is_left(upload: str) -> None:
    *before, found = rehearse(spec(epochs=3, batch_size=8), upload, "local")
    assert before and all(isinstance(status, RunStatus) for status in before)
    assert isinstance(found, Rehearsal)
    assert found.steps == 3 * -(-161 // 8) and found.spec.training.epochs == 3
    assert "epochs" not in found.spec.reasons and "learning_rate" in found.spec.reasons
    assert 0 < found.step_seconds * found.steps <= found.seconds < 600
    assert 100 < found.memory_mb < psutil.virtual_memory().total // 2**20
    for lang in LANGUAGES:
        told = [render(message, lang) for message in found.told()]
        assert f"{found.steps}" in told[0] and f"{found.memory_mb:,}" in told[1]
    assert finetune.runs("local") == [] and not list(settings().dry_dir.glob("*-*"))


@pytest.mark.slow
def test_data_of_fewer_steps_than_are_tried_is_measured_too(upload: str) -> None:
    *_, found = rehearse(spec(epochs=20, batch_size=128), upload, "local")
    assert isinstance(found, Rehearsal) and found.steps == 40 and found.seconds > 0


def test_who_does_not_wait_ends_it(upload: str) -> None:
    going = rehearse(spec(epochs=50), upload, "local")
    while not (isinstance(status := next(going), RunStatus) and status.pid):
        pass
    going.close()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(status.pid) and psutil.Process(status.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not list(settings().dry_dir.glob("*-*"))


def test_what_cannot_be_started_is_not_measured_either(upload: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        next(rehearse(RunSpec(task="classification", data="", base="nobody/none"), upload, "local"))
    assert refused.value.code == "model_not_here"


def test_memory_that_is_short_is_said() -> None:
    found = Rehearsal(
        spec(batch_size=16), seconds=9, step_seconds=1, steps=9, rows_at_once=4, memory_mb=9000, free_mb=5000
    )
    assert [message.key for message in found.told()] == ["dry.time", "dry.memory_short", "dry.smaller"]
