"""Files that are no table, and files made to do harm: refused in seconds, with a reason, leaving nothing."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from playground.data import read, table
from playground.errors import PlaygroundError
from playground.settings import settings

MB = 1_000_000


def zipped(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def noise(size: int) -> bytes:
    return bytes(random.Random(1).choices(range(1, 256), k=size))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.csv": (lambda: b"", "data_empty"),
    "blank.csv": (lambda: b"\xef\xbb\xbf \r\n\n", "data_empty"),
    "header_only.csv": (lambda: b"text,label\r\n\r\n", "data_no_rows"),
    "ragged.csv": (lambda: b"text,label\na,b\nc\nd,e,f\ng,h\n", "data_ragged"),
    "nul.csv": (lambda: b"text,label\na,b\nc\0c,d\n", "data_nul"),
    "late_nul.csv": (lambda: b"text,label\n" + b"some text,a\n" * 50_000 + b"\0,b\n", "data_nul"),
    "long_line.csv": (lambda: b"text,label\n" + b"x" * 10 * MB + b",a\n", "data_line_too_long"),
    "long_only_line.csv": (lambda: b"x" * 10 * MB, "data_line_too_long"),
    "ten_million_columns.csv": (lambda: b"," * 10 * MB + b"\nx", "data_line_too_long"),
    "many_columns.csv": (lambda: b",".join(b"c%d" % n for n in range(1000)) + b"\n", "data_too_many_columns"),
    "open_quote.csv": (lambda: b'text,label\n"never closed,a\n' + b"some text,b\n" * 20, "data_quote_open"),
    "long_open_quote.csv": (lambda: b'text,label\n"never closed,a\n' + b"some text,b\n" * 400_000, "data_quote_open"),
    "many_rows.csv": (lambda: b"a,b\n" + b"x,y\n" * 200_001, "data_too_many_rows"),
    "bad_byte.csv": (lambda: "text,label\n评论很好,好\n评论".encode() + b"\xff,x\n", "data_encoding"),
    "workbook.csv": (lambda: zipped("xl/workbook.xml", b"<x/>"), "data_workbook"),
    "old_workbook.csv": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999, "data_workbook"),
    "zip_bomb.csv": (lambda: zipped("a.csv", b"0" * 100 * MB), "data_archive"),
    "gzip_bomb.csv": (lambda: gzip.compress(b"0" * 100 * MB), "data_archive"),
    "parquet.csv": (lambda: b"PAR1" + b"\xff" * 999, "data_other_format"),
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
    "no_keys.jsonl": (lambda: b"{}\n{}\n", "data_no_rows"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_refused_in_seconds_with_nothing_left(tmp_path: Path, name: str) -> None:
    make, code = BOMBS[name]
    path = tmp_path / name
    path.write_bytes(make())
    start = time.monotonic()
    with pytest.raises(PlaygroundError) as refusal:
        read(path, directory=tmp_path / "read")
    assert refusal.value.code == code
    assert time.monotonic() - start < 5
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
        table._in_child(path, tmp_path / "rows.parquet", limits)
    assert refusal.value.code == "data_memory" and refusal.value.message.values == {"mb": memory_mb}


def test_a_killed_reader_is_said(tmp_path: Path, limits: Callable[..., None]) -> None:
    """As the kernel kills it when the machine runs out of memory."""
    limits(MAX_ROWS=10_000_000)
    path = tmp_path / "slow.csv"
    path.write_bytes(b"a,b\n" + b"x,y\n" * 10_000_000)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, path, directory=tmp_path / "read")
        deadline = time.monotonic() + 20
        while not (tmp_path / "read" / "rows.parquet.part").exists() and time.monotonic() < deadline:
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
