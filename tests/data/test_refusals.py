"""Files that are no table, and files made to do harm: refused in seconds, with a reason, leaving nothing."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import resource
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from playground.data import conll, read, sentences, sides, table, tags, tmx
from playground.errors import PlaygroundError
from playground.settings import settings

MB = 1_000_000


def zipped(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def workbook(rows: bytes, before: bytes = b"") -> bytes:
    """A workbook of one sheet that holds these rows, as XML."""
    main = "http://schemas.openxmlformats.org"
    office = f"{main}/officeDocument/2006/relationships"

    def leads_to(kind: str, file: str) -> str:
        link = f'<Relationship Id="r1" Type="{office}/{kind}" Target="{file}"/>'
        return f'<Relationships xmlns="{main}/package/2006/relationships">{link}</Relationships>'

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", leads_to("officeDocument", "xl/workbook.xml"))
        archive.writestr("xl/_rels/workbook.xml.rels", leads_to("worksheet", "worksheets/sheet1.xml"))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}/spreadsheetml/2006/main" xmlns:r="{office}">'
            '<sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        start = f'<worksheet xmlns="{main}/spreadsheetml/2006/main"><sheetData>'.encode()
        archive.writestr("xl/worksheets/sheet1.xml", before + start + rows + b"</sheetData></worksheet>")
    return target.getvalue()


def cell(place: str) -> bytes:
    return f'<row><c r="{place}"><v>1</v></c></row>'.encode()


def false_size(archive: bytes) -> bytes:
    """The archive, whose members all say that they hold a hundred bytes, in the list at its end too."""
    changed = bytearray(archive)
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = -1
        while (start := changed.find(mark, start + 1)) >= 0:
            changed[start + place : start + place + 4] = (100).to_bytes(4, "little")
    return bytes(changed)


def again(text: str, times: int) -> Any:
    """A column of one text, which is stored once."""
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * times, pyarrow.int32()), [text])


def one_list(values: Any) -> Any:
    return pyarrow.ListArray.from_arrays([0, len(values)], values)


def parquet(columns: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), target)
    return target.getvalue()


def noise(size: int) -> bytes:
    return bytes(random.Random(1).choices(range(1, 256), k=size))


def laughs() -> bytes:
    """Entities that grow tenfold a line, to ten thousand million characters."""
    lines = [
        b'<!ENTITY a0 "laugh laugh">',
        *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)),
    ]
    return b"<!DOCTYPE tmx [" + b"\n".join(lines) + b"]><tmx><tu><tuv><seg>&a9;</seg></tuv></tu></tmx>"


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.csv": (lambda: b"", "data_empty"),
    "blank.csv": (lambda: b"\xef\xbb\xbf \r\n\n", "data_empty"),
    "header_only.csv": (lambda: b"text,label\r\n\r\n", "data_no_rows"),
    "ragged.csv": (lambda: b"text,label\na,b\nc\nd,e,f\ng,h\n", "data_ragged"),
    "nul.csv": (lambda: b"text,label\na,b\nc\0c,d\n", "data_nul"),
    "nul_utf16.csv": (lambda: ("text,label\n" + "some text,b\n" * 50 + "c\0c,d\n").encode("utf-16"), "data_nul"),
    "late_nul.csv": (lambda: b"text,label\n" + b"some text,a\n" * 50_000 + b"\0,b\n", "data_nul"),
    "long_line.csv": (lambda: b"text,label\n" + b"x" * 10 * MB + b",a\n", "data_line_too_long"),
    "long_only_line.csv": (lambda: b"x" * 10 * MB, "data_line_too_long"),
    "ten_million_columns.csv": (lambda: b"," * 10 * MB + b"\nx", "data_line_too_long"),
    "many_columns.csv": (lambda: b",".join(b"c%d" % n for n in range(1000)) + b"\n", "data_too_many_columns"),
    "open_quote.csv": (lambda: b'text,label\n"never closed,a\n' + b"some text,b\n" * 20, "data_quote_open"),
    "long_open_quote.csv": (lambda: b'text,label\n"never closed,a\n' + b"some text,b\n" * 400_000, "data_quote_open"),
    "many_rows.csv": (lambda: b"a,b\n" + b"x,y\n" * 200_001, "data_too_many_rows"),
    "bad_byte.csv": (lambda: "text,label\n评论很好,好\n评论".encode() + b"\xff,x\n", "data_encoding"),
    "workbook.csv": (lambda: zipped("xl/workbook.xml", b"<x/>"), "data_workbook_damaged"),
    "old_workbook.csv": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999, "data_workbook_damaged"),
    "cut.xlsx": (lambda: workbook(b"<row/>")[:-99], "data_workbook_damaged"),
    "letter.docx": (lambda: zipped("word/document.xml", b"<x/>"), "data_other_format"),
    "letter.xlsx": (lambda: zipped("word/document.xml", b"<x/>"), "data_workbook_damaged"),
    "laughs.xlsx": (
        lambda: workbook(b"<row><c t='str'><v>&a9;</v></c></row>", laughs()[:-50]),
        "data_workbook_damaged",
    ),
    "no_rows.xlsx": (lambda: workbook(b""), "data_no_rows"),
    "many_rows.xlsx": (lambda: workbook(b"<row><c><v>1</v></c></row>" * 200_002), "data_too_many_rows"),
    "blank_rows.xlsx": (lambda: workbook(b"<row/>" * 20 * MB), "data_bomb"),
    "long_cell.xlsx": (
        lambda: workbook(cell("A1") + b"<row><c t='str'><v>" + b"x" * 2 * MB + b"</v></c></row>"),
        "data_cell_too_long",
    ),
    "longest_cell.xlsx": (lambda: workbook(b"<row><c t='str'><v>" + b"x" * 120 * MB + b"</v></c></row>"), "data_bomb"),
    "far_cell.xlsx": (lambda: workbook(cell("A1") + cell("XFD1048576")), "data_memory"),
    "far_row.xlsx": (lambda: workbook(cell("A1") + cell("AZ1048576")), "data_memory"),
    "far_column.xlsx": (lambda: workbook(cell("A1") + cell("XFD2")), "data_too_many_columns"),
    "false_size.xlsx": (lambda: false_size(workbook(b"<row/>" * 20 * MB)), "data_bomb"),
    "not_a_parquet.parquet": (lambda: b"PAR1" + noise(999) + b"PAR1", "data_parquet_damaged"),
    "cut.parquet": (lambda: parquet({"text": ["a"] * 99})[:-9], "data_parquet_damaged"),
    "many_rows.arrow": (lambda: parquet({"text": ["a"] * 200_001}), "data_too_many_rows"),
    "many_columns.parquet": (lambda: parquet({f"c{n}": ["a"] for n in range(501)}), "data_too_many_columns"),
    "long_cell.parquet": (lambda: parquet({"text": ["x" * (MB + 1)]}), "data_cell_too_long"),
    "much_text.parquet": (lambda: parquet({"text": again("x" * 10_000, 100_000)}), "data_too_much_text"),
    "repeated.parquet": (lambda: parquet({"text": again("x" * MB, 100_000)}), "data_memory"),
    "repeated_lists.parquet": (lambda: parquet({"text": one_list(again("x" * MB, 5_000))}), "data_memory"),
    "bytes.parquet": (lambda: parquet({"picture": [b"\xff\xd8\xff"]}), "data_no_text"),
    "zip_bomb.csv": (lambda: zipped("a.csv", b"0" * 100 * MB), "data_archive"),
    "gzip_bomb.csv": (lambda: gzip.compress(b"0" * 100 * MB), "data_archive"),
    "parquet.csv": (lambda: b"PAR1" + b"\xff" * 999, "data_parquet_damaged"),
    "image.csv": (lambda: b"\x89PNG\r\n\x1a\n" + noise(5 * MB), "data_other_format"),
    "noise.csv": (lambda: noise(100_000), "data_encoding"),
    "page.csv": (lambda: b"\n<!DOCTYPE html><html><body>text,label</body></html>", "data_web_page"),
    "long_cell.json": (lambda: json.dumps([{"text": "x" * (MB + 1)}]).encode(), "data_cell_too_long"),
    "scalars.json": (lambda: b"[1, 2]", "data_json_shape"),
    "broken.json": (lambda: b'[{"text": "a"},\n {"text": ]', "data_json_broken"),
    "squad.json": (lambda: b'{"data": [{"paragraphs": [{"qas": [{"question": "Who?"}]}]}]}', "data_squad_broken"),
    "ragged.conll": (lambda: b"Ann B-PER\nsaw O\nBob\n\nit O\n", "data_conll_ragged"),
    "no_breaks.conll": (lambda: b"word O\n" * 10_001, "data_conll_no_breaks"),
    "broken.jsonl": (lambda: b'{"text": "a"}\n{"text": \n', "data_json_line"),
    "pretty.json": (lambda: b'{\n  "text": "a"\n}\n', "data_json_shape"),
    "deep.jsonl": (lambda: b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "data_json_line"),
    "huge_number.jsonl": (lambda: b'{"a": ' + b"9" * 2 * MB + b"}\n", "data_line_too_long"),
    "many_keys.jsonl": (
        lambda: b"".join(json.dumps({f"k{n}": 1}).encode() + b"\n" for n in range(501)),
        "data_too_many_columns",
    ),
    "laughs.tmx": (lambda: laughs(), "data_xml_entity"),
    "local_file.tmx": (
        lambda: (
            b'<!DOCTYPE tmx [<!ENTITY x SYSTEM "file:///etc/passwd">]><tmx><tu><tuv><seg>&x;</seg></tuv></tu></tmx>'
        ),
        "data_xml_entity",
    ),
    "parameter.tmx": (
        lambda: b'<!DOCTYPE tmx [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]><tmx></tmx>',
        "data_xml_entity",
    ),
    "cut.tmx": (lambda: b"<tmx><body><tu><tuv xml:lang='en'>\n<seg>never closed", "data_xml_broken"),
    "deep.tmx": (lambda: b"<tmx>" + b"<a>" * 2 * MB + b"</a>" * 2 * MB + b"</tmx>", "data_no_rows"),
    "long_tag.tmx": (lambda: b"<tmx><tu x='" + b"x" * 10 * MB, "data_xml_broken"),
    "long_seg.tmx": (
        lambda: b"<tmx><tu><tuv xml:lang='en'><seg>" + b"x" * 2 * MB + b"</seg></tuv></tu></tmx>",
        "data_cell_too_long",
    ),
    "many_units.tmx": (
        lambda: b"<tmx>" + b"<tu><tuv xml:lang='en'><seg>x</seg></tuv></tu>" * 200_001 + b"</tmx>",
        "data_too_many_rows",
    ),
    "many_languages.tmx": (
        lambda: (
            b"<tmx><tu>" + b"".join(b"<tuv xml:lang='l%d'><seg>x</seg></tuv>" % n for n in range(501)) + b"</tu></tmx>"
        ),
        "data_too_many_columns",
    ),
    "one_side.en": (lambda: b"Yes, of course.\nNo.\nWell, yes, or no.\n", "data_one_side"),
    "no_keys.jsonl": (lambda: b"{}\n{}\n", "data_no_rows"),
}


def spent() -> float:
    """Processor seconds of all child processes so far: how busy the machine is does not matter."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", BOMBS)
def test_refused_in_seconds_with_nothing_left(tmp_path: Path, name: str) -> None:
    make, code = BOMBS[name]
    path = tmp_path / name
    path.write_bytes(make())
    before = spent()
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.code == code
    assert spent() - before < 5
    assert os.listdir(tmp_path) == [name]
    for lang in ("en", "zh"):
        assert "{" not in refusal.value.text(lang).replace('{"text"', "")


def test_a_refusal_names_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text('text,label\n"two\nlines",a\nshort\n' + "a,b,c\n" * 8)
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.message.values == {"lines": [4, 5, 6, 7, 8], "count": 9, "expected": 2, "found": 1}
    path.write_bytes("text,label\n好,a\n".encode() * 1000 + b"\xe5\xa5,b\n")
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.message.values["line"] == 2001


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comments.txt", "<!---->" * 40 + "text\nlabel\n"),
        ("blanks.csv", " " * 40_000 + "text,label\na,b\n"),
        ("quote.txt", "Some words of a text.\n" + '"' + "some more words of it\n" * 10_000),
        ("brackets.txt", "<!DOCTYPE tmx [" + "] " * 40_000 + "\nlabel\n"),
        ("tags.conll", f"Ann\t{'B-a|B-a' * 20} .\n" * 12),
    ],
)
def test_what_begins_like_another_format_is_told_apart_at_once(tmp_path: Path, name: str, content: str) -> None:
    """A pattern that goes back and forth takes minutes over each of these."""
    path = tmp_path / name
    path.write_text(content)
    before = spent()
    assert read(path, directory=tmp_path / "read").rows
    assert spent() - before < 2


@pytest.mark.parametrize(
    ("looks", "text"),
    [
        (tmx.is_tmx, "<!---->" * 40 + "text"),
        (tmx.is_tmx, " " * 200_000 + "text"),
        (tmx.is_tmx, "<?xml >" * 30_000 + "text"),
        (conll.TAG.fullmatch, "B-a|B-a" * 40 + " ."),
        (lambda tag: tags.decode([tag]).spans, "O" + " " * 200_000 + "O"),
        (sides.ID.fullmatch, "1" * 200_000 + "é"),
        (sentences.WORDLESS.fullmatch, "@." * 10_000),
        (sentences.WORDLESS.fullmatch, "a." * 10_000 + "@"),
    ],
)
def test_no_pattern_goes_back_and_forth(looks: Callable[[str], object], text: str) -> None:
    start = time.monotonic()
    looks(text)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("kind", ["absent", "folder", "fifo"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.code == "data_not_found"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """limits(NAME=value): those PLAYGROUND_ settings for this test."""

    def limits(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"PLAYGROUND_{name}", str(value))
        settings.cache_clear()

    yield limits
    monkeypatch.undo()
    settings.cache_clear()


def test_a_file_over_the_size_limit_starts_no_process(
    tmp_path: Path, limits: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(MAX_UPLOAD_MB=1)
    monkeypatch.setattr(table, "_in_child", lambda *_: pytest.fail("a child was started"))
    path = tmp_path / "large.csv"
    path.write_bytes(b"text,label\n" + b"some text,a\n" * 100_000)
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.code == "data_too_large" and not (tmp_path / "read").exists()


@pytest.mark.parametrize("memory_mb", [64, 100, 128])
def test_running_out_of_memory_is_said(tmp_path: Path, memory_mb: int) -> None:
    """Below what the settings allow: no file that passes the other limits needs as much as they give."""
    path = tmp_path / "cells.csv"
    path.write_bytes((b",".join([b"header"] * 400) + b"\n") + (b",".join([b"cell"] * 400) + b"\n") * 5_000)
    limits = settings().model_copy(update={"read_memory_mb": memory_mb})
    with pytest.raises(PlaygroundError) as refusal:
        table._in_child([path], tmp_path / "rows.arrow", limits)
    assert refusal.value.code == "data_memory" and refusal.value.message.values == {"mb": memory_mb}


def test_a_killed_reader_is_said(tmp_path: Path, limits: Callable[..., None]) -> None:
    """As the kernel kills it when the machine runs out of memory."""
    limits(MAX_ROWS=10_000_000)
    path = tmp_path / "slow.csv"
    path.write_bytes(b"a,b\n" + b"x,y\n" * 10_000_000)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, path, directory=tmp_path / "read")
        deadline = time.monotonic() + 20
        while not (tmp_path / "read" / "rows.arrow.part").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(reader_of(path), signal.SIGKILL)
        with pytest.raises(PlaygroundError) as refusal:
            reading.result(timeout=20)
    assert refusal.value.code == "data_memory"
    assert os.listdir(tmp_path) == ["slow.csv"]


def reader_of(path: Path) -> int:
    """The id of the process that reads that file."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(path) in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
    raise AssertionError("no process reads the file")


def test_running_out_of_time_is_said(tmp_path: Path, limits: Callable[..., None]) -> None:
    limits(READ_SECONDS=1, MAX_ROWS=10_000_000)
    path = tmp_path / "slow.csv"
    path.write_bytes(b"a,b\n" + b"x,y\n" * 10_000_000)
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.code == "data_too_slow"
    assert os.listdir(tmp_path) == ["slow.csv"]


def test_the_largest_file_fits_the_memory_given(tmp_path: Path) -> None:
    """The most columns there may be, and the longest lines, 24 and 50 MB of them, under the default limit."""
    wide = tmp_path / "wide.csv"
    wide.write_bytes(b",".join(b"c%d" % n for n in range(500)) + b"\n" + (b",".join([b"abcde"] * 500) + b"\n") * 8_000)
    assert read(wide, directory=tmp_path / "read").rows == 8_000
    long = tmp_path / "long.csv"
    long.write_bytes(b"text,label\n" + (b"word " * 199_000 + b",a\n") * 50)
    assert read(long, directory=tmp_path / "read").rows == 50
