"""Documents through the endpoints and the command line: one answer in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file

from playground.errors import PlaygroundError
from playground.heads.extractive_qa import HEAD
from playground.i18n import translate
from playground.models.resolve import resolve
from playground.runs import TrainingParams
from playground.ui.document_api import ask_document, find_passages
from playground.ui.wrapper import Visitor
from tests.data.pdfs import make_pdf
from tests.ui.server import ROOT, Server, answer

BEES = "Stingless bees nest in hollow trees. They feed on the nectar of mangrove flowers."
BRIDGE = "The bridge over the Lenne was built in 1893 by the engineer Clara Voss."
FILLER = " ".join(f"Paragraph {number} only says that nothing happened that day." for number in range(14))
QUESTION = "Who built the bridge?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A document of two pages as paper.pdf, and a random model as qa."""
    path, base = tmp_path_factory.mktemp("documents"), resolve("sentence-transformers/all-MiniLM-L6-v2")
    (path / "paper.pdf").write_bytes(make_pdf([f"{BEES} {FILLER}", f"{BRIDGE} {FILLER}"]))
    made, tokenizer = HEAD.new_model(base, [], TrainingParams(lora_r=4, seed=3))
    HEAD.save(made, path / "qa", tokenizer=tokenizer, task="qa", labels=[], base=base, max_length=256)
    return path


def command(home: Path, *words: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PLAYGROUND_HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "playground", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return round(found, 4) if isinstance(found, float) else found


def test_passages_of_a_file_of_its_id_and_of_a_text(server: Server, folder: Path, tmp_path: Path) -> None:
    client = Client(server.url, verbose=False)
    found = client.predict(
        query=QUESTION, data=handle_file(folder / "paper.pdf"), top_k=2, api_name="/find_passages"
    )  # fmt: skip
    assert len(found["passages"]) == 2 and {one["page"] for one in found["passages"]} <= {1, 2}
    assert BRIDGE in " ".join(found["passages"][0]["text"].split())
    again = client.predict(query=QUESTION, document=found["document"], top_k=2, api_name="/find_passages")
    assert rounded(again) == rounded(found)
    pasted = client.predict(query=QUESTION, text=f"{BEES}\n\n{FILLER}\n\n{BRIDGE}", top_k=1, api_name="/find_passages")
    assert BRIDGE in pasted["passages"][0]["text"] and "page" not in pasted["passages"][0]
    code, output, _ = command(tmp_path, "search", str(folder / "paper.pdf"), QUESTION, "--top_k", "2", "--json")
    assert code == 0
    assert rounded(json.loads(output.splitlines()[-1])) == rounded(found)


@pytest.mark.slow
def test_answers_are_the_same_from_the_endpoint_and_the_command(server: Server, folder: Path, tmp_path: Path) -> None:
    client = Client(server.url, verbose=False)
    found = client.predict(
        question=QUESTION, data=handle_file(folder / "paper.pdf"), model=str(folder / "qa"), api_name="/ask_document"
    )  # fmt: skip
    assert found["answers"]
    for one in found["answers"]:
        start = one["start"] - one["passage"]["start"]
        assert one["passage"]["text"][start : start + len(one["answer"])] == one["answer"]
        assert one["page"] in (1, 2)
    words = ("ask", str(folder / "paper.pdf"), QUESTION, "--model", str(folder / "qa"))
    code, output, _ = command(tmp_path, *words, "--json")
    assert code == 0 and rounded(json.loads(output.splitlines()[-1])) == rounded(found)
    code, output, _ = command(tmp_path, *words, "--lang", "zh")
    assert code == 0 and translate("zh", "document.page", page=found["answers"][0]["page"]) in output


def test_what_is_wrong_is_said(server: Server, folder: Path, tmp_path: Path) -> None:
    client = Client(server.url, verbose=False)
    for arguments, code in (
        ({}, "no_document"),
        ({"document": "../../etc/passwd"}, "unknown_document"),
        ({"document": "0" * 32}, "unknown_document"),
        ({"text": "The bridge.", "top_k": 0}, "bad_param"),
        ({"text": "The bridge.", "model": "starter/none"}, "unknown_starter"),
        ({"text": "x" * 1_000_001}, "document_too_long"),
    ):
        with pytest.raises(Exception, match=r".") as caught:
            client.predict(query="bridge", **arguments, api_name="/find_passages")
        said = str(caught.value)
        sentence = translate("en", f"error.{code}.hint", most=20, starters="")
        assert sentence.split(":")[0].rstrip(".") in said, (code, said)
    status, output, told = command(tmp_path, "search", str(tmp_path / "nothing.txt"), "bridge")
    assert (status, output) == (1, "") and translate("en", "error.document_not_found.hint") in told


@pytest.mark.parametrize("endpoint", [ask_document, find_passages])
def test_what_is_asked_is_looked_at_before_the_document(endpoint: Callable[..., Any]) -> None:
    for asked, top_k, code in ((" ", 3, "field_empty"), ("bridge", 0, "bad_param")):
        with pytest.raises(PlaygroundError) as refusal:
            endpoint(Visitor("local", "en", {}), asked, document="no document of that name", top_k=top_k)
        assert refusal.value.code == code


def test_a_file_that_was_not_uploaded_is_not_read(server: Server) -> None:
    """Sent by hand: Gradio's client would upload the file that the dictionary names."""
    hostile = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for name, asked in (("find_passages", "query"), ("ask_document", "question")):
        status, _, body = answer(
            f"{server.url}/gradio_api/call/v2/{name}",
            data=json.dumps({asked: "root", "data": hostile}).encode(),
            headers={"Content-Type": "application/json"},
        )
        said = body
        if status == 200:
            said = answer(f"{server.url}/gradio_api/call/{name}/{json.loads(body)['event_id']}")[2]
        assert "root:" not in said and "error" in said
