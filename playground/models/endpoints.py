"""Models that run elsewhere: `endpoint/<name>`, from the settings and, on one's own machine, from the page.

What the page adds is kept in the data folder, in a file that only its owner may read: it holds keys.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock
from pydantic import SecretStr, ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.settings import Endpoint, settings

ENDPOINT = "endpoint/"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
USER_INFO = re.compile(r"\S*@")
"""User and password of an address, with all that stands before them without a blank."""


def known() -> dict[str, Endpoint]:
    """{name: endpoint}; those of the settings come first. Visitors of a public page are offered no others."""
    return {**({} if settings().public else _kept()), **settings().endpoints}


def get(name: str) -> Endpoint:
    """The endpoint of that name, or a PlaygroundError that lists those there are."""
    found = known().get(name)
    if found is None:
        if not settings().public:
            _written()  # a file that cannot be read is why
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
    _check_own_page()
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
        value = USER_INFO.sub("", str(value))[:80]
        raise PlaygroundError("bad_endpoint", field=where, value=value, reason=why) from None
    with _changed() as content:
        content[name] = {**made.model_dump(), "key": made.key.get_secret_value()}
    return ENDPOINT + name


def remove(model_id: str) -> None:
    """Forget an endpoint that the page added. Raises PlaygroundError for any other model."""
    _check_own_page()
    with _changed() as content:
        if not model_id.startswith(ENDPOINT) or content.pop(model_id.removeprefix(ENDPOINT), None) is None:
            raise PlaygroundError("endpoint_not_added", model=model_id[:80])


def where(name: str, endpoint: Endpoint) -> str:
    """The machine that answers, for people: its name and port, or the provider; for visitors no more than its name."""
    if endpoint.url and settings().public:
        return name
    return urlsplit(USER_INFO.sub("//", endpoint.url)).netloc or endpoint.provider


def told(name: str, endpoint: Endpoint, text: str) -> str:
    """What is said of an endpoint as people may read it: without user and password, for visitors without address."""
    if "@" in endpoint.url:
        text = USER_INFO.sub("", text)
    if endpoint.url and settings().public:
        host = re.escape(urlsplit(endpoint.url).hostname or endpoint.url)
        text = re.sub(rf"https?://\S+|(?<!\w){host}(?!\w)(:\d+)?", lambda _: name, text, flags=re.IGNORECASE)
    return text


def _check_own_page() -> None:
    if settings().public:
        raise PlaygroundError("endpoints_closed")


def _path() -> Path:
    return settings().home / "endpoints.json"


def _written() -> dict[str, Any]:
    """What the file holds, whether it can be used or not. Raises PlaygroundError where it cannot be read as a whole."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PlaygroundError("endpoints_unreadable", file=str(_path()))
    return found


def _kept() -> dict[str, Endpoint]:
    found = {}
    with suppress(PlaygroundError):  # the page opens without them
        for name, one in _written().items():
            with suppress(ValidationError):  # one that cannot be used costs no other
                if NAME.fullmatch(name):
                    found[name] = Endpoint.model_validate(one)
    return found


@contextmanager
def _changed() -> Iterator[dict[str, Any]]:
    """What the file holds, to be changed by the block and then written: by one at a time, in whatever process."""
    _path().parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_path().with_suffix(".lock")):
        content = _written()
        yield content
        aside = _path().with_suffix(".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
        os.replace(aside, _path())
