"""BLEU and chrF are sacrebleu's, also for rows of two languages and for resamples."""

from __future__ import annotations

import random
import re
import time

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from playground.services import metrics
from playground.services.metrics.trust import wilson

BOTH = ("bleu", "chrf")
WORDS = re.findall(r"\S+", 'the a red small fox dog cat jumps over sleeps under , . ! "no" it\'s U.S. 3.5%')
HAN = list("我你他们去了学校北京天气很好吃饭看书，。！3A")


def pairs(words: list[str], glue: str, count: int, seed: int) -> tuple[list[str], list[str]]:
    """Sentences, and the same with a third of their words changed."""
    dice = random.Random(seed)
    gold = [[dice.choice(words) for _ in range(dice.randint(1, 14))] for _ in range(count)]
    found = [[word if dice.random() < 0.7 else dice.choice(words) for word in row] for row in gold]
    return [glue.join(row) for row in gold], [glue.join(row) for row in found]


@pytest.mark.parametrize(("words", "glue", "tokenize"), [(WORDS, " ", "13a"), (HAN, "", "zh")])
def test_one_language_scores_as_sacrebleu_says(words: list[str], glue: str, tokenize: str) -> None:
    gold, found = pairs(words, glue, 60, 1)
    gold = [f"好{text}" if tokenize == "zh" else text for text in gold]
    expected = {
        "bleu": BLEU(tokenize=tokenize).corpus_score(found, [gold]).score / 100,
        "chrf": CHRF().corpus_score(found, [gold]).score / 100,
    }
    assert metrics.score(BOTH, gold, found) == pytest.approx(expected, abs=1e-12)
    assert 0.2 < expected["bleu"] < 0.8


@pytest.mark.parametrize("name", BOTH)
def test_a_weight_is_a_row_that_many_times_in_either_language(name: str) -> None:
    english, chinese = pairs(WORDS, " ", 20, 2), pairs(HAN, "", 20, 3)
    gold, found = english[0] + chinese[0], english[1] + chinese[1]
    metric = metrics.METRICS[name]
    assert metric.weighted is not None
    scored = metric.weighted(gold, found)
    for seed in range(5):
        picked = np.random.default_rng(seed).integers(0, 40, 40)
        written_out = metric.value([gold[i] for i in picked], [found[i] for i in picked])
        assert scored(np.bincount(picked, minlength=40)) == pytest.approx(written_out, abs=1e-12)


def test_chinese_is_counted_by_character_and_not_by_sentence() -> None:
    """With the tokenizer of English, a Chinese sentence is one word, and nearly right is all wrong."""
    gold, found = ["我们明天早上去北京的学校。"], ["我们明天早上去北京的医院。"]
    assert metrics.score(("bleu",), gold, found)["bleu"] > 0.6
    assert BLEU(tokenize="13a").corpus_score(found, [gold]).score < 10


@pytest.mark.parametrize(
    ("gold", "found", "value"),
    [(["a b c d"], [""], 0.0), (["a b c d e"], ["a b c d e"], 1.0), (["你好吗我很好"], ["x"], 0.0)],
)
def test_the_ends_of_the_scale(gold: list[str], found: list[str], value: float) -> None:
    assert metrics.score(BOTH, gold, found) == pytest.approx(dict.fromkeys(BOTH, value))
    # Of one row nobody knows what others would score.
    for interval in metrics.intervals(BOTH, gold, found).values():
        assert interval == pytest.approx(wilson(round(value), 1))


def test_intervals_of_five_hundred_rows_take_seconds() -> None:
    gold, found = pairs(WORDS, " ", 500, 4)
    started = time.perf_counter()
    values, intervals = metrics.score(BOTH, gold, found), metrics.intervals(BOTH, gold, found)
    assert time.perf_counter() - started < 10
    for name in BOTH:
        low, high = intervals[name]
        assert 0 < low < values[name] < high < 1 and high - low < 0.1
    assert metrics.interval_methods(BOTH) == dict.fromkeys(BOTH, "bootstrap")


def test_rouge_l_is_google_s_for_english_and_by_character_for_chinese() -> None:
    gold = ["The police killed the gunman.", "警察击毙了枪手。"]
    found = ["The gunman killed the police!", "枪手被警察击毙"]
    scorer = RougeScorer(["rougeL"])
    english = scorer.score(gold[0], found[0])["rougeL"].fmeasure
    assert metrics.score(["rouge_l"], gold[:1], found[:1])["rouge_l"] == pytest.approx(english)
    spaced = scorer.score("a b c d e f g", "f g h a b c d")["rougeL"].fmeasure  # the same with a letter a character
    assert metrics.score(["rouge_l"], gold[1:], found[1:])["rouge_l"] == pytest.approx(spaced)
    assert metrics.score(["rouge_l"], gold, found)["rouge_l"] == pytest.approx((english + spaced) / 2)
    assert metrics.score(["rouge_l"], ["好"], [""])["rouge_l"] == 0
