"""Files as people have them, through the real reading process."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.data import Table, read
from playground.data.json_file import read_json
from playground.data.reader import read_file
from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, render

EXAMPLES = Path(__file__).parents[2] / "examples" / "datasets" / "classification"
DATA = os.environ.get("PLAYGROUND_DATA")
ReadTable = Callable[..., Table]

CHINESE = "评论,情感\n这家店的服务很好,好评\n太差了，再也不来,差评\n"
ROWS = [{"评论": "这家店的服务很好", "情感": "好评"}, {"评论": "太差了，再也不来", "情感": "差评"}]


def test_an_example_dataset_is_read_in_full(tmp_path: Path) -> None:
    table = read(EXAMPLES / "support-tickets.csv", directory=tmp_path)
    assert (table.name, table.columns, table.rows) == ("support-tickets.csv", ["message", "topic"], 201)
    with (EXAMPLES / "support-tickets.csv").open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    assert table.dataset().to_list() == expected
    assert table.preview(3) == expected[:3]
    assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
def test_chinese_in_every_encoding_it_comes_in(table: ReadTable, encoding: str) -> None:
    found = table(CHINESE, encoding=encoding)
    assert found.preview() == ROWS
    assert found.encoding == {"gbk": "gb18030", "utf-8-sig": "utf-8"}.get(encoding, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("標題,類別\n蘋果發表新手機,科技\n球隊昨晚贏得比賽,體育\n", "big5"),
        ("text,label\nIl était déjà là “hier”,positif\nPas du tout,négatif\n", "cp1252"),
        ("標題,類別\n碁峰資訊發表新書,科技\n", "big5hkscs"),
        ("text,label\nZażółć gęślą jaźń,dobry\nnie podobało się,zły\n", "cp1250"),
        ("text,label\nΚαλημέρα κόσμε,καλό\nόχι καλό,κακό\n", "cp1253"),
        ("text,label\nこんにちは世界、とても良い,良い\nだめでした,悪い\n", "cp932"),
        ("text,label\n안녕하세요 반갑습니다,좋음\n별로였어요,나쁨\n", "cp949"),
        ("text,label\nпривет всем,хорошо\nне очень понравилось,плохо\n", "cp1251"),
    ],
)
def test_other_encodings_are_recognised(table: ReadTable, text: str, encoding: str) -> None:
    found = table(text, encoding=encoding)
    header, *rows = [line.split(",") for line in text.splitlines()]
    assert found.encoding == {"big5": "big5hkscs"}.get(encoding, encoding)
    assert [list(row.values()) for row in found.preview()] == rows and found.columns == header


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_makes_columns(table: ReadTable, delimiter: str) -> None:
    other = "," if delimiter != "," else ";"
    lines = [("text", "label"), (f"good{other} really good", "pos"), (f"so so{other} or{other} bad", "neg")]
    found = table("\n".join(delimiter.join(line) for line in lines), name="table.csv")
    assert found.delimiter == delimiter
    assert found.preview() == [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@pytest.mark.parametrize(("lines", "columns", "first"), [
    (["I came, I saw, {n}\tpos"], ["column 1", "column 2"], ["I came, I saw, 1", "pos"]),
    (["我来了,我看见了,{n}\t好"], ["column 1", "column 2"], ["我来了,我看见了,1", "好"]),
    (["text;label", "Preis 3,50 und {n},5 Euro, gut;a"], ["text", "label"], ["Preis 3,50 und 1,5 Euro, gut", "a"]),
    (["text", "I came, I saw {n}", "I came"], ["text"], ["I came, I saw 1"]),
    (["sep=;", "text;label", "hello, {n};a"], ["text", "label"], ["hello, 1", "a"]),
    (["label, text", 'pos, "it is good, number {n}"'], ["label", "text"], ["pos", "it is good, number 1"]),
    (["label,text", 'pos, "hi" he said {n}'], ["label", "text"], ["pos", ' "hi" he said 1']),
], ids=["commas before a tab", "Chinese", "decimal commas", "one column", "Excel", "blanks", "no quotes"])  # fmt: skip
def test_commas_of_a_text_part_nothing(
    table: ReadTable, lines: list[str], columns: list[str], first: list[str]
) -> None:
    repeated = next(line for line in lines if "{n}" in line)
    written = [
        text for line in lines for text in ([repeated.format(n=n) for n in range(1, 9)] if line == repeated else [line])
    ]
    found = table("\n".join(written), name="table.csv")
    assert found.columns == columns and list(found.preview(1)[0].values()) == first


@pytest.mark.parametrize("above", ["My report", "My report,,\n,,", ",Spring,\n"])
def test_a_title_above_the_header_is_passed_over(table: ReadTable, above: str) -> None:
    found = table("\n".join([above, "text,label,count", *(f"row {n},{'ab'[n % 2]},{n}" for n in range(9))]))
    assert found.columns == ["text", "label", "count"] and found.rows == 9


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(table: ReadTable) -> None:
    found = table('text,label\r\n"first line\nsecond, ""quoted""",a\r\nplain,b\r\n')
    assert found.preview() == [{"text": 'first line\nsecond, "quoted"', "label": "a"}, {"text": "plain", "label": "b"}]


def test_bare_quotation_marks_in_a_tsv_stay_in_the_text(table: ReadTable) -> None:
    """A standard reader would lose the first pair and run from the lone one to the end of the file."""
    lines = ['" the ring " is a copy\tneg', '"a lone mark\tpos', "nothing here\tpos", 'it ends "\tneg']
    found = table("text\tlabel\n" + "\n".join(lines), name="reviews.tsv")
    assert [f"{row['text']}\t{row['label']}" for row in found.preview()] == lines


def test_a_quoted_tsv_loses_its_quotes_only(table: ReadTable) -> None:
    found = table('text\tlabel\n"two\nlines"\ta\n"says ""hi"""\tb\n', name="quoted.tsv")
    assert [row["text"] for row in found.preview()] == ["two\nlines", 'says "hi"']


def test_jsonl_values_become_text(table: ReadTable) -> None:
    lines = [
        '{"text": "one", "n": 1.10}',
        '{"n": true, "text": "two\\nlines", "late": null}',
        "",
        '{"late": "\\ud800x"}',
    ]
    found = table("\n".join(lines), name="data.jsonl")
    assert found.delimiter is None and found.columns == ["text", "n", "late"]
    assert found.dataset()["n"][:] == ["1.10", "true", ""]
    assert found.dataset()["late"][:] == ["", "", "?x"]
    assert found.dataset()["text"][:] == ["one", "two\nlines", ""]


@pytest.mark.parametrize(("content", "name"), [('{"a": "x"}\n', "wrong.csv"), ("a,b\nx,y\n", "wrong.jsonl")])
def test_a_wrong_ending_does_not_matter(table: ReadTable, content: str, name: str) -> None:
    assert table(content, name=name).preview()[0]["a"] == "x"


def test_columns_without_a_name_of_their_own(table: ReadTable) -> None:
    found = table(",text,text,label,,\n0,a,b,c,,\n1,d,e,f,,\n")
    assert found.columns == ["column 1", "text", "text (2)", "label"]
    assert found.preview(1) == [{"column 1": "0", "text": "a", "text (2)": "b", "label": "c"}]


def test_a_file_without_a_header_keeps_its_first_row(table: ReadTable) -> None:
    lines = [f"text number {number},{'ham' if number % 3 else 'spam'}" for number in range(30)]
    found = table("\n".join(lines))
    assert (found.header, found.rows, found.columns) == (False, 30, ["column 1", "column 2"])
    assert found.preview(1) == [{"column 1": "text number 0", "column 2": "spam"}]


def test_a_header_that_comes_again_is_a_header(table: ReadTable) -> None:
    found = table("text,label\na,x\ntext,label\nb,y\ntext,label\nc,x\n")
    assert found.header and found.columns == ["text", "label"]


def test_long_cells_are_shortened_for_the_preview_only(table: ReadTable) -> None:
    found = table(f"text,label\n{'x' * 5000},a\ny,b\n")
    assert len(found.preview()[0]["text"]) == 501
    assert len(found.dataset()[0]["text"]) == 5000


def test_a_file_name_cannot_upset_a_terminal_and_is_never_a_path(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\x1b[31m\n\xff;$(touch x).csv")
    path.write_text("text,label\na,b\nc,d\n")
    found = read(path, directory=tmp_path / "read")
    assert found.name.isprintable() and found.name.startswith("a\ufffd[31m")
    assert sorted(os.listdir(tmp_path / "read")) == ["rows.arrow"] and found.rows == 2


def test_the_reader_imports_no_heavy_library() -> None:
    code = "import sys, playground.data.reader; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "datasets", "numpy", "pydantic", "transformers"} & set(loaded)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_python_writes_is_read_back(tmp_path: Path, seed: int) -> None:
    """Random tables in random dialects and encodings: the same cells come back, or the table had none."""
    rng = random.Random(seed)
    alphabet = "ab, ;\t|\"'\n评论é😀=-{["
    width = rng.randint(2, 5)
    header = [f"column{index}" for index in range(width)]
    rows = [["".join(rng.choices(alphabet, k=rng.randint(1, 12))) for _ in header] for _ in range(rng.randint(1, 60))]
    delimiter, line_end = rng.choice(",;|"), rng.choice(["\n", "\r\n"])
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    path = tmp_path / "any.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
        writer.writerows([header, *rows])
    found = read_file(path, tmp_path / "rows.arrow", 1000)
    table = Table(name="any.csv", arrow=tmp_path / "rows.arrow", **found)
    assert table.delimiter == delimiter
    assert [list(row.values()) for row in table.dataset().to_list()] == rows


@pytest.mark.skipif(DATA is None, reason="PLAYGROUND_DATA is not set")
def test_every_awkward_file_is_read_or_refused_with_a_remedy(tmp_path: Path) -> None:
    """Files that broke the readers of other projects; without a child each, which the other tests have.

    awkward.json says of each what is right, looked at one by one: the number of its rows and its first six columns, or
    the code of its refusal (a comment or a title above a table and tabs inside texts are named by it).
    """
    expected = json.loads(Path(__file__).with_name("awkward.json").read_text(encoding="utf-8"))
    outcomes: dict[str, Any] = {}
    hints: list[str] = []
    for name in expected:
        try:
            found = read_file(Path(str(DATA)) / "awkward" / name, tmp_path / "rows", 200_000)
            outcomes[name] = [found["rows"], *found["columns"][:6]]
        except PlaygroundError as error:
            outcomes[name] = error.code
            hints += [render(error.hint, lang) for lang in LANGUAGES]
    assert outcomes == expected and all(hints)


def test_quotes_behind_a_backslash_are_quotes(tmp_path: Path) -> None:
    (tmp_path / "mysql.csv").write_text('text,label\n"He said \\"hi\\", twice",a\n"plain",b\n', encoding="utf-8")
    table = read(tmp_path / "mysql.csv", directory=tmp_path / "read")
    assert table.preview()[0] == {"text": 'He said "hi", twice', "label": "a"}


def test_a_file_of_parts_on_one_line_is_no_row(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "b"}]
    (tmp_path / "parts.json").write_text(json.dumps({"train": rows, "test": rows}), encoding="utf-8")
    with pytest.raises(PlaygroundError) as refused:
        read(tmp_path / "parts.json", directory=tmp_path / "read")
    assert refused.value.code == "data_json_shape"


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("a,b,c\n1,b,c\n2,b,c\n3,b,c\n", ["a", "b", "c"], 3),  # a word above numbers, whatever comes again
        ("1,english\n2,中国人\n3,german\n", ["column 1", "column 2"], 3),  # it counts from the first row on
        ("0,1\nso good,yes\nso bad,no\n", ["0", "1"], 2),  # how a table without names is written
        ("1,2,3\n4,5,6\n", ["column 1", "column 2", "column 3"], 2),
        ("id,1,2\nname,france,spain\nsize,66,47\n", ["id", "1", "2"], 2),
        (
            "my card is late,card\nno pin,pin\nlost it,card\nwhy,fee\nhow,pin\nso,fee\nnew,pin\n",
            ["column 1", "column 2"],
            7,
        ),
        ('text,label\n"He said \\"hi\\", 0",a\n"b \\"c\\"",b\n', ["text", "label"], 2),  # a backslash before quotes
    ],
)
def test_what_names_the_columns(content: str, columns: list[str], rows: int, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    found = read_file(tmp_path / "data.csv", tmp_path / "rows", 100)
    assert (found["columns"], found["rows"]) == (columns, rows)


@pytest.mark.skipif(DATA is None, reason="PLAYGROUND_DATA is not set")
def test_csv_spectrum_is_read_as_its_authors_expect(tmp_path: Path) -> None:
    folder = Path(str(DATA)) / "awkward" / "csv_spectrum"
    for path in sorted((folder / "csvs").iterdir()):
        expected = json.loads((folder / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        rows = read(path, directory=tmp_path / "read").preview()
        # One answer has line breaks as \r\n although its file, as published, has \n.
        expected = [{name: cell.replace("\r\n", "\n") for name, cell in row.items()} for row in expected]
        assert rows == expected, path.name


def test_a_json_file_is_not_held_in_memory(tmp_path: Path) -> None:
    rows = [{"text": f"a text of some length, number {n}", "number": n / 2, "tags": ["x"]} for n in range(30_000)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"version": "1", "data": rows}), encoding="utf-16")
    (tmp_path / "one.json").write_text(json.dumps(rows[:1]))
    read_json(tmp_path / "one.json", tmp_path / "one.arrow", "utf-8", 1)  # pyarrow comes in here
    tracemalloc.start()
    found = read_json(path, tmp_path / "rows.arrow", "utf-16", 10**6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found["rows"], found["columns"], found["nested"]) == (30_000, ["text", "number", "tags"], ["tags"])
    assert peak < path.stat().st_size, peak  # all of it would take several times that


def test_a_json_file_keeps_what_stricter_readers_refuse(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a", "score": NaN, "price": 1.10}, {"text": "b", "score": 2, "price": 3}]')
    table = read(path, directory=tmp_path / "read")
    assert [row["score"] for row in table.preview()] == ["NaN", "2"]
    assert [row["price"] for row in table.preview()] == ["1.10", "3"]
