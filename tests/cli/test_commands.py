"""The command line as a process of its own."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playground.cli import main
from playground.tasks import get_task

ROOT = Path(__file__).resolve().parents[2]
DATASET = ROOT / "examples/datasets/classification/support-tickets.csv"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PLAYGROUND_HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


def playground(home: Path, *words: str, code: int = 0) -> tuple[str, str]:
    """(standard output, standard error) of a command that ends with that code."""
    done = subprocess.run(
        [sys.executable, "-m", "playground", *words], cwd=ROOT, env=environment(home),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def wait_for_end(home: Path, run_id: str) -> dict:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        output, _ = playground(home, "runs", run_id, "--json")
        if last_json(output)["state"] not in ("queued", "running"):
            return last_json(output)
        time.sleep(0.5)
    pytest.fail((home / "runs" / run_id / "log.txt").read_text())


def last_json(output: str) -> dict:
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def run(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A small fine-tune on 30 rows, followed to its end; with what it told on the way."""
    with DATASET.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    path = tmp_path_factory.mktemp("data") / "small.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*rows[:31], ["No topic at all", ""]])
    output, told = playground(
        home, "finetune", str(path), "--map", "text=message", "--map", "label=topic", "--set", "epochs=1", "--json"
    )
    return {**last_json(output), "told": told, "data": str(path)}


def test_a_fine_tune_is_followed_to_its_end_and_used(home: Path, run: dict) -> None:
    assert run["state"] == "done"
    assert set(run["report"]["metrics"]) == {"majority", "linear_probe", "tuned"}
    assert "step" in run["told"]
    # What the page's check says of the file is said here too.
    assert "“label” is empty in 1 of 31 rows (row 31)" in run["told"]
    output, _ = playground(
        home, "predict", "classification", "--text", "Where is my parcel?", "--model", run["model"], "--json"
    )
    assert {entry["label"] for entry in json.loads(output.splitlines()[-1])} == set(run["report"]["labels"])


def test_evaluate_scores_the_run_on_a_file(home: Path, run: dict) -> None:
    output, _ = playground(home, "evaluate", run["model"], run["data"], "--json")
    result = last_json(output)
    assert (result["task"], result["model"], result["rows"]) == ("classification", run["model"], 30)
    low, high = result["intervals"]["accuracy"]
    assert low <= result["metrics"]["accuracy"] <= high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "file", "words", "metric"),
    [
        ("ner", "ner/kitchen-notes.conll", ["--text", "Ana whisked the egg whites."], "entity_f1"),
        ("qa", "qa/museum-guide.json", ["--question", "Who built it?", "--context", "Jonas built it."], "answer_f1"),
        ("multi_label", "multi_label/hotel-comments.csv", ["--text", "The soup was cold."], "micro_f1"),
        ("translation", "translation/phrasebook-en-zh.tsv", ["--text", "Where is the station?"], "chrf"),
        ("generation", "generation/tiny-fables-en.jsonl", ["--text", "A fable about the owl:"], "perplexity"),
    ],
)
def test_every_task_is_learned_asked_and_scored_by_commands(
    home: Path, tmp_path: Path, task: str, file: str, words: list[str], metric: str
) -> None:
    source = ROOT / "examples/datasets" / file
    path = tmp_path / source.name
    # A part of each is enough here.
    if source.suffix == ".json":
        guide = json.loads(source.read_text(encoding="utf-8"))
        path.write_text(json.dumps(guide | {"data": guide["data"][:2]}), encoding="utf-8")
    else:
        path.write_text("".join(source.read_text(encoding="utf-8").splitlines(keepends=True)[:600]), encoding="utf-8")
    data = str(path)
    run = last_json(playground(home, "finetune", data, "--task", task, "--set", "epochs=1", "--json")[0])
    assert run["state"] == "done" and metric in run["report"]["metrics"]["tuned"]
    playground(home, "predict", get_task(task).tab, *words, "--model", run["model"], "--json")
    scored = last_json(playground(home, "evaluate", run["model"], data, "--json")[0])
    assert scored["task"] == task and metric in scored["metrics"]


def test_runs_lists_and_shows_it(home: Path, run: dict) -> None:
    output, _ = playground(home, "runs")
    assert run["run"] in output
    output, _ = playground(home, "runs", run["run"], "--json")
    assert last_json(output)["report"] == run["report"]


@pytest.mark.slow
def test_runs_are_named_found_thrown_away_and_taken_back(home: Path, run: dict) -> None:
    output, _ = playground(home, "runs", run["run"], "--name", "Tickets", "--note", "a first try", "--json")
    assert (last_json(output)["name"], last_json(output)["note"]) == ("Tickets", "a first try")
    output, _ = playground(home, "runs", "--search", "TICKETS first", "--task", "classification", "--json")
    [found] = last_json(output)["runs"]
    assert (found["run"], found["state"], found["metric"], found["rows"]) == (run["run"], "done", "accuracy", 30)
    assert playground(home, "runs", "--state", "failed")[0] == ""

    others = [line for line in playground(home, "runs")[0].splitlines() if not line.startswith(run["run"])]
    _, told = playground(home, "runs", run["run"], "--trash")
    assert "--restore" in told
    assert playground(home, "runs")[0].splitlines() == others
    assert run["run"] in playground(home, "runs", "--trash")[0]
    _, told = playground(home, "predict", "classification", "--text", "a", "--model", run["model"], code=1)
    assert "is in the trash" in told
    assert "Tickets" in last_json(playground(home, "runs", run["run"], "--restore", "--json")[0])["name"]
    assert playground(home, "runs", "--empty-trash", "--json")[0] == '{"deleted": 0}\n'
    _, told = playground(home, "runs", "--restore", code=1)
    assert "RUN is missing" in told
    assert "do not go together" in playground(home, "runs", run["run"], "--trash", "--restore", code=1)[1]


@pytest.mark.slow
def test_a_run_starts_again_with_changes(home: Path, run: dict) -> None:
    words = ["finetune", run["model"], "--set", "epochs=2", "--name", "again", "--detach", "--json"]
    again = last_json(playground(home, *words)[0])
    specs = [json.loads((home / "runs" / one["run"] / "spec.json").read_text()) for one in (run, again)]
    assert (specs[0]["training"]["epochs"], specs[1]["training"]["epochs"]) == (1, 2)
    assert (specs[1]["data"], specs[1]["rows_of"], specs[1]["name"]) == ("small.csv", run["model"], "again")
    assert specs[1]["base"] == specs[0]["base"] and specs[1]["labels"] == specs[0]["labels"]
    playground(home, "stop", again["run"])


@pytest.mark.slow
def test_the_probe_is_a_model_too_and_classes_may_be_files(home: Path, tmp_path: Path) -> None:
    files = {"refund": "Please send back what I paid for order", "parcel": "Where has it got to, the parcel of order"}
    for label, text in files.items():
        (tmp_path / f"{label}.txt").write_text("".join(f"{text} {n}\n" for n in range(30)), encoding="utf-8")
    data = [str(tmp_path / f"{label}.txt") for label in files]
    output, _ = playground(home, "finetune", *data, "--method", "linear_probe", "--json")
    probe = last_json(output)
    assert probe["state"] == "done" and set(probe["report"]["labels"]) == set(files)
    output, _ = playground(home, "predict", "classification", "--text", "Refund me", "--model", probe["model"])
    assert output.splitlines()[0].endswith("  refund")
    assert len(output.splitlines()) == len(files)
    assert last_json(playground(home, "evaluate", probe["model"], *data, "--json")[0])["rows"] == 60


def test_bytes_that_are_no_text_are_shown_as_such(home: Path) -> None:
    words = [sys.executable, "-m", "playground", "predict", "ner", "--json", "--text", b"\xff Ada Lovelace"]
    done = subprocess.run(words, cwd=ROOT, env=environment(home), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (found,) = last_json(done.stdout.decode())
    assert (found["word"], found["start"]) == ("Ada Lovelace", 2)


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        (("predict", "classification", "--text", " "), "is empty", "是空的"),
        (("predict", "classification", "--text", "a", "--model", "starter/nothing"), "no starter", "没有名为"),
        (("runs", "20260101-000000-0123456789abcdef", "--empty-trash"), "do not go together", "不能和"),
        (("runs", "--trash", "--search", "x"), "do not go together", "不能和"),
        (("stop", "20260101-000000-0123456789abcdef"), "no run", "没有编号"),
        (("finetune", "nowhere.yaml"), "not a recipe", "不是配方文件"),
        (("finetune", str(DATASET), "--set", "epochs=-1"), "not valid", "无效"),
        (("finetune", str(DATASET), "--set", "epochs"), "NAME=VALUE", "名称=值"),
        (("predict", "classification"), "--text", "用法"),
        # There is no such file: what is asked is looked at before it is read.
        (("ask", "nowhere.txt", " "), "is empty", "是空的"),
        (("search", "nowhere.txt", "bees", "--top_k", "0"), "at least 1", "不能小于 1"),
        (("evaluate", "starter/sentiment-en", str(DATASET)), "other labels", "完全不同"),
    ],
)
def test_a_failure_names_its_remedy_in_the_users_language(
    words: tuple[str, ...], english: str, chinese: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for lang, expected in (("en", english), ("zh", chinese)):
        assert main([*words, "--lang", lang]) == 1
        said = capsys.readouterr()
        assert expected in said.err
        assert said.out == ""


@pytest.mark.slow
def test_a_recipe_names_a_file_beside_itself_and_options_win(home: Path, run: dict, tmp_path: Path) -> None:
    shutil.copy(run["data"], tmp_path / "tickets.csv")
    recipe = tmp_path / "tickets.yaml"
    recipe.write_text("task: classification\ndata: tickets.csv\nname: tickets\ntraining: {epochs: 2, seed: 5}\n")
    output, _ = playground(home, "finetune", str(recipe), "--set", "epochs=40", "--name", "mine", "--detach", "--json")
    started = last_json(output)
    assert (started["state"], started["report"]) == ("queued", None)
    spec = json.loads((home / "runs" / started["run"] / "spec.json").read_text())
    assert (spec["name"], spec["data"]) == ("mine", "tickets.csv")
    assert (spec["training"]["epochs"], spec["training"]["seed"]) == (40, 5)
    playground(home, "stop", started["run"])
    assert wait_for_end(home, started["run"])["state"] == "stopped"
    playground(home, "stop", started["run"], code=1)


@pytest.mark.slow
def test_ctrl_c_stops_a_run_and_keeps_what_it_has_learned(home: Path, run: dict) -> None:
    words = ["finetune", run["data"], "--set", "epochs=200", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "playground", *words], cwd=ROOT, env=environment(home), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    told = next(line for line in process.stderr if "loss" in line)
    process.send_signal(signal.SIGINT)
    output, more = process.communicate(timeout=200)
    assert process.returncode == 0, told + more
    stopped = last_json(output)
    assert stopped["state"] == "stopped"
    assert stopped["report"]["steps"]["done"] < stopped["report"]["steps"]["planned"]
    playground(home, "predict", "classification", "--text", "Where is it?", "--model", stopped["model"])


def test_doctor_says_what_works_and_what_does_not(home: Path, tmp_path: Path) -> None:
    output, _ = playground(home, "doctor")
    assert "!!" not in output
    assert "starter/sentiment-en" in output
    (tmp_path / "a file").touch()
    output, told = playground(tmp_path / "a file" / "home", "doctor", "--json", code=1)
    found = last_json(output)
    assert not found["fine"]
    [wrong] = [finding["finding"] for finding in found["findings"] if not finding["fine"]]
    assert "PLAYGROUND_HOME" in wrong
    assert "1 of these" in told
