"""Which files of a dataset are taken, and datasets from a Hub that speaks its API."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, render
from playground.models import hub
from playground.models.hub_data import parts
from playground.services.downloads import Downloads, dataset_id, downloads, facts, rows_here
from playground.services.uploads import inspect
from playground.settings import settings
from tests.hub_server import Hub, Repository, running_hub, use_hub
from tests.services.test_downloads import command_line
from tests.ui.server import wait_for

CARD = {"cardData": {"license": "cc-by-4.0"}}
TICKETS, OLD, WORDS = "datasets/someone/tickets", "datasets/someone/by-script", "datasets/someone/words"
CLASSES = ["billing", "shipping"]


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (
            ["README.md", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
             "data/test-00000-of-00001.parquet"],
            {"default": ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]},
        ),
        (
            ["en/train/0000.parquet", "en/test/0000.parquet", "zh/train/0000.parquet"],
            {"en": ["en/train/0000.parquet"], "zh": ["zh/train/0000.parquet"]},
        ),
        (
            ["extra/train.csv", "plain_text/train-00000-of-00001.csv", "plain_text/unsupervised-00000-of-00001.csv"],
            {"plain_text": ["plain_text/train-00000-of-00001.csv"], "extra": ["extra/train.csv"]},
        ),
        (
            ["data/train-00000-of-00002-b42a775f407cee45.parquet",
             "data/train-00001-of-00002-0123456789abcdef.parquet"],
            {"default": ["data/train-00000-of-00002-b42a775f407cee45.parquet",
                         "data/train-00001-of-00002-0123456789abcdef.parquet"]},
        ),
        (["ner.test.csv", "ner.train.csv", "pos.test.csv"], {"ner": ["ner.train.csv"]}),
        (["cs-en/train.csv", "cs_en/train.csv", "20220301.simple/train.csv"],
         {"20220301.simple": ["20220301.simple/train.csv"], "cs-en": ["cs-en/train.csv"],
          "cs_en": ["cs_en/train.csv"]}),
        (["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "small.csv"], {"small": ["small.csv"]}),
        (["train.csv", "test.csv", "dataset_infos.json"], {"default": ["train.csv"]}),
        (["rows.jsonl", "other.csv"], {"rows": ["rows.jsonl"]}),
        (["test.csv", "script.py", "data.zip", "dataset_infos.json"], {}),
    ],
)  # fmt: skip
def test_training_rows_are_told_by_their_names(files: list[str], taken: dict[str, list[str]]) -> None:
    found = parts(dict.fromkeys(files, 5))
    assert {part: list(names) for part, names in found.items()} == taken
    assert list(found) == list(taken)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("someone/tickets", TICKETS),
        (" datasets/someone/tickets ", TICKETS),
        ("https://huggingface.co/datasets/someone/tickets", TICKETS),
        ("someone/tickets:en@v1", f"{TICKETS}:en@v1"),
        ("imdb", "datasets/imdb"),
        ("https://huggingface.co/datasets/someone/tickets/viewer/default/train?row=3", TICKETS),
        ("https://huggingface.co/datasets/imdb/tree/main", "datasets/imdb"),
        ("", ""),
    ],
)
def test_names_of_datasets(name: str, found: str) -> None:
    assert dataset_id(name) == found


@pytest.mark.parametrize("name", ["../secrets", "a b/c", "someone/<b>", "a/b/c"])
def test_what_is_no_name_is_said_to_be_none(name: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        dataset_id(name)
    assert refused.value.code == "bad_dataset_id"


def to_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=CLASSES)})
    datasets.Dataset.from_list(rows, features=features).to_parquet(path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    rows = [{"text": f"Ticket number {number}.", "label": number % 2} for number in range(40)]
    for number in range(2):
        piece = rows[20 * number : 20 * number + 20]
        to_parquet(tmp_path / f"tickets/data/train-0000{number}-of-00002.parquet", piece)
    to_parquet(tmp_path / "tickets/data/test-00000-of-00001.parquet", rows[:5])
    (tmp_path / "script").mkdir()
    (tmp_path / "script/by-script.py").write_text("raise SystemExit")
    to_parquet(tmp_path / "converted/default/train/0000.parquet", rows)
    for part in ("en", "zh"):
        (tmp_path / "words" / part).mkdir(parents=True)
        with (tmp_path / "words" / part / "train.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["text", "label"], *([f"{part} {row}", row % 3] for row in range(30))])
    known = {
        TICKETS: Repository(tmp_path / "tickets", CARD),
        OLD: Repository(tmp_path / "script"),
        f"{OLD}@{hub.CONVERTED}": Repository(tmp_path / "converted", {"sha": "c" * 40}),
        WORDS: Repository(tmp_path / "words"),
    }
    with running_hub(known) as running:
        use_hub(monkeypatch, running, tmp_path / "cache")
        downloads.cache_clear()
        yield running
        downloads.cache_clear()


def fetched(jobs: Downloads, dataset: str) -> list[Path]:
    jobs.look(dataset)
    known = wait_for(lambda: (it := jobs.status(dataset)) and it.state != "looking" and it, 20, "an offer")
    if known.error:
        raise known.error
    jobs.start(dataset)
    known = wait_for(lambda: (it := jobs.status(dataset)) and it.state in ("done", "failed") and it, 20, "the end")
    if known.error:
        raise known.error
    return rows_here(dataset)


def test_its_pieces_become_one_table_with_the_names_of_the_classes(server: Hub) -> None:
    jobs = downloads()
    jobs.look(TICKETS)
    offered = wait_for(lambda: (it := jobs.status(TICKETS)) and it.state == "offered" and it, 20, "an offer")
    said = " · ".join(render(message, "en") for message in facts(offered))
    assert "cc-by-4.0" in said and "none of its code is run" in said and "to download" in said
    assert not any("/resolve/" in path for path in server.paths("GET"))
    paths = fetched(jobs, TICKETS)
    upload = inspect(paths, "classification", "local", TICKETS)
    assert upload.table.name == TICKETS and upload.table.rows == 40
    preview = upload.table.preview(40)
    assert [row["text"] for row in preview] == [f"Ticket number {number}." for number in range(40)]
    assert {row["label"] for row in preview} == set(CLASSES)
    assert not any("test-00000" in path for path in server.paths("GET"))


def test_the_hubs_own_copy_is_taken_where_a_dataset_is_a_script(server: Hub) -> None:
    [path] = fetched(downloads(), OLD)
    assert path.name == "0000.parquet" and inspect([path], "classification", "local", OLD).table.rows == 40
    assert not any(path.endswith(".py") for path in server.paths("GET"))


def test_one_of_several_parts_is_taken_and_the_others_are_named(server: Hub) -> None:
    offer = hub.offer(WORDS)
    assert (offer.part, offer.others, list(offer.files)) == ("en", ("zh",), ["en/train.csv"])
    [path] = fetched(downloads(), f"{WORDS}:zh")
    assert path.read_text().splitlines()[1].startswith("zh ")
    with pytest.raises(PlaygroundError) as refused:
        hub.offer(f"{WORDS}:fr")
    assert refused.value.code == "no_such_part" and "en" in refused.value.text("en")


def test_what_cannot_be_had_is_refused_with_a_remedy(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "README.md").write_text("nothing")
    server.repositories["datasets/someone/empty"] = Repository(empty)
    refused = {"datasets/someone/empty": "no_rows_on_hub", "datasets/someone/none": "no_dataset_on_hub"}
    for dataset, code in refused.items():
        with pytest.raises(PlaygroundError) as caught:
            fetched(Downloads(), dataset)
        assert caught.value.code == code
        assert all(caught.value.text(lang) for lang in LANGUAGES)
    (empty / "train.csv").write_text("text,label\n" + "long,yes\n" * 200_000)
    monkeypatch.setenv("PLAYGROUND_MAX_UPLOAD_MB", "1")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as caught:
        fetched(Downloads(), "datasets/someone/empty")
    assert caught.value.code == "dataset_too_large"
    server.answers = False
    with pytest.raises(PlaygroundError) as caught:
        hub.offer(TICKETS)
    assert caught.value.code == "dataset_offline"


@pytest.mark.slow
def test_a_fine_tune_by_its_name_on_the_command_line(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    numbers = ("--method", "linear_probe", "--json")
    ended = command_line(tmp_path, server, "finetune", TICKETS, *numbers)
    shown, told = ended.communicate(timeout=240)
    assert ended.returncode == 0, told
    assert "cc-by-4.0" in told
    found = json.loads(shown.splitlines()[-1])
    spec = json.loads((tmp_path / "home/runs" / found["run"] / "spec.json").read_text())
    assert found["state"] == "done" and spec["data"] == TICKETS
    mistyped = command_line(tmp_path, server, "finetune", "datasets/mine/rows.csv")
    _, told = mistyped.communicate(timeout=60)
    assert mistyped.returncode and "rows.csv" in told and "Hub" not in told


def test_visitors_are_offered_none(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refused:
        Downloads().look(TICKETS)
    assert refused.value.code == "model_not_offered"
    assert server.paths("GET") == []
