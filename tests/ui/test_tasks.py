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
from typing import Any
from xml.sax.saxutils import escape

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from examples.recipes.prepare import qamr
from playground.i18n import translate
from playground.languages import name_of
from playground.models.resolve import starters
from playground.tasks import get_task
from tests.ui.conftest import IN_SPACE, Watched, winner
from tests.ui.server import ROOT, Server
from tests.ui.test_finetune import names_of_runs, start
from tests.ui.words import strangers, visible

Open = Callable[..., Watched]
DATASETS = ROOT / "examples/datasets"
RUN_MS = 600_000
CONTEXT = "The mill on the Aa was built in 1804 by Jonas Frey. It burnt down in 1871."


@dataclass(frozen=True)
class Journey:
    """A dataset, what the page must say of it, and what to ask the model that it makes.

    columns   field -> what its picker must show; of a language its code
    scored    who stands in the table of scores
    inputs    field -> what is typed into the task's tab
    name      of the file that is uploaded, where it is `made` from the dataset
    """

    task: str
    lang: str
    file: str
    columns: dict[str, str]
    scored: tuple[str, ...]
    inputs: dict[str, str]
    name: str = ""
    made: Callable[[Path, Path], None] | None = None

    @property
    def tab(self) -> str:
        """Id of the task in whose tab the model is asked."""
        return get_task(self.task).tab

    def upload(self, folder: Path) -> Path:
        """The file to upload."""
        if self.made is None:
            return DATASETS / self.file
        self.made(DATASETS / self.file, folder / self.name)
        return folder / self.name


def to_first_sentences(source: Path, target: Path) -> None:
    """Enough to see that it learns."""
    target.write_text(first_sentences(source), encoding="utf-8")


def first_sentences(source: Path) -> str:
    return "\n\n".join(source.read_text(encoding="utf-8").split("\n\n")[:80]) + "\n"


NER = Journey(
    "ner", "zh", "ner/kitchen-notes.conll", {"text": "tokens", "entities": "tags"}, ("dictionary", "tuned"),
    {"text": "Ana whisked the egg whites in a copper bowl and added sugar to the meringue."},
    "kitchen.conll", to_first_sentences,
)  # fmt: skip


def to_first_articles(source: Path, target: Path) -> None:
    """Of SQuAD's json, for the same reason."""
    guide = json.loads(source.read_text(encoding="utf-8"))
    target.write_text(json.dumps(guide | {"data": guide["data"][:2]}), encoding="utf-8")


QA = Journey(
    "qa", "zh", "qa/museum-guide.json", {"question": "question", "context": "context", "answer": "answers"},
    ("sliding_window", "tuned"), {"question": "When was the mill built?", "context": CONTEXT},
    "guide.json", to_first_articles,
)  # fmt: skip


TRANSLATION = Journey(
    "translation", "en", "translation/phrasebook-en-zh.tsv",
    {"text": "en", "source": "en", "target": "zh", "translation": "zh"},
    ("copy_source", "nearest", "tuned"), {"text": "Where is the station?\nThank you."},
)  # fmt: skip


GENERATION = Journey(
    "generation", "zh", "generation/tiny-fables-en.jsonl", {"text": "prompt", "completion": "completion"},
    ("unigram", "tuned"), {"text": "A fable about the owl and the lamp:"},
)  # fmt: skip


def to_first_lines(source: Path, target: Path) -> None:
    target.write_text("".join(source.read_text(encoding="utf-8").splitlines(keepends=True)[:20]), encoding="utf-8")


SUMMARIZATION = Journey(
    "summarization", "zh", "summarization/articles-zh.jsonl", {"text": "article", "summary": "summary"},
    ("lead", "tuned"), {"text": CONTEXT}, "articles.jsonl", to_first_lines,
)  # fmt: skip


MULTI_LABEL = Journey(
    "multi_label", "zh", "multi_label/hotel-comments.csv", {"text": "comment", "labels": "topics"},
    ("frequent_labels", "linear_probe", "tuned"), {"text": "The waiter was rude and the soup was cold."},
)  # fmt: skip


def every_tenth(source: Path) -> list[str]:
    """The header and a part of each class and split: the journey is the same, and the training not two minutes."""
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    return [header, *lines[::10]]


def to_workbook(source: Path, target: Path) -> None:
    book = Workbook()
    for row in csv.reader(every_tenth(source)):
        book.active.append(row)
    book.save(target)


def to_gb18030(source: Path, target: Path) -> None:
    target.write_text("\n".join(every_tenth(source)).replace(",", ";") + "\n", encoding="gb18030")


def to_bmes(source: Path, target: Path) -> None:
    """B and I tags as B, M, E and S: what ends an entity is known by what follows."""
    lines = first_sentences(source).splitlines()
    made = []
    for line, following in itertools.pairwise([*lines, ""]):
        head, _, tag = line.rpartition(" ")
        ends = not following.rpartition(" ")[2].startswith("I-")
        place = {"B-": "S-" if ends else "B-", "I-": "E-" if ends else "M-"}.get(tag[:2], "")
        made.append(f"{head} {place}{tag[2:]}" if place else line)
    target.write_text("\n".join(made) + "\n", encoding="utf-8")


def to_tmx(source: Path, target: Path) -> None:
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    units = [
        "<tu>"
        + "".join(f'<tuv xml:lang="{lang}"><seg>{escape(row[lang])}</seg></tuv>' for lang in ("en", "zh"))
        + "</tu>"
        for row in rows
    ]
    header = '<tmx version="1.4"><header srclang="en"/><body>'
    target.write_text(header + "\n".join(units) + "</body></tmx>", encoding="utf-8")


XLSX = Journey(
    "classification", "zh", "classification/reviews-zh.csv", {"text": "评论", "label": "情感"},
    ("majority", "linear_probe", "tuned"), {"text": "这家店的服务很好，下次还来。"}, "评论.xlsx", to_workbook,
)  # fmt: skip
GB18030 = replace(XLSX, name="评论.csv", made=to_gb18030)
BMES = replace(NER, lang="en", name="kitchen.bmes", made=to_bmes)
TMX = replace(TRANSLATION, name="phrasebook.tmx", made=to_tmx)
IN_A_FRAME = pytest.mark.skipif(not IN_SPACE, reason="test_space.py runs it in a frame")
JOURNEYS = [
    QA, SUMMARIZATION, MULTI_LABEL, GENERATION, XLSX, GB18030, BMES, TMX,
    *(pytest.param(one, marks=IN_A_FRAME) for one in (NER, TRANSLATION)),  # else BMES and TMX are the same
]  # fmt: skip
"""Each is a minute or two; what is special to their task or format is tested without a browser, too."""
EACH_TASK = [NER, QA, SUMMARIZATION, MULTI_LABEL, TRANSLATION, GENERATION, XLSX]


def called(journey: Journey) -> str:
    """Its id among the tests, which pytest wants in ASCII."""
    return f"{journey.task}-{journey.name.rpartition('.')[2] or 'file'}-{journey.lang}"


def in_words(field: str, column: str, lang: str) -> str:
    """What a picker shows: of a language its name."""
    return name_of(column, lang) if field in ("source", "target") else column


def open_dataset(page: Page, journey: Journey, path: Path) -> None:
    """Choose the task, upload the file, and see that it is understood."""
    page.get_by_role("tab", name=translate(journey.lang, "ui.tab.finetune")).click()
    page.get_by_label(translate(journey.lang, "ui.task"), exact=True).first.click()  # the runs have a filter of it
    page.get_by_role("option", name=translate(journey.lang, f"task.{journey.task}"), exact=True).click()
    page.locator("#dataset-file input[type=file]").set_input_files(path)
    expect(page.locator("#checked li.fine")).to_be_visible(timeout=90_000)  # the server may still be loading
    expect(page.locator("#checked li.fatal")).to_have_count(0)
    for field, column in journey.columns.items():
        picker = page.locator(f"#column-{journey.task}-{field}")
        shown = picker.locator("input").input_value() + picker.inner_text()
        assert in_words(field, column, journey.lang) in shown


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
    if journey.task == "multi_label":
        expect(page.locator(".scores:visible")).to_contain_text("food", timeout=60_000)
        said = translate(journey.lang, "ui.labels.apply", labels="")
        expect(page.locator(".counts:visible .note")).to_contain_text(re.compile(f"{re.escape(said)}.*food"))
    elif journey.task == "classification":
        expect(winner(page)).to_have_text("正面", timeout=60_000)
    elif journey.task == "ner":
        expect(page.locator(".counts:visible .note")).to_contain_text(re.compile(r"\S+: \d+"), timeout=60_000)
        expect(page.locator(".marked:visible .token.highlighted").first).to_be_visible()
    elif journey.task in ("generation", "summarization"):
        # Of fifty rows it may learn no more than commas.
        expect(page.locator(".written:visible textarea")).to_have_value(re.compile(r"\S"), timeout=60_000)
        expect(page.locator(".tokens:visible .token").first).to_be_visible()
    elif journey.task == "translation":
        expect(page.locator(".counts:visible .note")).to_contain_text(
            re.compile(rf"{name_of('zh', journey.lang)} · \d+ "), timeout=60_000
        )
        written = page.locator(".written:visible textarea")
        expect(written).to_have_value(re.compile(r"\S+\n\S+"))
    else:
        expect(page.locator(".answer-box:visible .answer")).to_contain_text(re.compile(r"\d%"), timeout=60_000)
        expect(page.locator(".marked:visible")).to_contain_text(journey.inputs["context"][:20])


@pytest.mark.slow  # test_finetune.py does the same for classification
@pytest.mark.parametrize("journey", JOURNEYS, ids=called)
def test_a_dataset_becomes_a_model_that_answers(
    server: Server, open_browser: Open, journey: Journey, tmp_path: Path
) -> None:
    watched = open_browser()
    page = watched.open(f"/{journey.lang}")
    file = journey.upload(tmp_path)
    open_dataset(page, journey, file)
    page.get_by_label(translate(journey.lang, "ui.preset.quick")).check()
    run = start(page, journey.lang)
    expect_result(page, server, journey, run, file.name)
    use_it(page, journey)
    # The same in the page's other language: it need not be trained for that. A frame shows each task in one of them.
    if not IN_SPACE:
        other = replace(journey, lang={"en": "zh", "zh": "en"}[journey.lang])
        page = watched.open(f"/{other.lang}?run={run}")
        open_dataset(page, other, file)
        expect_result(page, server, other, run, file.name)
        use_it(page, other)
    assert watched.foreign == []
    assert watched.errors == []


def expect_result(page: Page, server: Server, journey: Journey, run: str, title: str) -> dict[str, Any]:
    """The run's report, once the page shows the whole of it in its own language."""
    wait_for_the_end(page, journey.lang, title)
    report: dict[str, Any] = json.loads((server.home / "runs" / run / "report.json").read_text())
    assert set(report["metrics"]) == set(journey.scored) and report["verified"]
    for scored in journey.scored:
        expect(page.locator("#scores")).to_contain_text(translate(journey.lang, f"scored.{scored}"))
    expect(page.locator("#types-box")).to_be_visible(visible=journey.tab in ("ner", "qa", "classification"))
    assert page.get_by_label("Textbox").and_(page.locator(":visible")).count() == 0
    if journey.lang == "zh":
        # The table of runs names the files of all journeys, and what other tests have called theirs.
        allowed = {path.name for path in DATASETS.glob("*/*")} | {made.name for made in (QA, XLSX, GB18030, BMES, TMX)}
        labels = report.get("labels", ())
        allowed |= {title, *labels, " · ".join(filter(None, labels)), *names_of_runs(server)}
        allowed |= {in_words(field, column, "zh") for field, column in journey.columns.items()}
        assert strangers(visible(page), "zh", allowed) == []
    return report


def use_it(page: Page, journey: Journey) -> None:
    """From the result to the model's own answer."""
    title = page.locator("#run-head h3").inner_text()
    page.get_by_role("button", name=translate(journey.lang, "ui.use"), exact=True).click()
    tab = page.get_by_role("tab", name=translate(journey.lang, f"task.{journey.tab}"))
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#model-{journey.tab} input")).to_have_value(
        translate(journey.lang, "ui.model.run", title=title)
    )
    ask(page, journey)
    expect_answer(page, journey)


LISTED = {"ner": "ui.entities", "qa": "ui.answer.alternatives"}
"""The table below what is marked."""


@pytest.mark.parametrize(
    ("journey", "lang"),
    [(NER, "en"), (QA, "zh"), *(pytest.param(*other, marks=pytest.mark.slow) for other in ((NER, "zh"), (QA, "en")))],
    ids=lambda value: getattr(value, "task", value),
)
def test_the_starters_mark_what_they_find(open_browser: Open, journey: Journey, lang: str) -> None:
    """On a telephone."""
    model = f"starter/{journey.task}-en"
    assert model in starters()
    watched = open_browser(width=390)
    page = watched.open(f"/{lang}?model={model}")
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
    # Which colour is which type, and every entity; of an answer, what else it might be.
    if journey.task == "ner":
        expect(page.locator(".marked:visible [data-testid*=category-legend]")).to_contain_text("PER")
    table = page.get_by_role("grid", name=translate(lang, LISTED[journey.task]))
    expect(table.get_by_role("gridcell").filter(has_text=found).first).to_be_visible()
    expect(table.get_by_role("gridcell").filter(has_text="%").first).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if lang == "zh":
        inputs = {piece.strip() for value in asked.inputs.values() for piece in (value, *value.split("1871"))}
        shown = visible(page, without=".marked, .counts, .samples, .answer")
        assert strangers(shown, "zh", {*inputs, f"{journey.task}-en"}) == []
    assert watched.errors == []


REAL = pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")


def from_upload_to_result(page: Page, server: Server, journey: Journey, path: Path, seen: str) -> dict[str, Any]:
    """A quick fine-tune of a real dataset, of which the check has `seen` this: its report, once the page shows it."""
    open_dataset(page, journey, path)
    expect(page.locator("#checked")).to_contain_text(seen)
    page.get_by_label(translate(journey.lang, "ui.preset.quick")).check()
    return expect_result(page, server, journey, start(page, journey.lang), path.name)


@pytest.mark.slow
@REAL
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_wnut17_from_upload_to_use(server: Server, open_browser: Open, lang: str) -> None:
    path = Path(os.environ["PLAYGROUND_DATA"]) / "train/wnut17/wnut17train.conll"
    page = open_browser().open(f"/{lang}")
    journey = replace(NER, lang=lang, inputs={"text": "Ada Lovelace met Charles Babbage in London."})
    report = from_upload_to_result(page, server, journey, path, "corporation")
    assert {row["label"] for row in report["per_type"]} == {
        "corporation",
        "creative-work",
        "group",
        "location",
        "person",
        "product",
    }
    use_it(page, journey)


@pytest.mark.slow
@REAL
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_qamr_from_upload_to_use(server: Server, open_browser: Open, tmp_path: Path, lang: str) -> None:
    path = tmp_path / "qamr.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "context", "answer", "start"])
        for row in itertools.islice(qamr(Path(os.environ["PLAYGROUND_DATA"]) / "train/qa_en/qamr"), 1_000):
            rows.writerow([row["question"], row["context"], *row["answers"][0].values()])
    page = open_browser().open(f"/{lang}")
    journey = replace(QA, lang=lang, columns={"question": "question", "context": "context", "answer": "answer"})
    from_upload_to_result(page, server, journey, path, "1,000")
    use_it(page, journey)
