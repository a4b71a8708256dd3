"""Every usual objection to a command is a sentence of ours."""

from __future__ import annotations

import pytest

from playground.arguments import REASONS, Parser
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
    ],
)
def test_what_is_wrong_is_said_in_the_readers_language(words: list[str], sentence: str) -> None:
    for lang in LANGUAGES:
        parser = Parser(lang=lang, prog="it")
        parser.add_argument("file")
        parser.add_argument("--way", choices=("a", "b"))
        parser.add_argument("--port", type=int)
        with pytest.raises(PlaygroundError) as caught:
            parser.parse_args(words)
        reason = caught.value.message.values["reason"]
        assert isinstance(reason, Message) and reason.key == f"cli.wrong.{sentence}"
        said = caught.value.text(lang)
        assert translate(lang, reason.key, **reason.values) in said
        assert "it [-h] [--way {a,b}] [--port PORT] file" in said
    assert len(REASONS) == 5
