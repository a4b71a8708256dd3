"""Files of translators: TMX, parallel text files, the Hub's pairs, and sentences without a header."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.data import Table, check, propose, read, rows_of
from playground.data.parallel import language_of
from playground.errors import PlaygroundError
from tests.data.test_translation import CHINESE, ENGLISH, FIELDS, mapped

ReadTable = Callable[..., Table]
DATA = Path(os.environ.get("PLAYGROUND_DATA", "")) / "train" / "translation_en_zh"
needs_data = pytest.mark.skipif("PLAYGROUND_DATA" not in os.environ, reason="needs PLAYGROUND_DATA")
TMX = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<!-- exported -->
<tmx version="1.4">
  <header srclang="en-US" datatype="plaintext"><note>a note</note></header>
  <body>
    <tu tuid="1"><note>another</note>
      <tuv xml:lang="ZH-CN"><seg>点击<bpt i="1">&lt;b&gt;</bpt>保存<ept i="1">&lt;/b&gt;</ept>。</seg></tuv>
      <tuv xml:lang="EN-US"><seg>Click <bpt i="1">&lt;b&gt;</bpt>Save<ept i="1">&lt;/b&gt;</ept>.</seg></tuv>
    </tu>
    <tu>
      <tuv xml:lang="en"><seg>First line<ph>&lt;br/&gt;<sub>alt text</sub></ph>second
        line, <hi>marked</hi> &amp; more &lt;3</seg></tuv>
      <tuv xml:lang="zh"><seg>第一行<ph>&lt;br/&gt;</ph>第二行</seg></tuv>
      <tuv lang="fr"><seg>Ligne</seg></tuv>
    </tu>
    <tu><tuv xml:lang="en"><seg>Only English</seg></tuv></tu>
    <tu><prop>nothing</prop></tu>
  </body>
</tmx>
"""


def all_rows(table: Table) -> list[dict[str, str]]:
    return table.preview(100)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_translation_memory_has_a_column_a_language_its_source_first(table: ReadTable, encoding: str) -> None:
    found = table(TMX.format(encoding=encoding.removesuffix("-sig")), "memory.tmx", encoding)
    assert found.columns == ["en", "zh", "fr"] and found.rows == 3
    assert all_rows(found) == [
        {"en": "Click Save.", "zh": "点击保存。", "fr": ""},
        {"en": "First line second line, marked & more <3", "zh": "第一行 第二行", "fr": "Ligne"},
        {"en": "Only English", "zh": "", "fr": ""},
    ]
    assert mapped(found) == {"text": ["en"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}


def test_a_translation_memory_is_known_by_what_it_holds(table: ReadTable) -> None:
    assert table(TMX.format(encoding="UTF-8"), "export.txt").columns == ["en", "zh", "fr"]


def test_regions_that_a_unit_tells_apart_have_columns_of_their_own(table: ReadTable) -> None:
    def unit(**texts: str) -> str:
        said = [f'<tuv xml:lang="{lang.replace("_", "-")}"><seg>{text}</seg></tuv>' for lang, text in texts.items()]
        return f"<tu>{''.join(said)}</tu>"

    units = [unit(en_GB="colour", EN_us="color", zh_CN="颜色"), unit(en_US="gray", zh="灰色")]
    found = table(f'<tmx><header srclang="en-US"/><body>{"".join(units)}</body></tmx>', "memory.tmx")
    assert all_rows(found) == [
        {"en-US": "color", "en-GB": "colour", "zh": "颜色"},
        {"en-US": "gray", "en-GB": "", "zh": "灰色"},
    ]
    assert mapped(found) == {"text": ["en-US"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("captions_train.en", "captions_train.zh"), ["en", "zh"]),
        (("train.en.txt", "train.zh-TW.txt"), ["en", "zh-Hant"]),
        (("news-commentary.en-zh.zh", "news-commentary.en-zh.en"), ["zh", "en"]),
        (("English.txt", "Chinese.txt"), ["en", "zh"]),
        (("train.src", "train.tgt"), ["train.src", "train.tgt"]),
        (("a.en", "b.en"), ["a.en", "b.en"]),
    ],
)
def test_parallel_files_are_the_columns_of_one_table(
    tmp_path: Path, names: tuple[str, str], columns: list[str]
) -> None:
    paths = [tmp_path / name for name in names]
    paths[0].write_text('One, "two\n\nthree\r four\n', newline="")
    paths[1].write_bytes("\ufeff一\r\n二\r\n三\r\n\r\n".encode())
    found = read(paths, directory=tmp_path / "read")
    assert (found.name, found.columns) == (" + ".join(names), columns)
    cells = [list(row.values()) for row in all_rows(found)]
    assert cells == [['One, "two', "一"], ["", "二"], ["three\r four", "三"]]


@pytest.mark.parametrize(
    ("name", "code"), [("zh.txt", "zh"), ("a_pt-BR.txt", "pt"), ("train_zh_TW.txt", "zh-Hant"), ("a", "")]
)
def test_the_end_of_a_name_tells_the_language(name: str, code: str) -> None:
    assert language_of(name) == code


def test_files_of_different_lengths_are_refused_with_their_lengths(tmp_path: Path) -> None:
    paths = [tmp_path / "a.en", tmp_path / "a.zh"]
    paths[0].write_text("one\ntwo\nthree\nfour\n\n")
    paths[1].write_text("一\n二\n")
    for order in (paths, paths[::-1]):
        with pytest.raises(PlaygroundError) as refusal:
            read(order, directory=tmp_path / "read")
        counts = dict(zip(refusal.value.message.values["files"], refusal.value.message.values["counts"], strict=True))
        assert (refusal.value.code, counts) == ("data_lines_differ", {"a.en": 4, "a.zh": 2})
    assert sorted(os.listdir(tmp_path)) == ["a.en", "a.zh"]


def test_what_is_no_text_is_refused_on_either_side(tmp_path: Path) -> None:
    paths = [tmp_path / "a.en", tmp_path / "a.zh"]
    paths[0].write_text("one\n")
    for content, code in ((b"PK\x03\x04", "data_archive"), (b"", "data_empty"), (b"a\0", "data_nul")):
        paths[1].write_bytes(content)
        with pytest.raises(PlaygroundError) as refusal:
            read(paths, directory=tmp_path / "read")
        assert refusal.value.code == code
    with pytest.raises(PlaygroundError) as refusal:
        read([paths[0], tmp_path / "absent.zh"], directory=tmp_path / "read")
    assert refusal.value.code == "data_not_found" and refusal.value.message.values == {"file": "absent.zh"}


@pytest.mark.parametrize("name", ["hub.jsonl", "hub.json"])
def test_the_hubs_pairs_are_columns(table: ReadTable, name: str) -> None:
    entries = [
        {"id": n, "translation": {"en": a, "zh": b}} for n, (a, b) in enumerate(zip(ENGLISH, CHINESE, strict=True))
    ]
    content = json.dumps(entries) if name == "hub.json" else "\n".join(map(json.dumps, entries))
    found = table(content, name)
    assert found.columns == ["id", "en", "zh"] and not found.nested
    assert mapped(found) == {"text": ["en"], "translation": ["zh"], "source": ["=en"], "target": ["=zh"]}


def test_a_translation_that_is_a_text_stays_one(table: ReadTable) -> None:
    assert table('{"text": "a", "translation": "b"}\n', "data.jsonl").columns == ["text", "translation"]


def test_the_first_of_many_sentences_is_no_header(table: ReadTable) -> None:
    lines = [f"{a}\t{b}\tCC-BY 2.0 by Ann & Bob, sentence {a}" for a, b in zip(ENGLISH, CHINESE, strict=True)]
    found = table("\n".join(lines), "pairs.tsv")
    assert (found.header, found.rows, len(found.columns)) == (False, 10, 3)
    assert mapped(found) == {"text": ["column 1"], "translation": ["column 2"], "target": ["=zh"]}
    # One question that all answer is the name of their column.
    answers = "What did you like?,score\n" + "".join(f"I liked number {n}.,{n}\n" for n in range(9))
    assert table(answers, "answers.csv").header


@needs_data
@pytest.mark.parametrize(
    ("names", "text", "translation", "rows"),
    [
        (["tatoeba_grouped_dev.tsv"], "column 1", "column 2", 1000),
        (["captions_val.en", "captions_val.zh"], "en", "zh", 1000),
        (["bible_kjv_cuv.tsv"], "column 4", "column 5", 31000),
    ],
)
def test_real_files_are_mapped_and_checked(
    tmp_path: Path, names: list[str], text: str, translation: str, rows: int
) -> None:
    paths = [DATA / name for name in names]
    found = read(paths if len(paths) > 1 else paths[0], directory=tmp_path)
    columns = {proposal.field: proposal.columns for proposal in propose(found, FIELDS) if proposal.columns}
    assert (columns["text"], columns["translation"], columns["target"]) == ([text], [translation], ["=zh"])
    checked = check(found, columns, FIELDS)
    assert checked.ok and checked.rows >= 0.9 * rows
    assert sum(1 for _ in rows_of(found, columns, FIELDS)) == checked.rows
