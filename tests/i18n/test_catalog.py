"""Every sentence exists in both languages, and every key that code names exists."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, Message, catalog, choose_language, join, msg, render, translate
from tests.latin import latin_words
from tests.ui.words import strangers

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted((ROOT / "playground").rglob("*.py")), ROOT / "app.py"]
MAKERS = {"msg", "Message", "translate", "text", "PlaygroundError"}
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
CJK = re.compile(r"[\u4e00-\u9fff]")
SAME_WORDS = {"ui.other_language", "error.run_failed.hint"}
"""The switch to the other language is in that language; the other is a remedy that was made elsewhere."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def nodes() -> Iterator[tuple[ast.AST, str]]:
    """Every node of every source, with the file it is in."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield node, str(path.relative_to(ROOT))


def named() -> Iterator[tuple[list[str], set[str] | None, str]]:
    """Of each making of a sentence: its catalog keys, the names of its values (None: not written out), the place."""
    for node, path in nodes():
        if not isinstance(node, ast.Call):
            continue
        maker = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        words = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if maker == "PlaygroundError":
            keys = [f"error.{word}{end}" for word in words[:1] for end in ("", ".hint")]
        else:
            keys = [word for word in words if KEY.fullmatch(word)] if maker in MAKERS else []
        if keys:
            written = {keyword.arg for keyword in node.keywords}
            whole = maker != "Message" and None not in written
            yield keys, {str(name) for name in written} if whole else None, f"{path}:{node.lineno}"


def pattern(text: ast.JoinedStr) -> str:
    """A regular expression of what an f-string can become."""
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w-]+" for part in text.values)


def test_every_key_that_code_names_exists() -> None:
    missing = [f"{place}: {key}" for keys, _, place in named() for key in keys if key not in catalog()]
    assert not missing, "\n".join(missing)


def test_every_sentence_gets_the_values_it_mentions() -> None:
    """No place stays empty, and nothing is handed over that neither the sentence nor its remedy mentions."""
    wrong = []
    for keys, values, place in named():
        mentioned = set().union(*(placeholders(catalog()[key]["en"]) for key in keys))
        if values is not None and values != mentioned:
            wrong.append(f"{place}: {keys[0]} mentions {sorted(mentioned)}, gets {sorted(values)}")
    assert not wrong, "\n".join(wrong)


def test_no_sentence_is_left_over() -> None:
    constants = {node.value for node, _ in nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    made = [pattern(node) for node, _ in nodes() if isinstance(node, ast.JoinedStr)]
    # errors.py makes error keys of any code: there the code itself must stand somewhere.
    made = [text for text in made if re.match(r"[a-z]+\\\.", text) and not text.startswith("error")]
    used = re.compile("|".join(made))
    left = []
    for key in catalog():
        # Remedies are named after what they remedy.
        whole = key.removesuffix(".hint").removesuffix(".remedy")
        stands = {key, whole, whole.removeprefix("error.")} & constants
        if not (stands or used.fullmatch(whole) or key.startswith("gradio.")):
            left.append(key)
    assert not left, left


def test_every_error_has_a_remedy() -> None:
    errors = [key for key in catalog() if key.startswith("error.") and not key.endswith(".hint")]
    assert errors
    assert [key for key in errors if f"{key}.hint" not in catalog()] == []


@pytest.mark.parametrize("key", catalog())
def test_a_sentence_exists_in_both_languages_with_the_same_places(key: str) -> None:
    texts = catalog()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(isinstance(text, str) and text.strip() for text in texts.values())
    assert placeholders(texts["en"]) == placeholders(texts["zh"])


def test_chinese_is_chinese_and_english_is_not() -> None:
    """Names of things (CPU, LoRA) aside, a Chinese text without a Chinese character was left untranslated."""
    for key, texts in catalog().items():
        if key not in SAME_WORDS:
            assert not CJK.search(texts["en"]), key
            words = re.sub(r"\{[^}]*\}", "", texts["zh"])
            assert CJK.search(words) or not re.search(r"[A-Za-z]{3}", words), key
            assert texts["en"] != texts["zh"] or not re.search(r"[A-Za-z]", words), key


def test_no_english_words_stand_in_a_chinese_sentence() -> None:
    found = {key: latin_words(re.sub(r"\{\w+[^}]*\}|%\(\w+\)s", " ", texts["zh"])) for key, texts in catalog().items()}
    assert {key: words for key, words in found.items() if words and key not in SAME_WORDS} == {}


def test_an_english_value_makes_a_chinese_sentence_a_stranger() -> None:
    def loading(reason: str) -> str:
        return translate("zh", "error.model_unloadable", model="owner/model-7b", reason=reason)

    said = [loading("文件已损坏"), loading("the file is damaged"), loading("file damaged"), "Stopping…"]
    assert strangers(said, "zh", set()) == said[1:]
    names = [loading("缺少 config.json"), loading("应为“train”"), loading("列 topic")]
    assert strangers(names, "zh", {"topic"}) == []
    assert strangers(names, "zh", set()) == names[2:]
    assert latin_words("请运行 `python -m playground runs`，或用 --set epochs=3；topics 不是 topic", {"topic"}) == [
        "topics"
    ]


def test_messages_render_nested_values_in_one_language() -> None:
    inner = Message("field.text")
    for lang in LANGUAGES:
        shown = render(Message("error.field_empty", {"field": inner}), lang)
        assert translate(lang, "field.text") in shown


def test_a_message_survives_json() -> None:
    message = Message("error.field_empty", {"field": Message("field.text"), "list": [1, "a"]})
    assert Message.from_json(message.to_json()) == message


@pytest.mark.parametrize(
    ("header", "lang"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB", "en"), ("fr,zh;q=0.5", "zh"), ("", "en"), ("de", "en")],
)
def test_the_language_of_a_browser(header: str, lang: str) -> None:
    assert choose_language(header) == lang


def test_chinese_sentences_follow_without_a_blank_and_new_lines_in_any_language() -> None:
    assert PlaygroundError("field_empty", field=msg("field.question")).text("zh") == "“问题”是空的。请先输入内容。"
    assert PlaygroundError("field_empty", field=msg("field.question")).text("en") == (
        "“question” is empty. Type something first."
    )
    assert join("One.", "", "\nTwo.", lang="en") == "One.\nTwo."
