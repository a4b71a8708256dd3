"""`make starters` goes on where it was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import starters
from playground.runs import LOCAL
from playground.services import finetune
from tests.ui.server import wait_for

pytestmark = pytest.mark.slow

RECIPE = """version: 1
name: days
task: classification
data: days.csv
columns:
  text: [text]
  label: [label]
base: scratch/mlp
method: scratch
preset: balanced
training:
  epochs: {epochs}
"""


def test_an_interrupted_training_is_gone_on_with_and_a_done_one_taken(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starters, "RECIPES", tmp_path)
    monkeypatch.setattr(starters, "STARTERS_DIR", tmp_path / "starters")
    (tmp_path / "starters").mkdir()
    rows = [
        f"a {word} day {number},{label}" for number in range(30) for word, label in (("fine", "good"), ("grey", "bad"))
    ]
    (tmp_path / "days.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "days.yaml").write_text(RECIPE.format(epochs=200), encoding="utf-8")

    def interrupted(run_id: str, lang: str) -> None:
        wait_for(lambda: finetune.view(run_id, LOCAL).status.step, 120, "a step")
        finetune.stop(run_id, LOCAL)
        finetune.wait(run_id, LOCAL)

    with monkeypatch.context() as once:
        once.setattr(starters, "follow", interrupted)
        with pytest.raises(SystemExit, match="stopped"):
            starters.train("days")
    [begun] = finetune.runs(LOCAL)
    step = begun.status.step
    assert 0 < step < begun.status.max_steps
    assert starters.train("days") == begun.id
    steps = [row["step"] for row in finetune.view(begun.id, LOCAL).metrics if "loss" in row]
    assert steps == sorted(set(steps)) and steps[-1] == begun.status.max_steps
    assert (tmp_path / "starters/days/model.safetensors").is_file()
    assert starters.train("days") == begun.id and len(finetune.runs(LOCAL)) == 1
    # Another recipe is another training.
    (tmp_path / "days.yaml").write_text(RECIPE.format(epochs=3), encoding="utf-8")
    assert starters.train("days") != begun.id
