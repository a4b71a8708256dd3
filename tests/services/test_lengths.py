"""How long the rows are for a base, what is cut, and what reading more of them does."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.data import MAX_LENGTH, Checked
from playground.i18n import LANGUAGES, render
from playground.runs import Method, RunSpec, TrainingParams
from playground.services import finetune
from playground.services import lengths as measuring
from playground.services.lengths import BINS, Lengths
from playground.settings import settings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "datasets"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def reviews(tmp_path: Path) -> str:
    """Thirty texts of 10 words, and two of 300 and 900: the id of the upload."""
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows([f"{n} " + "good " * 9, "ab"[n % 2]] for n in range(30))
        rows.writerows([["good " * count, "a"] for count in (300, 900)])
    return finetune.inspect(path, "classification", "local").id


def examined(upload: str, **spec: Any) -> tuple[Checked, Lengths]:
    checked, lengths = finetune.examine(RunSpec(task="classification", data="", **spec), upload, "local")
    assert lengths is not None and sum(map(sum, lengths.bins)) == lengths.rows
    for message in (*(fault.message for fault in checked.faults), *checked.mended.told.values()):
        assert all(render(message, lang) for lang in LANGUAGES)
    return checked, lengths


def cut(checked: Checked) -> list[int]:
    return [row for fault in checked.faults if fault.message.key == "data.fault.long_text" for row in fault.rows]


def test_tokens_of_the_base_are_counted_and_what_is_cut_is_told(reviews: str) -> None:
    checked, lengths = examined(reviews)
    # A word and a number are a token each; the base puts one before and one behind a text.
    assert lengths.counted and (lengths.rows, lengths.most) == (32, 256)
    assert dict(zip(BINS, lengths.bins, strict=False)) == {
        **dict.fromkeys(BINS, (0, 0)), 16: (30, 0), 512: (0, 1), 1024: (0, 1),
    }  # fmt: skip
    assert lengths.lost == pytest.approx((302 - 256 + 902 - 256) / (30 * 12 + 302 + 902))
    assert cut(checked) == [31, 32] and checked.faults[-1].fixes == (MAX_LENGTH,)


def test_reading_more_is_a_fix_as_far_as_the_base_reads(reviews: str) -> None:
    checked, lengths = examined(reviews, fixes=[MAX_LENGTH])
    assert lengths.most == 512 and cut(checked) == [32] and checked.faults[-1].fixes == ()
    assert "512" in render(checked.mended.told[MAX_LENGTH], "zh")
    spec = finetune.completed(RunSpec(task="classification", data="", fixes=[MAX_LENGTH]), reviews, "local").spec
    assert spec.training.max_length == 512 and "max_length" in spec.reasons


def test_a_length_set_by_hand_is_what_is_read(reviews: str) -> None:
    checked, lengths = examined(reviews, training=TrainingParams(max_length=8))
    assert lengths.most == 8 and len(cut(checked)) == 32 and checked.faults[-1].fixes == ()


@pytest.mark.parametrize("base", ["scratch/mlp", "nobody/none"])
def test_without_a_base_s_tokens_they_are_estimated(reviews: str, base: str) -> None:
    _, lengths = examined(reviews, base=base)
    assert not lengths.counted and lengths.rows == 32


def test_of_much_text_some_rows_are_looked_at(reviews: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked, whole = examined(reviews)
    monkeypatch.setattr(measuring, "MOST_CHARS", checked.chars // 3)
    _, some = examined(reviews)
    # The longest text decides what is read, and where anything is cut, it is: so it is looked at besides.
    assert some.rows == 8 + 1 and some.most == whole.most
    assert some.longer.count == 1 and whole.longer.count and some.lost == 0.0


def test_rows_that_a_fix_leaves_out_are_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("text,label\n" + "".join(f"some text {n % 20},{'ab'[n % 2]}\n" for n in range(40)), "utf-8")
    upload = finetune.inspect(path, "classification", "local").id
    assert examined(upload)[1].rows == 40 and examined(upload, fixes=["duplicates"])[1].rows == 20


def test_what_is_read_in_windows_is_not_cut() -> None:
    upload = finetune.inspect(EXAMPLES / "qa" / "museum-guide.json", "qa", "local").id
    spec = RunSpec(task="qa", data="", training=TrainingParams(max_length=32))
    checked, lengths = finetune.examine(spec, upload, "local")
    assert lengths is not None and lengths.longer.count and cut(checked) == []


def test_columns_that_forbid_reading_have_no_lengths(reviews: str) -> None:
    spec = RunSpec(task="classification", data="", columns={"text": ["nothing"], "label": ["label"]})
    checked, lengths = finetune.examine(spec, reviews, "local")
    assert not checked.ok and lengths is None


@pytest.mark.parametrize(
    ("method", "text", "warned"),
    [
        ("lora", "这部电影的音乐很好听，我会再看一遍。", True),
        ("full", "この映画は本当に面白かった。", True),
        ("scratch", "这部电影的音乐很好听，我会再看一遍。", False),
        ("lora", "The film 霸王别姬 is long and I would watch all of it again.", False),
    ],
)
def test_chinese_texts_and_a_base_that_reads_english(tmp_path: Path, method: Method, text: str, warned: bool) -> None:
    path = tmp_path / "films.csv"
    lines = [f"{text} {number},{'good' if number % 2 else 'bad'}" for number in range(30)]
    path.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    checked, _ = examined(finetune.inspect(path, "classification", "local").id, method=method)
    keys = [fault.message.key for fault in checked.faults]
    assert ("data.fault.base_reads_english" in keys) == warned, keys
    assert checked.ok
