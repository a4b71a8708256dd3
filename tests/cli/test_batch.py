"""`predict TASK --file IN --output OUT`, as it is typed."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playground.cli import INTERRUPTED, main
from playground.heads import endpoint
from playground.i18n import catalog, translate
from playground.models import endpoints
from playground.services.batch import MOST_ROWS
from playground.settings import settings
from tests.chat_server import Moody, running_moody

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()


def films(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["review", "sentiment"])
        lines.writerows(["A warm film, " * (1 + row % 9), "positive"] for row in range(rows))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_predicted_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = films(tmp_path / "films.csv", 20), tmp_path / "out.csv"
    words = ["predict", "classification", "--file", str(path), "--output", str(out), "--set", "top_k=1", "--json"]
    assert main([*words, "--lang", "en"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out.splitlines()[-1])
    assert {name: result[name] for name in ("state", "rows", "done", "failed")} == {
        "state": "done", "rows": 20, "done": 20, "failed": 0,
    }  # fmt: skip
    low, high = result["intervals"]["accuracy"]
    assert low <= result["metrics"]["accuracy"] <= high
    assert translate("en", "cli.batch.done", file=str(out), done=20, failed=0) in printed.err
    assert [row["review"] for row in rows_of(out)] == [row["review"] for row in rows_of(path)]
    assert len(json.loads(rows_of(out)[0]["predicted_scores"])) == 1
    # The file has it all: nothing of it stays behind.
    assert list((tmp_path / "home" / "batches").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--file", "films.csv"], "batch_no_output"),
        (["--file", "films.csv", "--output", "out.xls"], "batch_ending"),
        (["--file", "films.csv", "--output", "films.csv"], "batch_same_file"),
        (["--file", "films.csv", "--output", "nowhere/out.csv"], "batch_no_folder"),
        (["--file", "none.csv", "--output", "out.csv"], "data_not_found"),
        (["--file", "films.csv", "--output", "out.csv", "--model", "starter/qa-en"], "wrong_model_for_task"),
        (["--file", "films.csv", "--output", "out.csv", "--map", "text=other"], "dataset_not_usable"),
        ([], "bad_usage"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    films(tmp_path / "films.csv", 3)
    assert main(["predict", "classification", *words, "--lang", "en"]) == 1
    said = capsys.readouterr().err
    assert re.match(re.sub(r"\\{[^}]*\\}", ".*", re.escape(catalog()[f"error.{code}"]["en"])), said), said
    assert "Traceback" not in said
    assert not (tmp_path / "out.csv").exists()
    assert len(rows_of(tmp_path / "films.csv")) == 3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_file_of_as_many_rows_as_there_may_be(tmp_path: Path) -> None:
    """In the file's order, each with its own answer, and in bounded memory; one row more is refused."""
    texts = [f"{('很好，下次还来', '太差了，再也不买')[row % 2]}（{row}）" for row in range(MOST_ROWS)]

    def call(name: str, rows: Sequence[str]) -> list[str]:
        path = tmp_path / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["评论"], *([text] for text in rows)])
        words = [sys.executable, "-m", "playground", "predict", "classification", "--model", "starter/sentiment-zh"]
        return [*words, "--file", str(path), "--output", str(tmp_path / f"{name}.jsonl"), "--lang", "zh", "--json"]

    def answers(name: str) -> list[dict[str, Any]]:
        with (tmp_path / f"{name}.jsonl").open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    told, printed = tmp_path / "told", tmp_path / "printed"
    with printed.open("w") as out, told.open("w") as err:
        process = subprocess.Popen(call("comments", texts), cwd=ROOT, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert status == 0, told.read_text(encoding="utf-8")[-2000:]
    result = json.loads(printed.read_text(encoding="utf-8").splitlines()[-1])
    assert (result["rows"], result["done"], result["failed"]) == (MOST_ROWS, MOST_ROWS, 0)
    found = answers("comments")
    assert [answer["评论"] for answer in found] == texts
    subprocess.run(call("few", texts[::1999]), cwd=ROOT, check=True, capture_output=True)
    for one, other in zip(answers("few"), found[::1999], strict=True):
        assert one["predicted_label"] == other["predicted_label"]
        assert one["predicted_score"] == pytest.approx(other["predicted_score"], abs=1e-4)
    assert used.ru_maxrss < 1_500 * 1024, f"{used.ru_maxrss / 1024:.0f} MB"
    many = call("many", [*texts, "一行太多"])
    done = subprocess.run(many, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert translate("zh", "error.batch_too_long", rows=MOST_ROWS + 1, most=MOST_ROWS) in done.stderr


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """And kill -9, which can say nothing more."""
    path, out = films(tmp_path / "films.csv", 6_000), tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "playground", "predict", "classification", "--file", str(path)]
    command += ["--output", str(out), "--lang", "en", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def begin() -> subprocess.Popen[str]:
        started = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert started.stderr is not None
        next(line for line in started.stderr if "rows a second" in line)
        return started

    process = begin()
    process.send_signal(signal.SIGINT)
    printed, told = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, told
    first = json.loads(printed.splitlines()[-1])
    assert first["state"] == "stopped" and 0 < first["done"] < 6_000
    assert translate("en", "cli.batch.stopped", done=first["done"], rows=6_000) in told
    assert len(out.read_text(encoding="utf-8").splitlines()) == first["done"]
    process = begin()
    process.kill()
    process.communicate()
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=500, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["done"] == 6_000
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["review"] for line in lines] == [row["review"] for row in rows_of(path)]
    assert all(line["predicted_label"] for line in lines)


def test_how_often_a_server_was_asked_again_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    path, out = films(tmp_path / "films.csv", 4), tmp_path / "out.csv"
    with running_moody() as url:
        model = endpoints.add("moody", url=url, model="m")
        Moody.plan = [503, 429, 503]
        words = ["predict", "classification", "--file", str(path), "--output", str(out), "--model", model]
        assert main([*words, "--candidate_labels", "negative, positive", "--lang", "en"]) == 0
    assert translate("en", "batch.retries", retries=3) in capsys.readouterr().err
    assert [row["predicted_label"] for row in rows_of(out)] == ["positive"] * 4
