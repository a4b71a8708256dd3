"""A document to ask: its text, its pages, and the passages it is searched by."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from playground.data.child import run_child
from playground.data.document_reader import plain
from playground.data.table import shown_name
from playground.errors import PlaygroundError

PASSAGE_WORDS = 120
"""About 100 words and their punctuation: beside a question that fits into one window of every base."""
CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]{{1,20}}|[^\w\s]")
"""What counts as a word; a string without blanks must end somewhere too, so every 20 characters of it are one."""
SENTENCE_END = re.compile(
    r"""(?<![.!?…])(?<!\n\d)(?<!\n\d\d)[.!?…]++["'”’)\]]*+(?=\s)|[。！？；]++[”’」』）]*+|\n(?=[ \t]*+\n)"""
    r"""|\n(?=[ \t]*+(?:[#>*•–-]|\d{1,3}[.)])[ \t])"""
)
"""Where a sentence ends: at its mark, at a blank line, before a heading or an item of a list.

Written so that each character is looked at a few times at most, whatever the text.
"""
OF_DOCUMENTS = {
    "data_not_found": "document_not_found",
    "data_too_slow": "document_too_slow",
    "data_memory": "document_memory",
    "data_reader_died": "document_damaged",
    "data_empty": "document_empty",
    "data_encoding": "document_encoding",
    "data_nul": "document_not_text",
    "data_binary": "document_not_text",
    "data_workbook": "document_not_text",
    "data_archive": "document_not_text",
    "data_other_format": "document_not_text",
    "data_web_page": "document_web_page",
}
"""What is said of a table, and what of a document in its place."""


@dataclass(frozen=True)
class Passage:
    """A stretch of a document: text[start:end], in code points."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text that is asked.

    name   the user's file name, only ever displayed; "" for a pasted text
    pages  where its pages begin in the text; () where it has none
    """

    text: str
    name: str = ""
    pages: tuple[int, ...] = ()

    @cached_property
    def id(self) -> str:
        """The same for the same content: 32 hexadecimal digits."""
        return hashlib.sha256(repr((self.text, self.pages)).encode()).hexdigest()[:32]

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """Sentences packed to PASSAGE_WORDS words at most; the last sentence of one begins the next."""
        return tuple(_packed(self.text, list(_sentences(self.text))))

    def page(self, place: int) -> int | None:
        """The number, from 1, of the page on which a place lies."""
        return bisect_right(self.pages, place) if self.pages else None


def read_document(path: Path) -> Document:
    """The text of a txt, md or pdf file. Raises PlaygroundError.

    The file is never opened in this process: a child with a memory and a time limit reads it.
    """
    from playground.settings import settings  # costs 0.3 s; the child imports this package too

    limits = settings()
    name = shown_name(path)
    if not path.is_file():
        raise PlaygroundError("document_not_found", file=name)
    size, most = path.stat().st_size, limits.max_document_mb * 1_000_000
    if size > most:
        raise PlaygroundError("document_too_large", file=name, mb=size / 1e6, max_mb=limits.max_document_mb)
    try:
        found = run_child("playground.data.document_reader", (path,), limits, {"max_chars": most})
    except PlaygroundError as error:
        values = dict(error.message.values) | {"file": name}
        raise PlaygroundError(OF_DOCUMENTS.get(error.code, error.code), **values) from None
    return Document(text=found["text"], name=name, pages=tuple(found["pages"]))


def pasted(text: str) -> Document:
    """A text that was pasted. Raises PlaygroundError."""
    from playground.settings import settings

    most = settings().max_document_mb * 1_000_000
    if len(text) > most:
        raise PlaygroundError("document_too_long", max_chars=most)
    text = plain(text)
    if not text.strip():
        raise PlaygroundError("no_document")
    return Document(text=text)


def _sentences(text: str) -> Iterator[Passage]:
    """The sentences in order, blanks at their ends left out, those longer than a passage cut."""
    start = 0
    for end in [*(match.end() for match in SENTENCE_END.finditer(text)), len(text)]:
        stripped = text[start:end].strip()
        if stripped:
            first = text.index(stripped[0], start)
            yield from _cut(text, Passage(first, first + len(stripped)))
        start = end


def _cut(text: str, sentence: Passage) -> Iterator[Passage]:
    """A sentence in pieces of PASSAGE_WORDS words at most."""
    start, last = sentence.start, sentence.start
    for count, match in enumerate(WORD.finditer(text, sentence.start, sentence.end)):
        if count and count % PASSAGE_WORDS == 0:
            yield Passage(start, last)
            start = match.start()
        last = match.end()
    yield Passage(start, sentence.end)


def _packed(text: str, sentences: list[Passage]) -> Iterator[Passage]:
    counts = [_words(text, sentence) for sentence in sentences]
    first, total = 0, 0
    for number, count in enumerate(counts):
        if total and total + count > PASSAGE_WORDS:
            yield Passage(sentences[first].start, sentences[number - 1].end)
            overlaps = number - 1 > first and counts[number - 1] + count <= PASSAGE_WORDS
            first = number - 1 if overlaps else number
            total = sum(counts[first:number])
        total += count
    if sentences:
        yield Passage(sentences[first].start, sentences[-1].end)


def _words(text: str, sentence: Passage) -> int:
    return sum(1 for _ in WORD.finditer(text, sentence.start, sentence.end))
