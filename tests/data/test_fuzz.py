"""Damaged files of every kind: read, or refused with a reason, in seconds, and never more than that."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from openpyxl import Workbook

from playground.data.child import OUT_OF_MEMORY, environment
from playground.i18n import catalog

ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".xlsx", ".parquet", ".conll", ".tmx", "")
CSV = 'text,label\n"很好, ""really""\nnew line",好评\nnot good,差评\nso-so,中评\n'
PIECES = (
    b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b'"', b"'", b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n\r\n", b"{",
    b"[", b"]}", b"</seg>", b"<tu>", b"&x;", b"\\u0000", b"\\ud800", b"1e999", b"-" * 99, b"9" * 400, b"[" * 3000,
    b'{"a":' * 2000, "好".encode(), "好".encode("gb18030"), b"I-PER", b" O\n" * 50, b"=1+1", b"PK\3\4", b"PAR1",
    b"<html>", b"\xf0\x9f\x98\x80",
)  # fmt: skip


def workbook() -> bytes:
    book, target = Workbook(), io.BytesIO()
    for row in (["text", "label"], ["很好", "好评"], ["bad", 1.5], [None, True]):
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    book.create_sheet("second").append(["text", "label"])
    book.save(target)
    return target.getvalue()


def parquet() -> bytes:
    target = io.BytesIO()
    columns = {"text": ["很好", None, "bad"], "label": [1, 0, 1], "tokens": [["a"], [], ["b", "c"]]}
    features = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
    table = pyarrow.table(columns).replace_schema_metadata({"huggingface": json.dumps(features)})
    pyarrow.parquet.write_table(table, target)
    return target.getvalue()


def samples() -> list[bytes]:
    """A small file of every kind that is read."""
    squad = {
        "data": [{"paragraphs": [{"context": "It is 4.", "qas": [{"question": "?", "answers": [{"text": "4"}]}]}]}]
    }
    return [
        *(CSV.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp936")),
        CSV.replace(",", "\t").encode(),
        b'{"text": "a", "label": 1}\n{"text": "b", "tokens": ["x"], "translation": {"en": "a", "zh": "b"}}\n',
        json.dumps([{"text": "a", "spans": [{"start": 0, "end": 1}]}] * 3).encode(),
        json.dumps(squad).encode(),
        "张 B-PER\n三 E-PER\n来 O\n\n我 O\n".encode(),
        b"One sentence after another.\nThey are many words long.\n\nA paragraph of some more words.\n",
        b'<tmx version="1.4"><body><tu><tuv xml:lang="en"><seg>Yes</seg></tuv>'
        b'<tuv xml:lang="zh"><seg>\xe6\x98\xaf</seg></tuv></tu></body></tmx>',
        workbook(),
        parquet(),
    ]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, lost, put in or doubled; of a workbook also inside its parts."""
    if content.startswith(b"PK") and rng.random() < 0.7:
        return _damaged_inside(content, rng)
    changed = bytearray(content)
    for _ in range(rng.randint(0, 6)):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 1, 4, 40)))
        how = rng.randrange(4)
        if how == 0:
            changed[start:end] = bytes(rng.randrange(256) for _ in range(end - start))
        elif how == 1:
            del changed[start:end]
        elif how == 2:
            changed[start:start] = rng.choice(PIECES) * rng.choice((1, 1, 1, 30))
        else:
            changed[start:start] = changed[start:end] * rng.choice((1, 500))
    return bytes(changed[: rng.randrange(len(changed) + 1)] if rng.random() < 0.15 else changed)


def _damaged_inside(content: bytes, rng: random.Random) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        hit = rng.choice(old.namelist())
        for name in old.namelist():
            new.writestr(name, damaged(old.read(name), rng) if name == hit else old.read(name))
    return target.getvalue()


def outcomes(folder: Path, seeds: range) -> dict[int, int | str]:
    """What became of each file: a number of rows, or the code of a refusal.

    Where one of them ends the reading process by lack of memory, which the page would be told, another goes on.
    """
    files = samples()
    for seed in seeds:
        rng = random.Random(seed)
        (folder / f"{seed}{rng.choice(ENDINGS)}").write_bytes(damaged(rng.choice(files), rng))
    found: dict[int, int | str] = {}
    while left := [path for path in sorted(folder.iterdir()) if int(path.stem) not in found]:
        command = [sys.executable, "-m", "tests.data.reading", *map(str, left)]
        child = subprocess.run(command, env=environment(), capture_output=True, text=True)
        for line in child.stdout.splitlines():
            name, outcome = json.loads(line)
            found[int(Path(name).stem)] = outcome
        if child.returncode:
            assert child.returncode in OUT_OF_MEMORY, child.stderr
            found[int(left[sum(int(path.stem) in found for path in left)].stem)] = "data_memory"
    return found


@pytest.mark.parametrize(
    "seeds", [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.slow)], ids=["short", "full"]
)
def test_damaged_files_are_read_or_refused(tmp_path: Path, seeds: range) -> None:
    found = outcomes(tmp_path, seeds)
    counts = Counter("read" if isinstance(outcome, int) else outcome for outcome in found.values())
    assert set(found) == set(seeds)
    assert counts["read"] > len(seeds) / 5 and len(counts) > 8, counts
    assert all(f"error.{code}" in catalog() for code in counts if code != "read"), counts
