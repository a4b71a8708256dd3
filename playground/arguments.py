"""An argument parser in the reader's language, which refuses as everything here does."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, Message, terminal_language, translate
from playground.settings import settings

REASONS = {
    "unrecognized arguments: (?P<words>.+)": "cli.wrong.unknown",
    "the following arguments are required: (?P<words>.+)": "cli.wrong.required",
    r"argument (?P<name>[^:]+): invalid choice: (?P<value>.+) \(choose from (?P<choices>.+)\)": "cli.wrong.choice",
    r"argument (?P<name>[^:]+): invalid \w+ value: (?P<value>.+)": "cli.wrong.value",
    "argument (?P<name>[^:]+): not allowed with argument (?P<other>.+)": "cli.wrong.together",
    "argument (?P<name>[^:]+): expected .+": "cli.wrong.missing",
}
"""argparse's message -> the sentence that says it in the reader's language."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose own words come from the catalogs; a refusal is a PlaygroundError."""

    def __init__(self, *, lang: str, **options: Any) -> None:
        super().__init__(**options, add_help=False)
        self.lang = lang
        self._positionals.title = translate(lang, "cli.arguments")
        self._optionals.title = translate(lang, "cli.options")
        self.add_argument("-h", "--help", action="help", help=translate(lang, "cli.help.help"))

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", translate(self.lang, "cli.usage") + " ", 1)

    def error(self, message: str) -> NoReturn:
        raise PlaygroundError("bad_usage", reason=_reason(message), usage=" ".join(self.format_usage().split()[1:]))


def app_parser(lang: str) -> Parser:
    """The options of app.py, their help in a language."""
    parser = Parser(lang=lang, prog="app.py", description=translate(lang, "app.about"))
    parser.add_argument("--host", default=settings().host, help=translate(lang, "app.help.host"))
    parser.add_argument("--port", default=settings().port, type=int, help=translate(lang, "app.help.port"))
    parser.add_argument(
        "--lang", default=settings().lang, choices=("auto", *LANGUAGES), help=translate(lang, "app.help.lang")
    )
    parser.add_argument("--share", action="store_true", help=translate(lang, "app.help.share"))
    return parser


def _reason(message: str) -> Message | str:
    """What argparse objects to, as a sentence of ours where it is a usual one."""
    for form, sentence in REASONS.items():
        if found := re.fullmatch(form, message, re.DOTALL):
            return Message(sentence, found.groupdict())
    return message


def wished_language(words: Sequence[str]) -> str:
    """What --lang says, else the terminal's; needed before parsing, whose refusals and help are in it too."""
    for word, after in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        wished = value if equals else after
        if name == "--lang" and wished in LANGUAGES:
            return wished
    return terminal_language()
