"""What the server logs, on its standard error: never a key or a token that it holds."""

from __future__ import annotations

import logging

from playground.models import endpoints
from playground.settings import settings

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SHORTEST = 6
"""Characters of a secret. A shorter one stands in many a word, and guards nothing."""
HIDDEN = "***"


def begin() -> None:
    """Log warnings and what is worse, of this program and of all libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacted(LINE))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class Redacted(logging.Formatter):
    """Lines and tracebacks without secrets: a library's exception may quote the header that it could not send."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in secrets():
            text = text.replace(secret, HIDDEN)
        return text


def secrets() -> list[str]:
    """The Hub's token, also the one that its own login has kept, and the keys of endpoints; longest first."""
    from huggingface_hub import get_token

    kept = [settings().hf_token, *(endpoint.key for endpoint in endpoints.known().values())]
    found = {secret.get_secret_value() for secret in kept} | {get_token() or ""}
    return sorted((secret for secret in found if len(secret) >= SHORTEST), key=len, reverse=True)
