"""TMX files (Translation Memory eXchange 1.1 to 1.4b): a row a unit, a column a language. Runs in the child only.

Expat reads them as a stream. It opens no other file, and whatever declares an entity is refused before
one could be expanded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from playground import languages
from playground.data.records import MAX_RECORD_CHARS, Writer, clean, column_names
from playground.errors import PlaygroundError

ROOT = re.compile(
    r"(?:<\?[^>]*+>|<!DOCTYPE\s++tmx[^>\[]*+(?:\[(?:(?!\]\s*+>).)*+\]\s*+)?+>|<!--(?:(?!-->).)*+-->|\s++)*+<tmx[\s>]",
    re.DOTALL,
)
"""Possessive throughout: every upload is held against it, and whatever it is, no character is read twice."""
CHUNK_CHARS = 1_000_000
CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})
"""Inline elements that hold a format's own marks, and no text."""
BREAK = re.compile(r"<br|\\n|\n", re.IGNORECASE)
ALL = "*all*"


def is_tmx(text: str) -> bool:
    """Whether a sample begins like a TMX file."""
    return ROOT.match(text) is not None


def read_tmx(path: Path, part: Path, encoding: str, max_rows: int) -> dict[str, Any]:
    """Every unit. Two passes: a language may come late, and an Arrow file has its columns from the start."""
    found = Languages(max_rows)
    source = _parse(path, encoding, found.add)
    order = sorted(found.columns(), key=lambda lang: (lang != found.column(source), _code(lang) != _code(source)))
    if not order:
        raise PlaygroundError("data_no_rows")
    names, _ = column_names(order)
    with Writer(part, names, max_rows) as writer:

        def write(unit: dict[str, str]) -> None:
            cells = {found.column(lang): text for lang, text in unit.items()}
            writer.add([clean(cells.get(lang, "")) for lang in order])

        _parse(path, encoding, write)
    return {"columns": names, "rows": writer.rows, "delimiter": None, "header": True}


class Languages:
    """Which column each code is in: one for "en-US" and "en", unless a unit has both and tells them apart."""

    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows
        self.units = 0
        self.found: dict[str, None] = {}
        self.apart: set[str] = set()

    def add(self, unit: dict[str, str]) -> None:
        self.units += 1
        if self.units > self.max_rows:  # said after one pass: the second would be as long
            raise PlaygroundError("data_too_many_rows", max_rows=self.max_rows)
        self.found.update(dict.fromkeys(unit))
        codes = [_code(lang) for lang in unit]
        if len(set(codes)) < len(codes):
            self.apart |= {code for code, count in Counter(codes).items() if count > 1}

    def column(self, lang: str) -> str:
        code = _code(lang)
        return lang if code in self.apart else code

    def columns(self) -> list[str]:
        return list(dict.fromkeys(map(self.column, self.found)))


def _parse(path: Path, encoding: str, take: Callable[[dict[str, str]], None]) -> str:
    """Hands on {language: text} of every unit that has any; the file's source language, "" where it names none."""
    units = Units(take)
    # Decoded here, so that a declaration which names another encoding does no harm.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.EntityDeclHandler = _refuse_entity
    parser.StartElementHandler, parser.EndElementHandler = units.start, units.end
    parser.CharacterDataHandler = units.data
    try:
        with path.open(encoding=encoding, newline="") as file:
            while chunk := file.read(CHUNK_CHARS):
                parser.Parse(chunk, False)
            parser.Parse("", True)
    except expat.ExpatError as error:
        raise PlaygroundError("data_xml_broken", line=error.lineno) from None
    return units.source


def _refuse_entity(name: str, *_: object) -> None:
    raise PlaygroundError("data_xml_entity", name=name[:40])


class Units:
    """What is open while a file streams by."""

    def __init__(self, take: Callable[[dict[str, str]], None]) -> None:
        self.take = take
        self.source = ""
        self.number = 0
        self.unit: dict[str, str] = {}
        self.lang = ""
        self.parts: list[str] | None = None
        self.chars = 0
        self.in_codes = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.parts is not None:
            self.in_codes += bool(self.in_codes or name in CODES)
        elif name == "header":
            said = attributes.get("srclang", ALL)
            self.source = "" if said == ALL else _tag(said)
        elif name == "tu":
            self.number += 1
            self.unit = {}
        elif name == "tuv":
            self.lang = _tag(attributes.get("xml:lang") or attributes.get("lang", ""))
        elif name == "seg":
            self.parts, self.chars = [], 0

    def data(self, text: str) -> None:
        if self.parts is None:
            return
        if self.in_codes:
            self.parts.append(" " if BREAK.search(text) else "")
            return
        self.parts.append(text)
        self.chars += len(text)
        if self.chars > MAX_RECORD_CHARS:
            raise PlaygroundError("data_cell_too_long", row=self.number, max_chars=MAX_RECORD_CHARS)

    def end(self, name: str) -> None:
        if self.in_codes:
            self.in_codes -= 1
        elif name == "seg" and self.parts is not None:
            # Line breaks and indents of the XML are none of the text.
            self.unit.setdefault(self.lang, " ".join("".join(self.parts).split()))
            self.parts = None
        elif name == "tu" and self.unit:
            self.take(self.unit)


@lru_cache(maxsize=1024)
def _tag(lang: str) -> str:
    """One spelling for "EN-US" and "en_us"; what is no language we know stays as it is written."""
    first, *more = lang.replace("_", "-").split("-")
    tidy = "-".join([first.lower(), *(part.title() if len(part) > 3 else part.upper() for part in more)])
    return tidy if languages.code_of(lang) else lang


def _code(lang: str) -> str:
    """The same for "en-US", "en" and "eng"."""
    return languages.code_of(lang) or lang
