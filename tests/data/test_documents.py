"""Documents of every kind that is read, those that are refused, and the passages they are searched by."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from playground.data.documents import PASSAGE_WORDS, WORD, Document, pasted, read_document
from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES
from playground.settings import settings
from tests.data.pdfs import make_pdf

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    settings.cache_clear()


def refusal(path: Path) -> PlaygroundError:
    """The refusal of a file; it can be said in every language."""
    with pytest.raises(PlaygroundError) as caught:
        read_document(path)
    for lang in LANGUAGES:
        assert "{" not in caught.value.text(lang)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "big5"])
@pytest.mark.parametrize("ending", ["txt", "md"])
def test_a_text_in_any_encoding_is_read_as_it_is(write: Write, encoding: str, ending: str) -> None:
    text = "# 說明\n\n這是一份關於橋樑的文件，橋樑建於一八九三年。工程師的名字是王明。\n\n- *第一* 項\n- 第二項\n" * 3
    document = read_document(write(text, f"notes.{ending}", encoding))
    assert (document.text, document.name, document.pages) == (text, f"notes.{ending}", ())


def test_line_breaks_are_of_one_kind_and_no_control_character_stays(write: Write) -> None:
    assert read_document(write(b"one\r\ntwo\rthree\x07 four\n" + b"end " * 99, "a.txt")).text.startswith(
        "one\ntwo\nthree four\n"
    )


def test_a_pdf_keeps_its_pages(write: Write) -> None:
    pages = ["The bridge was built in 1893\nby Clara Voss (an engineer).", "", "It was repaired in 2004."]
    document = read_document(write(make_pdf(pages), "bridge.PDF"))
    for number, words in ((1, "Clara Voss (an engineer)"), (3, "repaired in 2004")):
        assert document.page(document.text.index(words)) == number
    assert len(document.pages) == 3


def test_a_pdf_that_only_its_author_may_change_is_read(write: Write) -> None:
    path = write(make_pdf(["Free to read."], owner_password="secret"), "a.pdf")
    assert read_document(path).text == "Free to read."


def test_what_cannot_be_read_is_refused_with_its_reason(write: Write) -> None:
    sound = make_pdf(["The bridge."])
    for content, name, code in (
        (make_pdf(["Closed."], password="secret"), "a.pdf", "document_encrypted"),
        (make_pdf(["Closed."], password="secret", algorithm="RC4-128"), "a.pdf", "document_encrypted"),
        (make_pdf(["", ""]), "scan.pdf", "document_scanned"),
        (sound[: len(sound) // 3], "half.pdf", "document_damaged"),
        (b"%PDF-1.7\n" + b"\xff\x00obj" * 100, "noise.pdf", "document_damaged"),
        (b"PK\x03\x04[Content_Types].xml word/document.xml" + b"\0" * 100, "letter.docx", "document_not_text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "picture.txt", "document_not_text"),
        (b"GIF89a" + bytes(range(256)), "notes.md", "document_not_text"),
        (b"text\0text", "notes.txt", "document_not_text"),
        (b"", "notes.txt", "document_empty"),
        (b" \n\n ", "notes.txt", "document_empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "notes.txt", "document_web_page"),
    ):
        error = refusal(write(content, name))
        assert error.code == code, name
        assert name in error.text("en")


def test_the_size_is_bounded(write: Write, tmp_path: Path) -> None:
    assert refusal(write(b"word " * 200_001, "long.txt")).code == "document_too_large"
    assert refusal(tmp_path).code == "document_not_found"
    assert refusal(tmp_path / "nothing.txt").code == "document_not_found"
    with pytest.raises(PlaygroundError) as caught:
        pasted("x" * 1_000_001)
    assert caught.value.code == "document_too_long"


def test_a_pdf_that_unpacks_to_more_than_a_document_is_refused(write: Write) -> None:
    pages = ["\n".join("All work and no play makes Jack a dull boy." for _ in range(60))] * 400
    packed = make_pdf(pages, compressed=True)
    assert len(packed) < 1_000_000
    assert refusal(write(packed, "long.pdf")).code == "document_too_long"


def test_a_bomb_is_refused_by_the_limits_of_the_child(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_READ_SECONDS", "2")
    monkeypatch.setenv("PLAYGROUND_READ_MEMORY_MB", "256")
    settings.cache_clear()
    for text in (") Tj (" * 3_000_000, "x" * 120_000_000):
        packed = make_pdf([text], compressed=True)
        assert len(packed) < 1_000_000
        start = time.monotonic()
        assert refusal(write(packed, "bomb.pdf")).code in ("document_too_slow", "document_memory", "document_damaged")
        assert time.monotonic() - start < 8


def document_of(text: str) -> Document:
    return Document(text=text)


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "README.md").read_text(encoding="utf-8"),
        (ROOT / "README.zh.md").read_text(encoding="utf-8"),
        "no end " * 1000,
        "x" * 20_000,
        "。" * 3000,
        ". " * 3000,
        "A. B! C? " * 500,
        "One.\n\nTwo.",
        "一句话。" * 700,
    ],
    ids=["english", "chinese", "unending", "blankless", "marks", "dots", "short", "two", "zh"],
)
def test_passages_cover_the_text_and_are_short(text: str) -> None:
    passages = document_of(text).passages
    for passage in passages:
        words = text[passage.start : passage.end]
        assert words == words.strip() != ""
        assert len(WORD.findall(words)) <= PASSAGE_WORDS
    covered = "".join(text[max(one.start, other.end) : one.end] for other, one in pairwise(passages))
    whole = text[passages[0].start : passages[0].end] + covered
    assert re.sub(r"\s", "", whole) == re.sub(r"\s", "", text)
    assert all(one.start < other.start and one.end < other.end for one, other in pairwise(passages))


def test_a_sentence_of_one_passage_begins_the_next() -> None:
    sentences = [f"Sentence {number} tells of the {'long ' * 20}road." for number in range(30)]
    text = " ".join(sentences)
    passages = document_of(text).passages
    assert len(passages) > 5
    for one, other in pairwise(passages):
        shared = text[other.start : one.end]
        assert shared in sentences


def test_headings_lists_and_blank_lines_end_a_sentence() -> None:
    text = "# The bridge\n\n- first item\n- second item\n1. third\n\nAn open end\n\nDr. Voss said “Go.” Then she left"
    from playground.data.documents import _sentences

    found = [text[part.start : part.end] for part in _sentences(text)]
    assert found == [
        "# The bridge", "- first item", "- second item", "1. third", "An open end", "Dr.", "Voss said “Go.”",
        "Then she left",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["\n", " \n", ".", "!”", "\n ", "\n1", "。", "?)", "\n- ", "a", "…\n"])
def test_a_megabyte_of_anything_is_cut_in_seconds(unit: str) -> None:
    text = "a" + unit * (1_000_000 // len(unit))
    start = time.monotonic()
    assert document_of(text).passages
    assert time.monotonic() - start < 10


def test_the_id_is_that_of_the_content() -> None:
    assert pasted("The bridge.").id == Document(text="The bridge.", name="a.txt").id != pasted("The bridge").id
