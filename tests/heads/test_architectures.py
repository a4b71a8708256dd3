"""Every architecture for text that the library has: it answers, or says why it cannot; it never breaks the page."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, render
from playground.models.pool import pool
from playground.services.predict import predict, predict_rows
from tests.heads import architectures, language_models

TEXT = "The old dog ran to the river. Then it slept under a tree."
ROWS: dict[str, list[dict[str, str]]] = {
    "classification": [{"text": TEXT}, {"text": "The cat."}],
    "ner": [{"text": TEXT}, {"text": "The cat."}],
    "qa": [{"question": "Who ran?", "context": TEXT}, {"question": "Why?", "context": "The cat sat."}],
    "summarization": [{"text": TEXT}],
    "translation": [{"text": TEXT, "source": "en", "target": "zh"}],
    "generation": [{"text": "The old dog"}],
}
PARAMS: dict[str, dict[str, Any]] = {
    "summarization": {"max_new_tokens": 4}, "translation": {"max_new_tokens": 4, "num_beams": 2},
    "generation": {"max_new_tokens": 4, "seed": 1},
}  # fmt: skip
COMMON = (
    "albert", "bart", "bert", "camembert", "deberta-v2", "distilbert", "electra", "ernie", "gemma3", "gemma3_text",
    "gpt2", "llama", "m2m_100", "marian", "mbart", "mistral", "modernbert", "mpnet", "mt5", "opt", "pegasus", "phi3",
    "qwen2", "qwen3", "roberta", "smollm3", "t5", "xlm-roberta",
)  # fmt: skip
"""Families that people use: all of their classes work. (mT5's and T5's classifiers want an end mark in every row.)"""
EXCUSED = {("t5", "classification"), ("mt5", "classification")}
REFUSALS = {"model_cannot_run", "model_unloadable", "model_has_no_head", "prompt_too_long", "model_not_finite"}


def outcomes(family: str, folder: Path) -> dict[str, str]:
    """{task: "answers", or the code of the refusal}."""
    found = {}
    for task, model in architectures.saved(family, folder):
        try:
            answers = predict_rows(task, ROWS[task], model=str(model), params=PARAMS.get(task, {}))
            assert len(answers) == len(ROWS[task])
            found[task] = "answers"
        except PlaygroundError as error:
            found[task] = error.code if all(render(error.hint, lang) for lang in LANGUAGES) else "without a remedy"
        if found[task] == "answers" and task == "generation":
            # One that can be talked to does the other tasks, too.
            (model / "chat_template.jinja").write_text(language_models.CHATML, encoding="utf-8")
            pool.cache_clear()
            row = {"text": TEXT, "candidate_labels": "good, bad"}
            try:
                assert len(predict("classification", row, model=str(model))) == 2
            except PlaygroundError as error:  # its prompt is longer than what the smallest read
                found["chat"] = error.code
        shutil.rmtree(model)
        pool.cache_clear()
    return found


@pytest.mark.parametrize("family", COMMON)
def test_a_common_family_answers_in_every_tab_it_has_a_class_for(family: str, tmp_path: Path) -> None:
    found = outcomes(family, tmp_path)
    wrong = {task: said for task, said in found.items() if said != "answers" and (family, task) not in EXCUSED}
    assert wrong == {} and set(found) == {task for task, (_, names) in architectures.CLASSES.items() if family in names}


def test_the_tokenizers_of_common_families_are_of_their_own_classes() -> None:
    names = {family: architectures.tokenizer_name(family) for family in COMMON}
    made = {name: type(architectures.tokenizer_of(name)).__name__ for name in names.values() if name}
    assert {name: kind for name, kind in made.items() if kind != name} == {} and len(made) >= 15


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_other_family_answers_or_says_why_not(tmp_path: Path) -> None:
    others = [family for family in architectures.families() if family not in COMMON]
    found = {family: outcomes(family, tmp_path) for family in others}
    said = Counter(one for tasks in found.values() for one in tasks.values())
    assert set(said) <= {"answers", *REFUSALS}, found
    answering = [family for family, tasks in found.items() if "answers" in tasks.values()]
    assert said["answers"] > 250 and len(answering) > 150, said
