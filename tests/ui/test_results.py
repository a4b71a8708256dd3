"""What the run panel says of a report."""

from __future__ import annotations

import pytest

from playground.i18n import translate
from playground.ui import results
from playground.ui.markup import note, run_head


def test_few_classes_give_a_matrix_with_heat() -> None:
    table = results.confusion(["a", "b"], [[3, 1], [0, 4]], "en")["value"]
    assert table["headers"][1:] == ["a", "b"]
    assert table["data"] == [["a", "3", "1"], ["b", "0", "4"]]
    (_, right, wrong), (_, none, most) = table["metadata"]["styling"]
    assert none == ""
    assert right != wrong
    assert most != right, "a class that is always right is stronger than one that is not"


def test_many_classes_give_the_pairs_most_often_confused() -> None:
    labels = [f"class {number}" for number in range(77)]
    counts = [[10 if i == j else 0 for j in range(77)] for i in range(77)]
    counts[3][5], counts[70][1], counts[4][4] = 2, 6, 0
    table = results.confusion(labels, counts, "en")["value"]
    assert table["data"] == [["class 70", "class 1", "6 / 16"], ["class 3", "class 5", "2 / 12"]]


@pytest.mark.parametrize(("probe", "outcome"), [(0.80, "better"), (0.88, "same"), (0.99, "worse")])
def test_the_verdict_is_better_only_beyond_the_interval(probe: float, outcome: str) -> None:
    report = {
        "metrics": {"majority": {"accuracy": 0.5}, "linear_probe": {"accuracy": probe}, "tuned": {"accuracy": 0.9}},
        "intervals": {"tuned": {"accuracy": [0.85, 0.94]}},
    }
    said = results._verdict(report, "lora", "en")
    values = {"tuned": "90.0 %", "other": f"{100 * probe:.1f} %", "low": "85.0 %", "high": "94.0 %"}
    words = {"metric": translate("en", "metric.accuracy"), "rival": translate("en", "rival.linear_probe")}
    assert said.lower() == translate("en", f"ui.verdict.{outcome}", **values, **words).lower()


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_durations(seconds: float, said: str) -> None:
    assert results.duration(seconds, "en") == said


def test_markup_escapes_what_it_is_given() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    for made in (note(hostile), run_head(hostile, [hostile], done=0.5, why=hostile)):
        assert "<img" not in made
        assert "&lt;img" in made
