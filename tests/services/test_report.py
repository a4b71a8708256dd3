from pathlib import Path

from playground.runs import RunSpec
from playground.services import report
from playground.tasks import get_task

GOLD = ["a", "a", "b", "c"]
TUNED = ["a", "b", "b", "c"]
HOSTILE = "<img src=x onerror=alert(1)> | [x](javascript:alert(1)) **b**"


def make_report(labels: list[str]) -> dict:
    answers = {"majority": ["a"] * 4, "tuned": TUNED}
    rows = [{"text": f"row {number}", "label": label} for number, label in enumerate(GOLD)]
    found = report.build(get_task("classification"), labels, GOLD, answers, rows=rows)
    return {**found, "rows": {"train": 10, "held_out": 4}}


def test_confusion_has_gold_rows_and_predicted_columns() -> None:
    found = make_report(["a", "b", "c"])
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found["metrics"]["tuned"]["accuracy"] == 0.75
    assert found["metrics"]["majority"]["accuracy"] == 0.5
    low, high = found["intervals"]["tuned"]["accuracy"]
    assert low < 0.75 < high


def test_card_shows_hostile_names_as_text(tmp_path: Path) -> None:
    spec = RunSpec(task="classification", data=HOSTILE, base="owner/base", labels=["a", "b", HOSTILE, "c"])
    report.write_cards(tmp_path, spec, make_report(["a", "b", "c"]))
    for name in ("README.md", "README.zh.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "<img" not in text
        assert "[x](" not in text
        assert "**b**" not in text
        assert "onerror" in text, "shown, not dropped"
        assert text.count("0.750") == 1


def test_card_of_many_labels_says_how_many_more() -> None:
    labels = [f"label {i}" for i in range(250)]
    spec = RunSpec(task="classification", data="x.csv", base="owner/base", labels=labels)
    assert "150 more" in report.card(spec, make_report(["a", "b", "c"]), "en")
