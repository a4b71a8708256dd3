"""A whole file through a model: rows, results, stop and go on, what is written."""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from playground.errors import PlaygroundError
from playground.heads.prompted import AskedSpans
from playground.i18n import Message
from playground.services import batch
from playground.services.batch import work
from playground.services.batch.job import Batch, BatchStatus
from playground.services.evaluate import evaluate
from playground.services.predict import predict
from playground.services.uploads import mapped
from playground.settings import settings
from tests.heads import language_models

OWNER = "local"
WORDS = ("the", "film", "was", "a", "warm", "funny", "story", "about", "nothing", "but", "dull", "music", "lovely")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()


def films(path: Path, rows: int = 30) -> Path:
    """Reviews of all lengths; one of them is empty, and cells that a spreadsheet would compute."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "review", "predicted_label", "sentiment"])
        for number in range(rows):
            review = " ".join(chance.choices(WORDS, k=chance.randint(3, 40)))
            lines.writerow([f"=A{number}", "" if number == 6 else review, "x", chance.choice(["positive", "negative"])])
    return path


def begun(path: Path, task: str = "classification", **asked: Any) -> str:
    upload = batch.inspect(path, task, OWNER)
    columns = mapped(batch.proposed(upload.task, upload.proposals), asked.pop("columns", {}))
    return batch.begin(upload.id, model=asked.pop("model", ""), columns=columns, owner=OWNER, **asked)


def done(batch_id: str, told: Callable[[BatchStatus], None] = lambda status: None) -> BatchStatus:
    return batch.work_on(batch_id, OWNER, told)


def saved(batch_id: str, path: Path, lang: str = "en") -> list[dict[str, Any]]:
    batch.save(batch_id, OWNER, path, path.suffix[1:], lang)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return parquet.read_table(path).to_pylist()


def folder(batch_id: str) -> Batch:
    return Batch(settings().batches_dir / batch_id)


def test_every_row_is_predicted_as_it_would_be_alone(tmp_path: Path) -> None:
    path = films(tmp_path / "films.csv")
    batch_id = begun(path)
    status = done(batch_id)
    assert (status.state, status.done, status.failed) == ("done", 30, 1)
    rows = saved(batch_id, tmp_path / "out.jsonl")
    with path.open(encoding="utf-8", newline="") as file:
        given = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    for row, asked in zip(rows, given, strict=True):
        if not asked["review"]:
            assert row["prediction_error"] == "“text” is empty." and row["predicted_label"] is None
            continue
        alone = predict("classification", {"text": asked["review"]})
        assert row["prediction_error"] == ""
        assert row["predicted_label"] == alone[0]["label"]
        assert row["predicted_score"] == pytest.approx(alone[0]["score"], abs=1e-4)
        assert [entry["label"] for entry in row["predicted_scores"]] == [entry["label"] for entry in alone]
    assert saved(batch_id, tmp_path / "zh.jsonl", "zh")[6]["prediction_error"] == "“文本”是空的。"


def test_right_answers_are_compared_as_evaluate_does(tmp_path: Path) -> None:
    path = films(tmp_path / "films.csv")
    status = done(begun(path))
    assert status.score is not None
    found = evaluate("starter/sentiment-en", path)
    assert status.score["rows"] == found["rows"] == 29
    assert status.score["metrics"] == pytest.approx(found["metrics"])
    for name, interval in found["intervals"].items():
        assert status.score["intervals"][name] == pytest.approx(interval)


def test_labels_that_the_model_does_not_know_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "topics.csv"
    path.write_text("text,label\nA warm film.,sports\nA dull film.,travel\n", encoding="utf-8")
    status = done(begun(path))
    assert status.state == "done" and status.score is None
    assert status.unscored is not None and status.unscored["key"] == "error.labels_differ"


def test_the_three_files_hold_the_same(tmp_path: Path) -> None:
    """Prediction columns have fixed names; formulas are cells of text; Parquet has numbers and lists."""
    batch_id = begun(films(tmp_path / "films.csv", 12))
    done(batch_id)
    cells, lines, table = (saved(batch_id, tmp_path / f"out.{ending}") for ending in batch.ENDINGS)
    names = ["id", "review", "input_predicted_label", "sentiment"]
    names += ["predicted_label", "predicted_score", "predicted_scores", "prediction_error"]
    assert [list(rows[0]) for rows in (cells, lines, table)] == [names] * 3
    assert table == lines
    for cell, line in zip(cells, lines, strict=True):
        assert cell["id"] == "'" + line["id"] and cell["input_predicted_label"] == "x"
        if line["predicted_label"]:
            assert float(cell["predicted_score"]) == line["predicted_score"]
            assert json.loads(cell["predicted_scores"]) == line["predicted_scores"]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x"])
def test_no_cell_begins_like_a_formula(cell: str) -> None:
    from playground.services.batch.table import safe

    assert safe(cell) == f"'{cell}"
    assert safe(f"a{cell}") == f"a{cell}"


def test_a_batch_that_stopped_goes_on_with_the_rows_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a crash that left half a line; no row is done twice, and none is lost."""
    monkeypatch.setattr(work, "PIECE_ROWS", 10)
    monkeypatch.setattr(work, "PART_ROWS", 4)
    monkeypatch.setattr(work, "TELL_SECONDS", 0.0)
    path = films(tmp_path / "films.csv", 40)
    batch_id = begun(path)

    def stop_early(status: BatchStatus) -> None:
        if status.state == "running" and status.done >= 12:
            batch.stop(batch_id, OWNER)

    stopped = done(batch_id, stop_early)
    assert stopped.state == "stopped" and 12 <= stopped.done < 40
    assert len(saved(batch_id, tmp_path / "some.csv")) == stopped.done
    with folder(batch_id).results_path.open("a", encoding="utf-8") as file:
        file.write('{"row": 40, "outp')
    # The same wish for the same file is the same batch.
    assert begun(path) == batch_id
    assert begun(path, params={"top_k": 1}) != batch_id
    assert done(batch_id).state == "done"
    rows = [result["row"] for result in folder(batch_id).results()]
    assert sorted(rows) == list(range(1, 41))
    assert [row["id"] for row in saved(batch_id, tmp_path / "all.jsonl")] == [f"=A{number}" for number in range(40)]


def test_one_row_that_the_model_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "phrases.csv"
    path.write_text("text,source,target\nGood morning.,en,zh\nGuten Morgen.,de,zh\n早上好。,zh,en\n", encoding="utf-8")
    batch_id = begun(path, "translation")
    status = done(batch_id)
    assert (status.state, status.done, status.failed) == ("done", 3, 1)
    first, second, third = saved(batch_id, tmp_path / "out.jsonl")
    assert first["predicted_translation_text"] and third["predicted_translation_text"]
    assert second["predicted_translation_text"] is None and "German" in second["prediction_error"]


@pytest.mark.parametrize("rows_at_once", [1, 512])
def test_what_a_chat_model_says_that_is_no_answer_counts_as_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    """Also of a row that is worked on alone, and of one that is longer than the model reads."""
    monkeypatch.setattr(work, "PART_ROWS", rows_at_once)
    monkeypatch.setattr(AskedSpans, "most", 16)  # a random network finds no end
    model = language_models.save_base("qwen2", tmp_path / "chat", context=1024)
    gold = [{"start": 0, "end": 3, "label": "PER"}]
    rows = [{"text": text, "entities": gold} for text in ("Ada ran.", "Bob ran.", "Eve ran. " * 400)]
    path = tmp_path / "people.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    batch_id = begun(path, "ner", model=str(model), given={"entity_types": "PER"})
    status = done(batch_id)
    assert (status.state, status.done, status.failed) == ("done", 3, 3)
    assert status.score is not None and status.score["rows"] == 3 and status.score["metrics"]["entity_recall"] == 0
    said = [row["prediction_error"] for row in saved(batch_id, tmp_path / "out.jsonl")]
    assert ["cannot be used" in one for one in said] == [True, True, False]
    assert said[2] == "The text with its prompt is longer than the model reads."


def test_entities_are_read_from_tokens_and_scored(tmp_path: Path) -> None:
    path = tmp_path / "people.conll"
    path.write_text(
        "Ada B-PER\nLovelace I-PER\nmet O\nCharles B-PER\nBabbage I-PER\n\nLondon B-LOC\n\n", encoding="utf-8"
    )
    batch_id = begun(path, "ner")
    status = done(batch_id)
    assert status.score is not None and status.score["rows"] == 2
    rows = saved(batch_id, tmp_path / "out.parquet")
    assert [entity["word"] for entity in rows[0]["predicted_entities"]] == ["Ada Lovelace", "Charles Babbage"]
    assert rows[1]["predicted_entities"][0]["entity_group"] == "LOC"


def test_one_question_of_every_row(tmp_path: Path) -> None:
    path = tmp_path / "mills.csv"
    path.write_text(
        "name,context\na,The mill was built in 1804 by Jonas Frey.\nb,Anna Roth built this mill in 1911.\n",
        encoding="utf-8",
    )
    batch_id = begun(path, "qa", given={"question": "Who built the mill?"}, columns={"question": [], "answer": []})
    assert done(batch_id).state == "done"
    rows = saved(batch_id, tmp_path / "out.jsonl")
    assert [row["predicted_answer"] for row in rows] == ["Jonas Frey", "Anna Roth"]
    assert all(row["context"][row["predicted_start"] : row["predicted_end"]] == row["predicted_answer"] for row in rows)


def test_texts_alone_are_gone_on_with_and_right_texts_scored(tmp_path: Path) -> None:
    path = tmp_path / "begins.csv"
    path.write_text("text\nOnce upon a time\nThe king said\n", encoding="utf-8")
    params = {"seed": 1, "max_new_tokens": 8}
    batch_id = begun(path, "generation", params=params)
    done(batch_id)
    rows = saved(batch_id, tmp_path / "out.jsonl")
    for row in rows:
        alone = predict("generation", {"text": row["text"]}, params=params)
        assert row["predicted_generated_text"] == alone["generated_text"]
    path = tmp_path / "ends.csv"
    path.write_text("prompt,completion\nOnce upon a time, there was a girl.\n", encoding="utf-8")
    status = done(begun(path, "generation", params=params))
    found = evaluate("starter/story-en", path, task_id="generation")
    assert status.score is not None and status.score["metrics"] == pytest.approx(found["metrics"])


def test_labels_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("text\nThe striker scored twice.\nSimmer the onions in butter.\n", encoding="utf-8")
    batch_id = begun(path, model="starter/zero-shot-en", given={"candidate_labels": "sports, cooking"})
    done(batch_id)
    assert [row["predicted_label"] for row in saved(batch_id, tmp_path / "out.jsonl")] == ["sports", "cooking"]
    assert "'--candidate_labels=sports, cooking'" in batch.command(batch.view(batch_id, OWNER).spec)
    with pytest.raises(PlaygroundError) as refusal:
        begun(path, model="starter/zero-shot-en")
    assert refusal.value.code == "candidate_labels"


@pytest.mark.parametrize(
    ("content", "columns", "found"),
    [
        ("a,b\n1,2\n3,4\n", {"text": []}, "data.fault.no_column"),
        ("a,b\n1,2\n3,4\n", {"text": ["c"]}, "data.fault.unknown_column"),
    ],
)
def test_columns_that_cannot_be_asked_are_refused(tmp_path: Path, content: str, columns: Any, found: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlaygroundError) as refusal:
        begun(path, columns=columns)
    assert refusal.value.code == "dataset_not_usable"
    faults: Message = refusal.value.hint.values["faults"]
    assert faults.values["fault"].key == found


def test_a_file_of_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_ROWS", 10)
    with pytest.raises(PlaygroundError) as refusal:
        begun(films(tmp_path / "films.csv", 11))
    assert refusal.value.code == "batch_too_long"


def test_nobody_else_sees_or_steers_it(tmp_path: Path) -> None:
    batch_id = begun(films(tmp_path / "films.csv", 3))
    steps: list[Callable[[], Any]] = [
        lambda: batch.view(batch_id, "other"),
        lambda: batch.start(batch_id, "other"),
        lambda: batch.stop(batch_id, "other"),
        lambda: batch.discard(batch_id, "other"),
        lambda: batch.preview(batch_id, "other", 5, "en"),
        lambda: batch.save(batch_id, "other", tmp_path / "out.csv", "csv", "en"),
        lambda: batch.view("../" + batch_id, OWNER),
    ]
    for step in steps:
        with pytest.raises(PlaygroundError) as refusal:
            step()
        assert refusal.value.code == "unknown_batch"
    assert batch.batches("other", "classification") == []
    assert [view.id for view in batch.batches(OWNER, "classification")] == [batch_id]


def wait_for(state: str, batch_id: str, seconds: float) -> float:
    """How long it took, in seconds."""
    began = time.monotonic()
    while batch.view(batch_id, OWNER).status.state != state:
        assert time.monotonic() - began < seconds, batch.view(batch_id, OWNER).status
        time.sleep(0.02)
    return time.monotonic() - began


def test_others_are_answered_in_between_and_stop_is_heard_at_once(tmp_path: Path) -> None:
    """Then the server ends, as if killed, and the next one goes on."""
    batch_id = begun(films(tmp_path / "films.csv", 4_000))
    batch.start(batch_id, OWNER)
    with pytest.raises(PlaygroundError) as refusal:
        batch.start(batch_id, OWNER)
    assert refusal.value.code == "batch_still_running"
    wait_for("running", batch_id, 60)
    began = time.monotonic()
    predict("classification", {"text": "A warm film."})
    assert time.monotonic() - began < 3
    assert batch.view(batch_id, OWNER).status.state == "running"
    batch.stop(batch_id, OWNER)
    assert wait_for("stopped", batch_id, 10) < 1.5
    with pytest.raises(PlaygroundError) as refusal:
        batch.stop(batch_id, OWNER)
    assert refusal.value.code == "batch_not_running"
    found = folder(batch_id)
    with found.lock(10):  # its worker says that it has stopped a moment before it lets go
        found.write_status(found.status().model_copy(update={"state": "running"}))
    assert batch.view(batch_id, OWNER).status.state == "stopped"  # nobody works on it
    before = found.status().done
    batch.take_up()
    began = time.monotonic()
    while batch.view(batch_id, OWNER).status.done <= before:
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    batch.stop(batch_id, OWNER)
    wait_for("stopped", batch_id, 10)
    batch.discard(batch_id, OWNER)
    assert not found.dir.exists()


def test_a_long_text_is_stopped_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "begins.csv"
    path.write_text("text\n" + "Once upon a time\n" * 20, encoding="utf-8")
    batch_id = begun(path, "generation", params={"seed": 1, "max_new_tokens": 1024})
    batch.start(batch_id, OWNER)
    wait_for("running", batch_id, 60)
    time.sleep(0.5)
    batch.stop(batch_id, OWNER)
    assert wait_for("stopped", batch_id, 10) < 1.5
    assert all(len(result["output"]["generated_text"]) > 500 for result in folder(batch_id).results())
