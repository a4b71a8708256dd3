"""What a tab says of an answer besides the answer."""

from __future__ import annotations

import html
from typing import Any

import pytest

from playground.i18n import LANGUAGES, translate
from playground.ui import answers

ROW = {"text": "居里夫人", "question": "谁？", "context": "居里夫人"}
FOUND = {"answer": "居里夫人", "start": 0, "end": 4, "score": 0.5}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("shown", "output"),
    [(answers.scores, [{"label": "a", "score": 1.0}]), (answers.entities, []), (answers.answer, FOUND)],
)
def test_a_text_in_a_language_that_the_model_has_not_read_is_said_to_be_one(lang: str, shown: Any, output: Any) -> None:
    plain = {"alternatives": []}
    for base, instead, key in (
        ("minilm", "owner/chinese", "ui.foreign"),
        ("minilm", "", "ui.foreign.none"),
        ("", "owner/english", "ui.foreign.chinese"),
        ("", "", "ui.foreign.chinese.none"),
    ):
        said = translate(lang, key, base=base, instead=instead)
        told = shown(ROW, output, plain | {"base": base, "instead": instead}, lang)
        assert said in html.unescape(str(told))
    assert "minilm" not in str(shown(ROW, output, plain, lang))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_text_from_elsewhere_says_how_it_came_about(lang: str) -> None:
    details = {"tokens": 3, "tokens_per_second": 1.0, "retries": 2, "unsent": ["top_k", "min_p"], "ended": "server"}
    _, note, _ = answers.written({}, {"generated_text": "x"}, details, lang)
    for key, values in (
        ("ui.written.unsent", {"knobs": [translate(lang, f"param.{name}") for name in ("generation.top_k", "min_p")]}),
        ("ui.written.retries", {"retries": 2}),
        ("ui.ended.server", {}),
    ):
        assert translate(lang, key, **values) in note
    _, note, _ = answers.written({}, {"generated_text": "x"}, {**details, "unsent": [], "retries": 0}, lang)
    assert translate(lang, "param.min_p") not in note
