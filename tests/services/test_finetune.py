"""Uploads, starting, looking, and whose is what. Whole runs are in tests/training."""

from __future__ import annotations

import csv
import json
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from playground.cli.parser import build_parser
from playground.cli.recipe import read_spec
from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, Message, join, render
from playground.runs import Run, RunSpec, TrainingParams
from playground.services import finetune, launch
from playground.services.autopilot import told
from playground.services.evaluate import evaluate
from playground.services.uploads import KEEP_SECONDS
from playground.settings import settings
from tests.heads import writers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "datasets"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
WORDS = {"pos": ("great", "lovely", "superb", "wonderful"), "neg": ("awful", "dreadful", "terrible", "boring")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    path = tmp_path / "my films; rm -rf.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment"])
        for i in range(40):
            label = sorted(WORDS)[i % 2]
            writer.writerow([f"Day {i}: the film was {WORDS[label][i // 2 % 4]}", label])
    return path


def refused(code: str, call, *arguments: object) -> None:
    with pytest.raises(PlaygroundError) as caught:
        call(*arguments)
    assert caught.value.code == code
    assert caught.value.text("en")
    assert caught.value.text("zh")


def test_upload_is_read_and_mapped(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    assert upload.table.rows == 40
    assert {proposal.field: proposal.columns for proposal in upload.proposals} == {
        "text": ["review"],
        "text_pair": [],
        "label": ["sentiment"],
        "split": [],
    }
    again = finetune.get_upload(upload.id, "local")
    assert again == upload
    checked = finetune.examine(
        RunSpec(task="classification", data="", columns={"text": ["review"], "label": ["sentiment"]}),
        upload.id,
        "local",
    )[0]
    assert checked.ok
    assert checked.labels == ["neg", "pos"]


def test_upload_of_another_owner_is_not_there(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "ann")
    for owner in ("bob", "local", "../ann", "ann/../ann", ""):
        refused("unknown_upload", finetune.get_upload, upload.id, owner)
        refused("unknown_upload", finetune.start, RunSpec(task="classification", data=""), upload.id, owner)
    for upload_id in ("", ".", "..", "../ann/" + upload.id, upload.id.upper(), upload.id + "/", "0" * 32, "\0" * 32):
        refused("unknown_upload", finetune.get_upload, upload_id, "ann")


def test_unreadable_upload_leaves_nothing(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50)
    with pytest.raises(PlaygroundError):
        finetune.inspect(path, "classification", "local")
    assert [entry for entry in home.rglob("*") if entry.is_file()] == []
    assert list((home / "uploads" / "local").iterdir()) == []


def test_old_uploads_are_swept(home: Path, films: Path) -> None:
    old = finetune.inspect(films, "classification", "ann")
    past = time.time() - KEEP_SECONDS - 10
    os.utime(old.table.arrow.parent, (past, past))
    new = finetune.inspect(films, "classification", "local")
    refused("unknown_upload", finetune.get_upload, old.id, "ann")
    assert finetune.get_upload(new.id, "local").id == new.id


def test_unusable_dataset_is_refused_before_a_run_exists(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    no_columns = RunSpec(task="classification", data="", columns={"text": ["nothing"], "label": ["nowhere"]})
    with pytest.raises(PlaygroundError) as caught:
        finetune.start(no_columns, upload.id, "local")
    assert caught.value.code == "dataset_not_usable"
    for lang in LANGUAGES:  # a line for what is wrong, then each fault with its remedy on one of its own
        first, *others = caught.value.text(lang).splitlines()
        faults = finetune.examine(no_columns, upload.id, "local")[0].faults
        told = [join(render(fault.message, lang), render(fault.remedy, lang), lang=lang) for fault in faults]
        assert others == told and len(told) > 1 and str(len(told)) in first
    refused(
        "bad_model_id",
        finetune.start,
        RunSpec(task="classification", data="", base="no such model"),
        upload.id,
        "local",
    )
    assert finetune.runs("local") == []


@pytest.mark.parametrize(("task", "file"), [("ner", "kitchen-notes.conll"), ("qa", "museum-guide.json")])
def test_a_method_that_the_task_has_no_head_for_is_refused(home: Path, task: str, file: str) -> None:
    upload = finetune.inspect(EXAMPLES / task / file, task, "local")
    with pytest.raises(PlaygroundError) as caught:
        finetune.start(RunSpec(task=task, data="", method="linear_probe"), upload.id, "local")
    assert caught.value.code == "method_not_for_task"
    assert "linear_probe" in caught.value.text("zh") and "lora" in caught.value.text("en")
    assert finetune.runs("local") == []


def test_a_length_in_which_nothing_can_be_learned_is_refused(home: Path) -> None:
    upload = finetune.inspect(EXAMPLES / "qa" / "museum-guide.json", "qa", "local")
    spec = RunSpec(task="qa", data="", training=TrainingParams(max_length=8))
    refused("max_length_under_task", finetune.start, spec, upload.id, "local")
    assert finetune.runs("local") == []


def test_both_ways_start_only_where_both_can(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    spec = RunSpec(task="classification", data="", base="nobody/none")
    refused("model_not_here", finetune.start_both, spec, upload.id, "local")
    assert finetune.runs("local") == []


@pytest.mark.parametrize(("task", "file", "bases"), [
    ("translation", "phrasebook-en-zh.tsv", ["scratch/seq2seq", "starter/translate-en-zh"]),
    ("generation", "tiny-fables-en.jsonl", ["scratch/gpt", "starter/story-en"]),
])  # fmt: skip
def test_what_comes_with_the_playground_is_a_pretrained_base(
    home: Path, monkeypatch: pytest.MonkeyPatch, task: str, file: str, bases: list[str]
) -> None:
    monkeypatch.setattr(finetune, "launch", lambda run: None)
    upload = finetune.inspect(EXAMPLES / task / file, task, "local")
    made = finetune.start_both(RunSpec(task=task, data=""), upload.id, "local")
    assert [finetune.view(run, "local").spec.base for run in made] == bases
    assert len({finetune.view(run, "local").spec.compare for run in made}) == 1


def test_an_encoder_decoder_learns_from_prompts_only(home: Path, tmp_path: Path) -> None:
    folder = writers.FAMILIES["t5"](tmp_path / "t5")
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": f"On day {day} it rained."}) + "\n" for day in range(30)))
    upload = finetune.inspect(texts, "generation", "local")
    spec = RunSpec(task="generation", data="", base=str(folder), method="lora")
    refused("prompts_missing", finetune.start, spec, upload.id, "local")


def test_the_command_of_parallel_files_names_both(home: Path) -> None:
    spec = RunSpec(task="translation", data="my a.en + b.zh", base="scratch/seq2seq", method="scratch")
    words = shlex.split(finetune.command(spec, spec.data))
    assert words[4:6] == ["my a.en", "b.zh"]


def test_there_must_be_a_probe_to_learn_from(home: Path, films: Path) -> None:
    numbers = TrainingParams(distillation=0.5)
    museum = finetune.inspect(EXAMPLES / "qa" / "museum-guide.json", "qa", "local")
    spec = RunSpec(task="qa", data="", training=numbers)
    refused("distillation_without_probe", finetune.start, spec, museum.id, "local")
    upload = finetune.inspect(films, "classification", "local")
    spec = RunSpec(task="classification", data="", training=numbers)
    assert finetune.completed(spec, upload.id, "local").spec.training.distillation == 0.5
    # A number of another method is not looked at, as when both ways are compared.
    scratch = spec.model_copy(update={"base": "scratch/mlp", "method": "scratch"})
    assert finetune.completed(scratch, upload.id, "local")


def test_start_completes_the_spec_and_a_queued_run_can_be_stopped(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    run_id = finetune.start(
        RunSpec(task="classification", data="", training=TrainingParams(epochs=1, seed=3)), upload.id, "local"
    )
    finetune.stop(run_id, "local")
    try:
        view = finetune.view(run_id, "local")
        spec = view.spec
        assert spec.data == films.name
        assert spec.base == BASE
        assert spec.labels == ["neg", "pos"]
        assert spec.training.epochs == 1
        assert None not in spec.training.model_dump(include=told("lora", spec.task) - {"distillation"}).values()
        assert "epochs" not in spec.reasons
        assert "batch_size" in spec.reasons
        run = Run(home / "runs" / run_id)
        train, held_out = (
            pq.read_table(run.data_dir / f"{name}.parquet").to_pylist() for name in ("train", "held_out")
        )
        assert len(train) + len(held_out) == 40
        assert set(train[0]) == {"text", "label"}
        assert view.model == f"run/{run_id}"
        assert not view.usable
        assert [shown.id for shown in finetune.runs("local")] == [run_id]

        for owner in ("ann", "../local"):
            assert finetune.runs(owner) == []
            for call in (finetune.view, finetune.stop, finetune.resume):
                refused("unknown_run", call, run_id, owner)
        for wrong in ("../" + run_id, run_id + "/..", "", "x" * 40, run_id.upper() + "-"):
            refused("unknown_run", finetune.view, wrong, "local")
        assert wait_for_end(run_id).state == "stopped"
        refused("run_not_running", finetune.stop, run_id, "local")
    finally:
        kill(run_id)


def test_only_one_of_two_servers_resumes_a_run(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    run_id = finetune.start(RunSpec(task="classification", data=""), upload.id, "local")
    kill(run_id)
    assert finetune.view(run_id, "local").status.state == "failed"
    try:
        finetune.resume(run_id, "local")
        refused("run_still_running", finetune.resume, run_id, "local")
    finally:
        kill(run_id)


def test_probe_is_trained_and_evaluated(home: Path, films: Path) -> None:
    upload = finetune.inspect(films, "classification", "local")
    run_id = finetune.start(RunSpec(task="classification", data="", method="linear_probe"), upload.id, "local")
    assert wait_for_end(run_id).state == "done", finetune.view(run_id, "local").log
    view = finetune.view(run_id, "local")
    assert view.usable
    assert view.report is not None
    assert view.report["verified"]
    assert view.report["verification"]["ways"] == ["pool"]
    assert view.report["metrics"]["tuned"] == view.report["metrics"]["linear_probe"]

    found = evaluate(view.model, films, task_id="classification")
    assert found["rows"] == 40
    assert found["task"] == "classification"
    assert found["model"] == view.model
    assert found["metrics"]["accuracy"] >= 0.9
    assert list(home.glob("uploads/evaluate-*")) == []

    other = films.with_name("other.csv")
    text = films.read_text(encoding="utf-8").replace(",pos", ",rot").replace(",neg", ",blau")
    other.write_text(text, encoding="utf-8")
    with pytest.raises(PlaygroundError) as caught:
        evaluate(view.model, other, task_id="classification")
    assert caught.value.code == "labels_differ"


def test_command_says_what_the_form_said() -> None:
    spec = RunSpec(
        task="classification", data="", base=BASE, preset="quick", method="linear_probe",
        columns={"text": ["title", "the body"], "label": ["topic"]}, training=TrainingParams(epochs=2.5, seed=4),
    )  # fmt: skip
    assert shlex.split(finetune.command(spec, "my data; rm.csv")) == [
        "python", "-m", "playground", "finetune", "my data; rm.csv", "--task", "classification", "--base", BASE,
        "--method", "linear_probe", "--preset", "quick", "--map", "text=title", "--map", "text=the body",
        "--map", "label=topic", "--set", "epochs=2.5", "--set", "seed=4",
    ]  # fmt: skip
    plain = RunSpec(task="classification", data="")
    assert (
        finetune.command(plain, "x.csv")
        == "python -m playground finetune x.csv --task classification --preset balanced"
    )


def test_fixes_are_part_of_what_is_trained_on_and_of_its_command(home: Path, films: Path) -> None:
    with films.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["Day 0: the film was awful", "neg"], ["Day 1: the film was great", "POS"]])
    before = films.read_bytes()
    upload = finetune.inspect(films, "classification", "local")
    plain = RunSpec(task="classification", data="")
    fixed = plain.model_copy(update={"fixes": ["duplicates", "one_spelling"]})
    rows = {}
    for spec in (plain, fixed):
        whole = finetune.completed(spec, upload.id, "local")
        ready = whole.spec
        rows[len(ready.fixes)] = [*whole.side("train"), *whole.side("held_out")]
    assert {number: len(found) for number, found in rows.items()} == {0: 42, 2: 40}
    assert {row["label"] for row in rows[0]} == {"neg", "pos", "POS"} and ready.labels == ["neg", "pos"]
    assert films.read_bytes() == before
    told = [render(Message.from_json(ready.reasons[fix]), "en") for fix in ready.fixes]
    assert told == [
        "Left out: 2 of 42 rows that repeat an earlier row.",
        "Spelled like most now: POS → pos (1 in all).",
    ]
    words = shlex.split(finetune.command(ready, str(films)))[3:]
    assert words.count("--fix") == 2
    again, _ = read_spec(build_parser("en").parse_args(words))
    assert again.fixes == ready.fixes
    unknown = plain.model_copy(update={"fixes": ["magic"]})
    for call in (finetune.start, finetune.examine, finetune.completed):
        refused("unknown_fix", call, unknown, upload.id, "local")


def test_balance_thins_out_training_rows_and_the_scores_stay_of_the_rows_as_they_come(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "uneven.csv"
    lines = [*(f"large text {n},large" for n in range(1000)), *(f"small text {n},small" for n in range(50))]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    upload, counts = finetune.inspect(path, "classification", "local"), {}
    for fixes in ([], ["balance"]):
        spec = RunSpec(task="classification", data=path.name, base=BASE, fixes=fixes)
        ready = finetune.completed(spec, upload.id, "local")
        counts[bool(fixes)] = [Counter(row["label"] for row in ready.side(side)) for side in ("train", "held_out")]
    assert counts[True][1] == counts[False][1] and counts[True][1]["large"] >= 10 * counts[True][1]["small"]
    assert counts[True][0]["small"] == counts[False][0]["small"] and counts[True][0]["large"] <= 150


def test_a_run_is_shown_the_gpu_that_was_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [launch._gpu(0), launch._gpu(1)] == ["4", "6"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [launch._gpu(0), launch._gpu(1)] == ["0", "1"]
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cuda:1")
    settings.cache_clear()
    assert launch.environment()["PLAYGROUND_DEVICE"] == "cuda"


def test_environment_of_a_run_is_an_allow_list(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PLAYGROUND_API_KEY",
        "https_proxy",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "a secret")
    endpoint = {"url": "http://127.0.0.1:8000/v1", "model": "m", "key": "a-secret"}
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", json.dumps({"x": endpoint}))
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cpu")
    environment = launch.environment()
    assert "a secret" not in environment.values()
    assert not any("a-secret" in value for value in environment.values())
    assert environment["PLAYGROUND_DEVICE"] == "cpu"
    assert environment["PLAYGROUND_HOME"] == str(home)
    assert environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"


def wait_for_end(run_id: str):
    deadline = time.monotonic() + 240
    while (status := finetune.view(run_id, "local").status).state in ("queued", "running"):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status


def kill(run_id: str) -> None:
    """End a run with everything it started."""
    status = finetune.view(run_id, "local").status
    if status.state in ("queued", "running") and status.pid:
        process = psutil.Process(status.pid)
        for victim in [*process.children(recursive=True), process]:
            victim.kill()
        psutil.wait_procs([process], timeout=10)
