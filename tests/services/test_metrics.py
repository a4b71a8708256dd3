import random
import time

import numpy as np
import pytest
from sklearn.metrics import f1_score

from playground.fields import Span
from playground.services import metrics
from playground.services.metrics import answers, entities
from playground.services.metrics.trust import wilson

ENTITY = ("entity_f1", "entity_precision", "entity_recall")
ANSWER = ("exact_match", "answer_f1")


def spans(*found: tuple[int, int, str]) -> list[Span]:
    return [{"start": start, "end": end, "label": label} for start, end, label in found]


def random_spans(dice: random.Random) -> list[Span]:
    """Up to four spans, often touching, of types that a tag could be misread by."""
    ends = sorted(dice.sample(range(12), 2 * dice.randint(0, 4)))
    kinds = ["PER", "B-PER", "-PER-", "O", "组织"]
    made = [(start, end, dice.choice(kinds)) for start, end in zip(ends[::2], ends[1::2], strict=True)]
    if len(made) > 1 and dice.random() < 0.5:
        made[0] = (made[0][0], made[1][0], made[1][2])
    return spans(*made)


def gold(*texts: str) -> list[dict]:
    return [{"text": text, "start": 0} for text in texts]


def test_scores_by_name() -> None:
    right, predicted = ["a", "a", "a", "b"], ["a", "a", "b", "b"]
    scores = metrics.score(("accuracy", "macro_f1"), right, predicted)
    assert scores["accuracy"] == 0.75
    # F1 of a: precision 1, recall 2/3 -> 0.8; of b: precision 1/2, recall 1 -> 2/3.
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)


@pytest.mark.parametrize("function", [metrics.score, metrics.intervals, metrics.interval_methods])
def test_unknown_metric_is_refused(function) -> None:
    with pytest.raises(KeyError):
        function(("meteor",), *([["a"], ["a"]] if function is not metrics.interval_methods else []))


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Values of Newcombe 1998, table I, method 3, and the two ends.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_wilson_interval(right: int, count: int, low: float, high: float) -> None:
    assert metrics.wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_a_weight_is_a_row_that_many_times() -> None:
    """Every score that is resampled agrees with the score of the rows written out."""
    dice = random.Random(3)
    rows = [random_spans(dice) for _ in range(40)]
    texts = [dice.choice(["the red fox", "a red dog", "fox", ""]) for _ in range(40)]
    sides = {
        "macro_f1": ([dice.choice("abc") for _ in rows], [dice.choice("abcd") for _ in rows]),
        **{name: (rows, [row if dice.random() < 0.5 else random_spans(dice) for row in rows]) for name in ENTITY},
        "answer_f1": ([gold("red fox"), []] * 20, texts),
    }
    for name, (right, found) in sides.items():
        metric = metrics.METRICS[name]
        for seed in range(5):
            picked = np.random.default_rng(seed).integers(0, 40, 40)
            written_out = metric.value([right[i] for i in picked], [found[i] for i in picked])
            assert metric.weighted is not None
            weighted = metric.weighted(right, found)(np.bincount(picked, minlength=40))
            assert weighted == pytest.approx(written_out, abs=1e-12), name


def test_the_bootstrap_agrees_with_wilson_on_a_share() -> None:
    hits = np.array([1.0] * 140 + [0.0] * 60)
    low, high = metrics.bootstrap(0.7, lambda weights: weights @ hits / weights.sum(), 200)
    assert (low, high) == pytest.approx(metrics.wilson(140, 200), abs=0.01)
    assert (low, high) == metrics.bootstrap(0.7, lambda weights: weights @ hits / weights.sum(), 200), "seeded"


def test_intervals_contain_their_value_and_narrow_with_rows() -> None:
    # Each class twice: resamples lack some, and their macro-F1 is lower on average.
    right = [f"class {i // 2}" for i in range(40)]
    found = [*right[:36], *right[:4]]
    wide = metrics.intervals(("accuracy", "macro_f1"), right, found)
    narrow = metrics.intervals(("accuracy", "macro_f1"), right * 20, found * 20)
    for name, value in metrics.score(("accuracy", "macro_f1"), right, found).items():
        assert wide[name][0] <= value <= wide[name][1]
        assert narrow[name][1] - narrow[name][0] < wide[name][1] - wide[name][0]
    assert metrics.interval_methods(("accuracy", "macro_f1")) == {"accuracy": "wilson", "macro_f1": "bootstrap"}


def test_an_entity_is_right_only_with_its_exact_ends_and_type() -> None:
    right = [spans((0, 4, "PER"), (10, 15, "LOC")), spans((3, 9, "ORG")), []]
    found = [spans((0, 4, "PER"), (10, 14, "LOC")), spans((3, 9, "LOC")), spans((0, 2, "PER"))]
    # One of four found is right; there are three.
    expected = {"entity_precision": 1 / 4, "entity_recall": 1 / 3, "entity_f1": 2 / 7}
    assert metrics.score(ENTITY, right, found) == pytest.approx(expected)
    per_type = metrics.per_type(right, found)
    assert per_type["PER"] == pytest.approx({"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1})
    assert per_type["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert per_type["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_neighbours_of_one_type_are_two_entities() -> None:
    two, one = [spans((0, 1, "LOC"), (1, 2, "LOC"))], [spans((0, 2, "LOC"))]
    assert metrics.score(ENTITY, two, two) == dict.fromkeys(ENTITY, 1.0)
    assert metrics.score(ENTITY, two, one) == dict.fromkeys(ENTITY, 0.0)


@pytest.mark.parametrize(
    ("right", "found"), [([[], []], [[], []]), ([spans((0, 2, "X"))], [[]]), ([[]], [spans((0, 2, "X"))])]
)
def test_entities_of_nothing_score_nothing(right: list, found: list) -> None:
    assert metrics.score(ENTITY, right, found) == dict.fromkeys(ENTITY, 0.0)
    assert metrics.intervals(ENTITY, right, found) == {name: [0.0, wilson(0, len(right))[1]] for name in ENTITY}
    # Nor does a score of 1 of few rows mean that every other row would be right.
    six = [spans((0, 2, "X"))] * 6
    assert metrics.intervals(ENTITY, six, six) == {name: list(wilson(6, 6)) for name in ENTITY}


@pytest.mark.parametrize("seed", range(20))
def test_own_counts_are_those_of_seqeval(seed: int) -> None:
    dice = random.Random(seed)
    right = [random_spans(dice) for _ in range(30)]
    found = [row if dice.random() < 0.4 else random_spans(dice) for row in right]
    hits, predicted, there = entities.counts(right, found).sum(0)
    expected = {"entity_precision": hits / predicted, "entity_recall": hits / there}
    expected["entity_f1"] = 2 * hits / (predicted + there)
    assert metrics.score(ENTITY, right, found) == pytest.approx(expected)
    for kind, values in metrics.per_type(right, found).items():
        only = [[[span for span in row if span["label"] == kind] for row in side] for side in (right, found)]
        hits, predicted, there = entities.counts(*only).sum(0)
        assert values["support"] == there
        assert values["f1"] == pytest.approx(2 * hits / (predicted + there))


@pytest.mark.parametrize(
    ("answer", "predicted", "exact", "f1"),
    [
        ("The Eiffel Tower", "eiffel tower!", 1, 1),
        ("Denver Broncos", "the  Denver\nBroncos", 1, 1),
        ("U.S.", "US", 1, 1),
        ("another", "other", 0, 0),  # "an" goes as a word, not as a beginning
        ("Denver Broncos", "Broncos of Denver", 0, 2 * 2 / (2 + 3)),  # whatever the order
        ("in 1945", "1945", 0, 2 * 1 / 3),
        ("cat cat dog", "cat", 0, 2 * 1 / 4),
        ("the", "a", 1, 1),  # nothing is left of either
        ("the", "a cat", 0, 0),
        ("Chișinău", "chișinău", 1, 1),
    ],
)
def test_answers_are_compared_as_squad_does(answer: str, predicted: str, exact: int, f1: float) -> None:
    assert metrics.score(ANSWER, [gold(answer)], [predicted]) == pytest.approx({"exact_match": exact, "answer_f1": f1})


@pytest.mark.parametrize(
    ("answer", "predicted", "exact", "f1"),
    [
        ("《战国无双3》", "战国无双3", 1, 1),
        ("村雨城", "任天堂游戏谜之村雨城", 0, 2 * 3 / (3 + 10)),
        ("光荣和ω-force", "光荣和ω-Force", 1, 1),
        ("北京大学", "大学北京", 0, 2 * 2 / 8),  # the longest run in common, not the characters in any order
        ("1945年", "1945", 0, 2 * 1 / 3),  # a number is one word
        ("iPhone 4s手机", "iphone 4s", 0, 2 * 2 / (4 + 2)),
        ("东京、大阪", "东京大阪", 1, 1),
        ("3.5万", "35万", 0, 2 * 1 / 4),
        ("とうきょう", "きょう", 0, 2 * 3 / 8),
        ("北京", "Beijing", 0, 0),
        ("。", "，", 0, 0),  # neither has a character: compared as SQuAD does
    ],
)
def test_chinese_and_japanese_answers_are_compared_by_character(
    answer: str, predicted: str, exact: int, f1: float
) -> None:
    assert metrics.score(ANSWER, [gold(answer)], [predicted]) == pytest.approx({"exact_match": exact, "answer_f1": f1})


def test_the_best_of_the_gold_answers_counts() -> None:
    several = gold("Denver", "Denver Broncos", "the Broncos")
    assert answers.is_exact(several, "broncos")
    assert answers.overlap(several, "Denver Broncos team") == pytest.approx(2 * 2 / 5)


def test_without_a_gold_answer_only_nothing_is_right() -> None:
    assert metrics.score(ANSWER, [[], []], ["", "the"]) == {"exact_match": 0.5, "answer_f1": 0.5}
    assert metrics.score(ANSWER, [gold("Paris"), gold("the")], ["", ""]) == {"exact_match": 0.0, "answer_f1": 0.0}


def test_two_thousand_rows_have_their_intervals_within_a_second() -> None:
    dice = random.Random(0)
    rows = [random_spans(dice) for _ in range(2000)]
    found = [row if dice.random() < 0.6 else random_spans(dice) for row in rows]
    words = [" ".join(dice.choices(["red", "fox", "dog", "cat"], k=3)) for _ in range(4000)]
    labels = [dice.choice([f"class {i}" for i in range(77)]) for _ in range(4000)]
    started = time.perf_counter()
    for name in ENTITY:
        low, high = metrics.intervals([name], rows, found)[name]
        assert 0.5 < low < high < 0.8
    metrics.intervals(ANSWER, [gold(text) for text in words[:2000]], words[2000:])
    metrics.intervals(("macro_f1",), labels[:2000], labels[2000:])
    assert time.perf_counter() - started < 5 * 1.0, "five intervals, a second each"


def test_macro_f1_is_that_of_scikit_learn() -> None:
    dice = random.Random(1)
    right, found = ([dice.choice("abcde") for _ in range(200)] for _ in range(2))
    expected = f1_score(right, found, average="macro")
    assert metrics.score(("macro_f1",), right, found)["macro_f1"] == pytest.approx(expected)
    weighted = metrics.METRICS["macro_f1"].weighted
    assert weighted and weighted(right, found)(np.ones(200)) == pytest.approx(expected)
