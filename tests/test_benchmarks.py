"""What the benchmarks compute by themselves."""

from __future__ import annotations

import math

import pytest

from benchmarks import summaries
from benchmarks.load import kind
from benchmarks.poems import Verdict, judge
from benchmarks.witten_bell import WittenBell
from playground.errors import PlaygroundError
from playground.models.resolve import STARTERS_DIR


def test_witten_bell_is_a_distribution_and_prefers_what_it_saw() -> None:
    model = WittenBell(["abracadabra", "abba"], order=3)
    for context in ("", "a", "ab", "zz", "ra"):
        known = sum(model.probability(context, character) for character in "abrcd")
        assert known + model.probability(context, "?") == pytest.approx(1)
    assert model.probability("ab", "r") > model.probability("ab", "c")


def test_witten_bell_by_hand() -> None:
    # Order 1 on "aab": n = 3, t = 2, uniform over a, b and the unseen: p(a) = (2 + 2/3) / 5.
    model = WittenBell(["aab"], order=1)
    assert model.probability("", "a") == pytest.approx((2 + 2 / 3) / 5)
    assert model.bits_per_character(["a"]) == pytest.approx(-math.log2((2 + 2 / 3) / 5))


def test_poems_are_judged_by_their_lines() -> None:
    known = {"床前明月光"}
    poems = [
        "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。",
        "春风又绿江南岸，明月何时照我还。\n白日依山尽，黄河入海流。",
        "山中一夜雨，\n树杪百重泉。",
    ]
    assert judge(poems, known) == Verdict(poems=3, quatrains=1, lines=10, known=1)


def test_only_a_clear_busy_counts_as_one() -> None:
    for refusal in (PlaygroundError("busy_with_yours", most=4), PlaygroundError("queue_full")):
        assert kind(f'event: error\ndata: {{"error": "{refusal.text("en")}"}}') == "busy"
    assert kind("event: complete\ndata: []") == "answered"
    for other in ("nothing within 120 s", "event: error\ndata: Sorry, something went wrong", "", "<html>500</html>"):
        assert kind(other) not in ("busy", "answered")


@pytest.mark.parametrize("lang", summaries.LANGUAGES)
def test_the_cards_of_the_summarizers_say_what_is_measured(lang: str) -> None:
    found = summaries.measure(lang)
    for name, dash in (("README.md", "–"), ("README.zh.md", "–")):
        card = (STARTERS_DIR / f"summary-{lang}" / name).read_text(encoding="utf-8")
        for who in ("model", "lead"):
            score, (low, high) = found[who]
            assert f"{score:.3f}" in card and f"{low:.3f}{dash}{high:.3f}" in card
        assert f"p = {found['p']:.2f}" in card
