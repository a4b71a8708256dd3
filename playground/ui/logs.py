"""What the server says on its standard error, by whatever way: never a key or a token that it holds."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, cast
from urllib.parse import unquote, urlsplit

from playground.models import endpoints
from playground.settings import settings

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SHORTEST = 6
"""Characters of a secret. A shorter one stands in many a word, and guards nothing."""
HIDDEN = "***"


class Redacted:
    """A stream that everything goes through: also tracebacks that a library prints, and handlers of its own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        for secret in secrets():
            text = text.replace(secret, HIDDEN)
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def begin() -> None:
    """Log warnings and what is worse, of this program and of all libraries, and hide secrets from now on."""
    before, sys.stderr = sys.stderr, cast(TextIO, Redacted(sys.stderr))
    # Libraries that were imported earlier have taken the stream as it was.
    for logger in (logging.getLogger(), *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                handler.setStream(sys.stderr)
    logging.basicConfig(level=logging.WARNING, format=LINE)


def secrets() -> list[str]:
    """The Hub's token, also the one that its own login has kept, and keys and passwords of endpoints; longest first.

    What cannot be read is left out: a line is never lost for it.
    """
    found = {settings().hf_token.get_secret_value()}
    with suppress(Exception):
        for endpoint in endpoints.known().values():
            password = urlsplit(endpoint.url).password or ""
            found |= {endpoint.key.get_secret_value(), password, unquote(password)}
    with suppress(Exception):
        from huggingface_hub import get_token

        found.add(get_token() or "")
    return sorted((secret for secret in found if len(secret) >= SHORTEST), key=len, reverse=True)
