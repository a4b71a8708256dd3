"""What stands under a result as code is run: command line, Python, gradio_client and curl give the page's answer."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translate
from playground.services.snippets import KINDS
from playground.tasks import TASKS, get_task
from playground.tasks.spec import Task
from playground.ui.code_panel import CodePanel
from playground.ui.wrapper import Visitor
from tests.heads import language_models
from tests.test_every_task import examples, rounded
from tests.ui.conftest import Watched, winner
from tests.ui.server import ROOT, Server
from tests.ui.test_finetune import start, upload

Open = Callable[..., Watched]
HOSTILE = "Ada Lovelace isn't \"there\"; $(touch owned) `touch owned` \\ 100% <b>in London</b>\n'; touch owned; '"


def asked(page: Page, task: Task, inputs: dict[str, str], lang: str) -> dict[str, str]:
    """Run it in the page: {kind: code}."""
    page.get_by_role("tab", name=translate(lang, f"task.{task.id}"), exact=True).click()
    for name, value in inputs.items():
        word = translate(lang, f"field.{name}")
        label = page.get_by_label(word[:1].upper() + word[1:], exact=True)
        if name not in ("source", "target"):
            label.and_(page.locator("textarea:visible, input:visible")).first.fill(value)
    if "seed" in task.params.model_fields:
        page.get_by_role("button", name=translate(lang, "ui.advanced")).and_(page.locator(":visible")).click()
        for name, value in (("seed", 1), ("max_new_tokens", 12)):
            box = page.get_by_label(translate(lang, f"param.{name}"), exact=True).and_(page.locator("input:visible"))
            box.first.fill(str(value))
            box.first.blur()
    page.get_by_role("button", name=translate(lang, "ui.run"), exact=True).and_(page.locator(":visible")).click()
    # A document that is asked has its own, further down.
    page.get_by_role("button", name=translate(lang, "ui.code")).and_(page.locator(":visible")).first.click()
    return codes(page)


def codes(page: Page) -> dict[str, str]:
    """{kind: the code that is shown}"""
    boxes = {kind: page.locator(f".codes .{kind} code:visible") for kind in KINDS}
    for box in boxes.values():
        expect(box).not_to_be_empty()
    return {kind: box.text_content() or "" for kind, box in boxes.items()}


def answers(code: dict[str, str], server: Server, folder: Path) -> dict[str, Any]:
    """{kind: the JSON that its code prints}"""
    return {kind: printed(kind, code[kind], server, folder) for kind in KINDS}


def printed(kind: str, code: str, server: Server, folder: Path) -> Any:
    """The JSON that code prints, run as it stands, in a POSIX shell or Python."""
    environment = {**os.environ, "PLAYGROUND_HOME": str(server.home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        environment.pop(name, None)

    command = ["sh", "-c", code] if kind in ("cli", "curl") else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return rounded(found[0] if kind == "curl" else found)  # Gradio's endpoints answer with a list of outputs


def shown(page: Page, task: Task, answer: Any) -> None:
    """The page shows that answer."""
    if task.id == "classification":
        expect(winner(page)).to_have_text(answer[0]["label"])
        expect(page.locator(".scores:visible")).to_contain_text(f"{100 * answer[0]['score']:.0f}%")
    elif task.id == "ner":
        marked = page.locator(".marked:visible .token.highlighted")
        expect(marked).to_have_count(len(answer))
        for place, entity in enumerate(answer):
            expect(marked.nth(place)).to_contain_text(entity["word"])
    elif task.id == "qa":
        expect(page.locator(".answer-box:visible b")).to_have_text(answer["answer"])
    else:
        expect(page.locator(".written:visible textarea")).to_have_value(answer[task.output.key])  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_all_four_give_what_the_page_shows(server: Server, open_browser: Open, task: Task, tmp_path: Path) -> None:
    lang = "zh" if task.id == "ner" else "en"
    watched = open_browser()
    page = watched.open(f"/{lang}")
    inputs = {**examples(task)[0], **({"text": HOSTILE} if task.id in ("ner", "classification") else {})}
    code = asked(page, task, inputs, lang)
    expect(page.locator(".codes h3:visible")).to_have_text([translate(lang, f"ui.code.{kind}") for kind in KINDS])
    found = answers(code, server, tmp_path)
    assert [found[kind] for kind in KINDS] == [found["cli"]] * len(KINDS)
    shown(page, task, found["cli"])
    assert list(tmp_path.iterdir()) == []
    assert watched.errors == [] and watched.dialogs == []


def test_a_question_about_nothing_given_is_code_too(tmp_path: Path) -> None:
    """A chat model needs none; what an input lacks that is needed is told where the answer stands."""
    model = str(language_models.save_base("qwen2", tmp_path, context=1024))
    task, visitor = get_task("qa"), Visitor("local", "en", {})
    with gr.Blocks(analytics_enabled=False):
        panel = CodePanel("en")
    for context in ("", " ", None):
        inputs = {"question": "What is blue?", "context": context}
        shown = panel.of_task(visitor, task, inputs, {}, model)
        assert "What is blue?" in shown and "context" not in shown
    assert panel.of_task(visitor, task, {"question": "", "context": "It is blue."}, {}, model) == gr.skip()


@pytest.mark.slow
def test_a_file_is_predicted_alike(server: Server, open_browser: Open, tmp_path: Path) -> None:
    file = tmp_path / "it's mine; all.csv"
    file.write_text(f'text,label\nI like it,positive\n"{HOSTILE.replace(chr(34), chr(34) * 2)}",negative\n')
    page = open_browser().open("/en")
    page.get_by_role("tab", name=translate("en", "task.classification"), exact=True).click()
    page.locator(".batch-panel:visible .label-wrap").first.click()
    page.locator("#batch-file-classification input[type=file]").set_input_files(file)
    page.get_by_role("button", name=translate("en", "ui.batch.start"), exact=True).click()
    expect(page.locator(".batch-head:visible").first).to_contain_text(translate("en", "state.done"), timeout=60_000)
    page.locator(".batch-panel .code-panel .label-wrap:visible").click()
    tables = []
    for kind, code in codes(page).items():
        folder = tmp_path / kind
        folder.mkdir()
        shutil.copy(file, folder)
        said = printed(kind, code, server, folder)
        assert (said["state"], said["rows"], said["failed"], said["metrics"]["accuracy"]) == ("done", 2, 0, 1.0)
        assert {path.name for path in folder.iterdir()} == {file.name, "classification-predictions.csv"}
        with (folder / "classification-predictions.csv").open(encoding="utf-8-sig", newline="") as table:
            tables.append([{**row, "predicted_score": row["predicted_score"][:6]} for row in csv.DictReader(table)])
    assert tables == [tables[0]] * len(KINDS) and tables[0][1]["text"] == HOSTILE


@pytest.mark.slow
def test_a_run_is_trained_alike(server: Server, open_browser: Open, tmp_path: Path) -> None:
    file = tmp_path / "it's mine; all.csv"
    words = (("good", "fine"), ("bad", "awful"))
    rows = [f"{words[n % 2][n // 2 % 2]} day {n},{('up', 'down')[n % 2]},x" for n in range(40)]
    file.write_text("\n".join(["said,mood,other", *rows]) + "\n")
    page = open_browser().open("/en")
    upload(page, file)
    page.get_by_label(translate("en", "ui.method.linear_probe")).check()
    page.locator("#run-name textarea, #run-name input").fill(HOSTILE[:40])
    first = start(page)
    expect(page.locator("#verdict")).to_contain_text("Accuracy", timeout=200_000)
    page.locator(".run-panel .code-panel .label-wrap:visible").click()
    asked = [what_was_asked(server, first)]
    for kind, code in codes(page).items():
        said = printed(kind, code, server, tmp_path)
        assert said["state"] == "done"
        asked.append(what_was_asked(server, said["run"]))
    for one in asked[1:]:
        assert {name: one[name] for name in one if one[name] != asked[0][name]} == {}
    assert asked[0]["name"]


def what_was_asked(server: Server, run: str) -> dict[str, Any]:
    spec = json.loads((server.home / "runs" / run / "spec.json").read_text())
    report = json.loads((server.home / "runs" / run / "report.json").read_text())
    mine = {name: value for name, value in spec.items() if name not in ("id", "created", "data")}
    mine["columns"] = {name: columns for name, columns in spec["columns"].items() if columns}
    return {**mine, "data": Path(spec["data"]).name, "metrics": rounded(report["metrics"])}


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "button", "found"), [("en", "ask", "answers"), ("zh", "find", "passages")])
def test_a_document_is_asked_alike(
    server: Server, open_browser: Open, tmp_path: Path, lang: str, button: str, found: str
) -> None:
    file = tmp_path / "it's the; mill, old.md"
    file.write_text("# The mill\n\nIt was built in 1804 by Jonas Frey.\n\n## The fire\n\nIt burnt down in 1871.\n")
    page = open_browser().open(f"/{lang}")
    page.get_by_role("tab", name=translate(lang, "task.qa"), exact=True).click()
    page.locator("#document-file input[type=file]").set_input_files(file)
    page.get_by_label(translate(lang, "ui.documents.question"), exact=True).fill(f"--when did it burn? {HOSTILE}"[:200])
    page.get_by_role("button", name=translate(lang, f"ui.documents.{button}"), exact=True).click()
    expect(page.locator(".passages li").first).to_be_visible(timeout=60_000)
    page.locator(".document-panel .code-panel .label-wrap").click()
    said = {kind: answer[found] for kind, answer in answers(codes(page), server, tmp_path).items()}
    assert [said[kind] for kind in KINDS] == [said["cli"]] * len(KINDS) and said["cli"]
    expect(page.locator(".passages li")).to_have_count(len(said["cli"]))
    assert list(tmp_path.iterdir()) == [file]
