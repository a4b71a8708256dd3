from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from playground.cli import main
from playground.errors import PlaygroundError
from playground.models.resolve import resolve
from playground.runs import RunSpec, create_run
from playground.services.predict import predict
from playground.services.share import export, packed
from playground.settings import settings

SENTIMENT = "starter/sentiment-en"
TEXT = {"text": "A warm, funny film."}


def make_run(name: str) -> str:
    """A run whose model is that of the starter."""
    run = create_run(settings().runs_dir, RunSpec(task="classification", data="films.csv", name=name))
    export(SENTIMENT, run.model_dir, "local")
    return run.id


def test_a_zip_unpacked_elsewhere_answers_as_before(tmp_path: Path) -> None:
    path = export(SENTIMENT, tmp_path / "out/mood.zip", "local")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        archive.extractall(tmp_path / "elsewhere")
    assert names == {f"mood/{file.name}" for file in resolve(SENTIMENT).folder.iterdir()}
    assert {"mood/adapter_config.json", "mood/adapter_model.safetensors", "mood/README.md"} <= names
    moved = predict("classification", TEXT, model=str(tmp_path / "elsewhere/mood"))
    assert moved == predict("classification", TEXT, model=SENTIMENT)
    assert list((tmp_path / "out").iterdir()) == [path]


def test_the_page_packs_a_run_once_under_a_harmless_name(tmp_path: Path) -> None:
    run_id = make_run("../Mood <b>of</b> 电影/2")
    path = packed(run_id, "local")
    assert path.name == "Mood-b-of-b-电影-2.zip" and path.is_relative_to(settings().uploads_dir / "web")
    made = path.stat().st_mtime_ns
    assert packed(run_id, "local") == path and path.stat().st_mtime_ns == made
    with pytest.raises(PlaygroundError) as caught:
        packed(run_id, "somebody-else")
    assert caught.value.code == "unknown_run"


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("")
    cases = [
        ("someone/model", tmp_path / "new", "export_not_ours"),
        (SENTIMENT, tmp_path / "there", "export_exists"),
        (SENTIMENT, tmp_path / "file/below.zip", "export_failed"),
    ]
    for model, target, code in cases:
        with pytest.raises(PlaygroundError) as caught:
            export(model, target, "local")
        assert caught.value.code == code
        assert caught.value.text("zh")


def test_the_command_line_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", f"run/{make_run('one')}", str(tmp_path / "copy"), "--json"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["path"], "adapter_config.json").is_file()
