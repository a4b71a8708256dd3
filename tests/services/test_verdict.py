"""What a scorecard says in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from playground.i18n import LANGUAGES, translate
from playground.services import verdict
from playground.services.metrics import calibration


def comparison(outcome: str, **parts: Any) -> dict[str, Any]:
    return {
        "rival": "linear_probe", "metric": "accuracy", "tuned": 0.9, "other": 0.8, "difference": 0.1,
        "interval": [0.05, 0.151], "p": 0.0004, "test": "mcnemar", "outcome": outcome, "rows_better": 30,
        "rows_worse": 10, **parts,
    }  # fmt: skip


def report(*comparisons: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"comparisons": list(comparisons), "rows": {"train": 800, "held_out": 1200}, "metrics": {}, **parts}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("outcome", ["better", "worse", "same", "few"])
def test_every_outcome_has_its_sentence(outcome: str, lang: str) -> None:
    said = verdict.verdict(report(comparison(outcome)), lang)
    assert translate(lang, "rival.linear_probe") in said
    assert "90.0" in said and "80.0" in said and "+5.0" in said
    assert translate(lang, "points", value="").strip() in said
    also = verdict.verdict(report(comparison(outcome), comparison(outcome, rival="before")), lang)
    assert also.startswith(said) and translate(lang, "rival.before") in also.removeprefix(said)


def test_the_test_is_named_with_its_rows() -> None:
    (said,) = verdict.tested(report(comparison("better")), "en")
    assert said == (
        "Beside the linear probe: better on 30 rows, worse on 10, even on 1,160. The difference in accuracy is "
        "+10.0 points (95 % interval +5.0 to +15.1 points; McNemar's exact test: p < 0.001)."
    )


def test_a_cost_has_neither_percent_nor_points() -> None:
    found = comparison("few", metric="perplexity", tuned=20.0, other=21.5, interval=[-3.0, 0.25], rival="before")
    said = verdict.verdict(report(found, lower_is_better=["perplexity"]), "en")
    assert said.startswith("Perplexity 20.00, beside 21.50 of ")
    assert "the difference may be −3.00 to +0.25)" in said
    assert "%" not in said and "points" not in said


def test_a_report_from_before_the_test_claims_nothing() -> None:
    old = {"metrics": {"nearest": {"chrf": 0.25}, "before": {"chrf": 0.03}, "tuned": {"chrf": 0.1}}}
    said = verdict.verdict(old, "en")
    assert said.startswith("chrF 10.0 %, beside 25.0 % of the nearest training sentence.")
    assert list(verdict.tested(old, "en")) == []


@pytest.mark.parametrize(
    ("sure", "right", "count", "kind"),
    [(0.9, 0.6, 500, "over"), (0.6, 0.9, 500, "under"), (0.9, 0.9, 500, "fair"), (0.9, 0.1, 50, "few")],
)
def test_calibration_in_words(sure: float, right: float, count: int, kind: str) -> None:
    found = calibration([sure] * count, [number < right * count for number in range(count)])
    said = verdict.calibration(found, "en")
    words = {"score": f"{100 * sure:.1f} %", "right": f"{100 * right:.1f} %", "count": f"{count:,}"}
    error = verdict.percent(abs(sure - right), "en")
    assert said == translate("en", f"calibration.{kind}", error=error, **words)


def test_errors_that_cancel_out_are_errors() -> None:
    found = calibration([0.9] * 200 + [0.2] * 200, [False] * 100 + [True] * 100 + [True] * 120 + [False] * 80)
    assert found["score"] == pytest.approx(found["right"])
    assert "not answer by answer" in verdict.calibration(found, "en")


def test_few_rows_are_said_to_be_few() -> None:
    assert verdict.support(1200, "en") == "1,200"
    assert verdict.support(9, "en") == "9, too few to tell"
