"""Entities and answers in a browser: a file is uploaded, trained on, and the model that came out is asked."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from examples.recipes.prepare import qamr
from playground.i18n import translate
from playground.models.resolve import starters
from tests.ui.conftest import Watched
from tests.ui.server import ROOT, Server, wait_for
from tests.ui.test_finetune import start
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
DATASETS = ROOT / "examples/datasets"
RUN_MS = 600_000
CONTEXT = "The mill on the Aa was built in 1804 by Jonas Frey. It burnt down in 1871."


@dataclass(frozen=True)
class Journey:
    """A dataset, what the page must say of it, and what to ask the model that it makes.

    columns   field -> what its picker must show
    scored    who stands in the table of scores
    inputs    field -> what is typed into the task's tab
    """

    task: str
    lang: str
    file: str
    columns: dict[str, str]
    scored: tuple[str, ...]
    inputs: dict[str, str]


NER = Journey(
    "ner", "en", "ner/kitchen-notes.conll", {"text": "tokens", "entities": "tags"}, ("dictionary", "tuned"),
    {"text": "Ana whisked the egg whites in a copper bowl and added sugar to the meringue."},
)  # fmt: skip
QA = Journey(
    "qa", "zh", "qa/museum-guide.json", {"question": "question", "context": "context", "answer": "answers"},
    ("sliding_window", "tuned"), {"question": "When was the mill built?", "context": CONTEXT},
)  # fmt: skip


@pytest.fixture(params=[NER, QA], ids=lambda journey: journey.task)
def journey(request: pytest.FixtureRequest) -> Journey:
    return request.param


def open_dataset(page: Page, journey: Journey, path: Path) -> None:
    """Choose the task, upload the file, and see that it is understood."""
    page.get_by_role("tab", name=translate(journey.lang, "ui.tab.finetune")).click()
    page.get_by_label(translate(journey.lang, "ui.task"), exact=True).click()
    page.get_by_role("option", name=translate(journey.lang, f"task.{journey.task}"), exact=True).click()
    page.locator("#dataset-file input[type=file]").set_input_files(path)
    expect(page.locator("#checked li.fine")).to_be_visible()
    expect(page.locator("#checked li.fatal")).to_have_count(0)
    for field, column in journey.columns.items():
        picker = page.locator(f"#column-{journey.task}-{field}")
        shown = picker.locator("input").input_value() + picker.inner_text()
        assert column in shown


def wait_for_the_end(page: Page, lang: str, name: str) -> None:
    """Until the panel shows this run, and not an earlier one, with its result."""
    expect(page.locator("#run-head h3")).to_have_text(name)
    expect(page.locator("#run-head .facts")).to_contain_text(translate(lang, "state.done"), timeout=RUN_MS)
    expect(page.locator("#verdict")).not_to_be_empty()


def ask(page: Page, journey: Journey) -> None:
    """Type the inputs into the task's tab and press Run."""
    for field, value in journey.inputs.items():
        label = translate(journey.lang, f"field.{field}")
        box = page.get_by_label(label[:1].upper() + label[1:], exact=True).and_(page.locator(":visible"))
        box.first.fill(value)
    page.get_by_role("button", name=translate(journey.lang, "ui.run"), exact=True).click()


def expect_answer(page: Page, journey: Journey) -> None:
    """Entities are marked and counted; an answer, which may be that there is none, has its score."""
    if journey.task == "ner":
        expect(page.locator(".counts:visible .note")).to_contain_text(re.compile(r"\S+: \d+"), timeout=60_000)
        expect(page.locator(".marked:visible .token.highlighted").first).to_be_visible()
    else:
        expect(page.locator(".answer-box:visible .answer")).to_contain_text(re.compile(r"\d%"), timeout=60_000)
        expect(page.locator(".marked:visible")).to_contain_text(journey.inputs["context"][:20])


def test_a_dataset_becomes_a_model_that_answers(server: Server, open_browser: Open, journey: Journey) -> None:
    watched = open_browser()
    page = watched.open(f"/{journey.lang}")
    open_dataset(page, journey, DATASETS / journey.file)
    page.get_by_label(translate(journey.lang, "ui.preset.quick")).check()
    run = start(page, journey.lang)
    wait_for_the_end(page, journey.lang, Path(journey.file).name)
    report = json.loads((server.home / "runs" / run / "report.json").read_text())
    assert set(report["metrics"]) == set(journey.scored) and report["verified"]
    for scored in journey.scored:
        expect(page.locator("#scores")).to_contain_text(translate(journey.lang, f"scored.{scored}"))
    expect(page.locator("#breakdown")).to_be_visible()
    if journey.lang == "zh":
        allowed = {path.name for path in DATASETS.glob("*/*")} | {
            name for value in journey.columns.values() for name in [value]
        }
        assert strangers(visible(page), "zh", allowed) == []
    page.get_by_role("button", name=translate(journey.lang, "ui.use"), exact=True).click()
    tab = page.get_by_role("tab", name=translate(journey.lang, f"task.{journey.task}"))
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#model-{journey.task} input")).to_have_value(
        translate(journey.lang, "ui.model.run", title=Path(journey.file).name)
    )
    ask(page, journey)
    expect_answer(page, journey)
    assert watched.foreign == []
    assert watched.errors == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_starters_mark_what_they_find(open_browser: Open, journey: Journey, lang: str) -> None:
    """On a telephone, with nothing chosen."""
    assert f"starter/{journey.task}-en" in starters()
    watched = open_browser(width=390)
    page = watched.open(f"/{lang}")
    page.get_by_role("tab", name=translate(lang, f"task.{journey.task}")).click()
    asked = {
        "ner": Journey("ner", lang, "", {}, (), {"text": "Ada Lovelace met Charles Babbage in London."}),
        "qa": Journey("qa", lang, "", {}, (), {"question": "When did the mill burn down?", "context": CONTEXT}),
    }[journey.task]
    ask(page, asked)
    marked = page.locator(".marked:visible")
    expect(marked).to_contain_text("Ada Lovelace" if journey.task == "ner" else "1871", timeout=60_000)
    found = "Charles Babbage" if journey.task == "ner" else "1871"
    expect(page.locator(".marked:visible .token.highlighted").filter(has_text=found).first).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert watched.errors == []


@pytest.mark.slow
@pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")
def test_wnut17_from_upload_to_use(server: Server, open_browser: Open) -> None:
    path = Path(os.environ["PLAYGROUND_DATA"]) / "train/wnut17/wnut17train.conll"
    page = open_browser().open("/en")
    open_dataset(page, NER, path)
    expect(page.locator("#checked")).to_contain_text("corporation")
    page.get_by_label(translate("en", "ui.preset.quick")).check()
    run = start(page)
    wait_for_the_end(page, "en", path.name)
    report = json.loads((server.home / "runs" / run / "report.json").read_text())
    assert set(report["per_type"]) == {"corporation", "creative-work", "group", "location", "person", "product"}
    page.get_by_role("button", name=translate("en", "ui.use"), exact=True).click()
    asked = replace(NER, inputs={"text": "Ada Lovelace met Charles Babbage in London."})
    ask(page, asked)
    expect_answer(page, asked)


@pytest.mark.slow
@pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")
def test_qamr_is_stopped_after_a_few_steps_and_used(server: Server, open_browser: Open, tmp_path: Path) -> None:
    path = tmp_path / "qamr.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "context", "answer", "start"])
        for row in itertools.islice(qamr(Path(os.environ["PLAYGROUND_DATA"]) / "train/qa_en/qamr"), 20_000):
            rows.writerow([row["question"], row["context"], *row["answers"][0].values()])
    page = open_browser().open("/zh")
    open_dataset(page, replace(QA, columns={"question": "question", "context": "context", "answer": "answer"}), path)
    run = start(page, "zh")
    wait_for(lambda: server.status(run)["step"] >= 3, 600, "three steps")
    page.get_by_role("button", name=translate("zh", "ui.stop"), exact=True).click()
    expect(page.locator("#run-head .facts")).to_contain_text(translate("zh", "state.stopped"), timeout=RUN_MS)
    status = server.status(run)
    assert 3 <= status["step"] < status["max_steps"]
    page.get_by_role("button", name=translate("zh", "ui.use"), exact=True).click()
    ask(page, QA)
    expect_answer(page, QA)
