"""Every usual objection to a command is a sentence of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.arguments import REASONS, Parser, wished_language
from playground.cli.parser import build_parser
from playground.cli.recipe import read_spec
from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, Message, translate


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--bogus", "FILE"], "unknown"),
        ([], "required"),
        (["FILE", "--way", "c"], "choice"),
        (["FILE", "--port", "x"], "value"),
        (["FILE", "--port"], "missing"),
        (["FILE", "--up", "--down"], "together"),
    ],
)
def test_what_is_wrong_is_said_in_the_readers_language(words: list[str], sentence: str) -> None:
    for lang in LANGUAGES:
        parser = Parser(lang=lang, prog="it")
        parser.add_argument("file")
        parser.add_argument("--way", choices=("a", "b"))
        parser.add_argument("--port", type=int)
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--up", action="store_true")
        either.add_argument("--down", action="store_true")
        with pytest.raises(PlaygroundError) as caught:
            parser.parse_args(words)
        reason = caught.value.message.values["reason"]
        assert isinstance(reason, Message) and reason.key == f"cli.wrong.{sentence}"
        said = caught.value.text(lang)
        assert translate(lang, reason.key, **reason.values) in said
        assert "it [-h] [--way {a,b}] [--port PORT] [--up | --down] file" in said
    assert len(REASONS) == 6


def test_parallel_files_and_a_language_for_all_rows_are_words_of_the_command_line() -> None:
    words = ["finetune", "a.en", "a.zh", "--task", "classification", "--map", "text=en", "--map", "source==en"]
    spec, paths = read_spec(build_parser("en").parse_args(words))
    assert paths == [Path("a.en"), Path("a.zh")] and spec.data == "a.en + a.zh"
    assert spec.columns == {"text": ["en"], "source": ["=en"]}


def test_the_language_of_a_command_without_words_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert wished_language([]) == wished_language(["--port", "1"]) == "zh"
    assert wished_language(["--lang", "en"]) == wished_language(["--lang=en", "x"]) == "en"
