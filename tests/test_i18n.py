"""Every sentence exists in both languages, and every key that code names exists."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.i18n import LANGUAGES, Message, catalog, choose_language, render, translate

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*sorted((ROOT / "playground").rglob("*.py")), ROOT / "app.py"]
MAKERS = {"msg", "Message", "translate", "text", "PlaygroundError"}
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def named_keys() -> Iterator[tuple[str, str]]:
    """(key, place) of every catalog key that stands whole in the source."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            maker = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if maker not in MAKERS:
                continue
            words = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            if maker == "PlaygroundError":
                yield from ((f"error.{word}{end}", place) for word in words[:1] for end in ("", ".hint"))
            else:
                yield from ((word, place) for word in words if KEY.fullmatch(word))


def test_every_key_that_code_names_exists() -> None:
    missing = [f"{place}: {key}" for key, place in named_keys() if key not in catalog()]
    assert not missing, "\n".join(missing)


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


def test_chinese_is_chinese() -> None:
    """A Chinese text with words but no Chinese character was left untranslated (names of things aside)."""
    same = set()
    for key, texts in catalog().items():
        words = re.sub(r"\{[^}]*\}", "", texts["zh"])
        if re.search(r"[A-Za-z]{3}", words) and not re.search(r"[\u4e00-\u9fff]", words):
            same.add(key)
    # "English" on the Chinese page is the switch back, in its own language; the other is a remedy made elsewhere.
    assert same <= {"ui.other_language", "error.run_failed.hint"}, same


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
