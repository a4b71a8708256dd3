import pytest

from playground.services import metrics


def test_scores_by_name() -> None:
    gold, predicted = ["a", "a", "a", "b"], ["a", "a", "b", "b"]
    scores = metrics.score(("accuracy", "macro_f1"), gold, predicted)
    assert scores["accuracy"] == 0.75
    # F1 of a: precision 1, recall 2/3 -> 0.8; of b: precision 1/2, recall 1 -> 2/3.
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(KeyError):
        metrics.score(("bleu",), ["a"], ["a"])


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Values of Newcombe 1998, table I, method 3, and the two ends.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_wilson_interval(right: int, count: int, low: float, high: float) -> None:
    assert metrics.wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_interval_is_given_for_accuracy_only() -> None:
    found = metrics.intervals(("accuracy", "macro_f1"), ["a", "b"], ["a", "a"])
    assert list(found) == ["accuracy"]
    assert found["accuracy"][0] < 0.5 < found["accuracy"][1]
    assert metrics.intervals(("macro_f1",), ["a"], ["a"]) == {}
