"""Every word a user reads: a key and values here, text only at the edge (page, command line).

The catalogs are the YAML files beside this one; each key holds its English and its Chinese, so
that a missing translation is visible where the key is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

import yaml

from playground.languages import name_of

LANGUAGES: tuple[str, ...] = ("en", "zh")


@dataclass(frozen=True)
class Message:
    """A sentence that is not yet in a language: a catalog key and the values it mentions.

    Values are strings, numbers, or Messages and LanguageNames (rendered in the same language as the sentence).
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "values": {name: _to_json(value) for name, value in self.values.items()}}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Message:
        values = {name: _from_json(value) for name, value in data.get("values", {}).items()}
        return Message(str(data["key"]), values)


@dataclass(frozen=True)
class LanguageName:
    """A language that a sentence mentions, by its BCP-47 code."""

    code: str


def msg(key: str, /, **values: Any) -> Message:
    """Short for Message(key, values)."""
    return Message(key, values)


@lru_cache(maxsize=1)
def catalog() -> dict[str, dict[str, str]]:
    """{key: {language: text}} from every YAML file of this folder."""
    entries: dict[str, dict[str, str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        for key, texts in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if key in entries:
                raise ValueError(f"{path.name}: the key {key} is already in another catalog")
            entries[key] = texts
    return entries


def render(message: Message, lang: str) -> str:
    """The sentence in a language. An unknown key raises KeyError: it is a fault of ours."""
    text = catalog()[message.key][lang]
    return (
        text.format(**{name: _show(value, lang) for name, value in message.values.items()}) if message.values else text
    )


def translate(lang: str, key: str, /, **values: Any) -> str:
    """render(Message(key, values), lang)."""
    return render(Message(key, values), lang)


def join(*sentences: str, lang: str) -> str:
    """Sentences one after the other; Chinese has no blank between them, and none is set before a new line."""
    joined = ""
    for sentence in filter(None, sentences):
        blank = " " if joined and lang != "zh" and not sentence.startswith("\n") else ""
        joined += blank + sentence
    return joined


def lines(messages: Sequence[Message]) -> Message:
    """One or more messages as one, each on a line of its own."""
    return reduce(lambda above, below: msg("text.lines", above=above, below=below), messages)


def duration(seconds: float) -> Message:
    """Seconds as people say them."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return msg("ui.seconds", seconds=seconds)
    if seconds < 3600:
        return msg("ui.minutes", minutes=seconds // 60, seconds=seconds % 60)
    return msg("ui.hours", hours=seconds // 3600, minutes=seconds % 3600 // 60)


def choose_language(accept_language: str) -> str:
    """The first of our languages in an Accept-Language header, else English."""
    for part in accept_language.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def terminal_language(lang: str = "auto") -> str:
    """The language of what is printed: the one asked for, else the terminal's, read as gettext does."""
    if lang in LANGUAGES:
        return lang
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return choose_language(locale.replace("_", "-"))


def _show(value: Any, lang: str) -> Any:
    if isinstance(value, Message):
        return render(value, lang)
    if isinstance(value, LanguageName):
        return name_of(value.code, lang)
    if isinstance(value, (list, tuple)):
        separator = "、" if lang == "zh" else ", "
        return separator.join(str(_show(item, lang)) for item in value)
    return value


def _to_json(value: Any) -> Any:
    if isinstance(value, Message):
        return {"message": value.to_json()}
    if isinstance(value, LanguageName):
        return {"language": value.code}
    return [_to_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and "message" in value:
        return Message.from_json(value["message"])
    if isinstance(value, dict) and "language" in value:
        return LanguageName(str(value["language"]))
    return [_from_json(item) for item in value] if isinstance(value, list) else value
