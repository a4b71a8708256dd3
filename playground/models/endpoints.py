"""Models that run elsewhere: `endpoint/<name>`, from the settings and, on one's own machine, from the page.

What the page adds is kept in the data folder, in a file that only its owner may read: it holds keys.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.settings import Endpoint, settings

ENDPOINT = "endpoint/"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def known() -> dict[str, Endpoint]:
    """{name: endpoint}; those of the settings come first. Visitors of a public page are offered no others."""
    return {**({} if settings().public else _kept()), **settings().endpoints}


def get(name: str) -> Endpoint:
    """The endpoint of that name, or a PlaygroundError that lists those there are."""
    found = known().get(name)
    if found is None:
        raise PlaygroundError("unknown_endpoint", name=name[:80], endpoints=sorted(known()))
    return found


@cache
def providers() -> tuple[str, ...]:
    """The Hub's inference providers that one can talk to; "auto" leaves the choice to one's settings there."""
    from huggingface_hub.inference._providers import PROVIDERS  # its client knows no more public list

    # OpenAI takes no token of the Hub; its address works as a server's.
    return "auto", *sorted(name for name, tasks in PROVIDERS.items() if "conversational" in tasks and name != "openai")


def add(name: str, *, url: str, model: str, key: str = "", provider: str = "") -> str:
    """Keep an endpoint under a name; its id. Raises PlaygroundError for what cannot be one."""
    if settings().public:
        raise PlaygroundError("endpoints_closed")
    name, url, model, provider = name.strip().lower(), url.strip(), model.strip(), provider.strip()
    if not NAME.fullmatch(name):
        raise PlaygroundError("endpoint_name", name=name[:40])
    if bool(url) == bool(provider):
        raise PlaygroundError("endpoint_incomplete")
    if provider and provider not in providers():
        raise PlaygroundError("unknown_provider", provider=provider[:40], providers=list(providers()))
    if provider and not model:
        raise PlaygroundError("endpoint_without_model", provider=provider)
    try:
        made = Endpoint(url=url, model=model, key=SecretStr(key), provider=provider)
    except ValidationError as error:
        where, value, why = first_fault(error)
        raise PlaygroundError("bad_endpoint", field=where, value=str(value)[:80], reason=why) from None
    _write({**_written(), name: {**made.model_dump(), "key": made.key.get_secret_value()}})
    return ENDPOINT + name


def remove(name: str) -> None:
    """Forget what the page added under a name."""
    _write({other: one for other, one in _written().items() if other != name})


def where(endpoint: Endpoint) -> str:
    """The machine that answers, for people: its name and port, or the provider."""
    return urlsplit(endpoint.url).netloc.rpartition("@")[2] or endpoint.provider


def _path() -> Path:
    return settings().home / "endpoints.json"


def _written() -> dict[str, Any]:
    """What the file holds, read or not."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _kept() -> dict[str, Endpoint]:
    found = {}
    for name, one in _written().items():
        with suppress(ValidationError):  # one that cannot be used costs no other
            if NAME.fullmatch(name):
                found[name] = Endpoint.model_validate(one)
    return found


def _write(content: dict[str, Any]) -> None:
    _path().parent.mkdir(parents=True, exist_ok=True)
    aside = _path().with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
    os.replace(aside, _path())
