"""Who asks: on a laptop one owner; elsewhere whoever holds a token, which the browser keeps as a cookie.

The token never leaves the browser but for this server; folders and ids are named by its hash. Code sends it as
`Authorization: Bearer …`. A caller without one is a guest, who may ask models and keep nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, choose_language
from playground.runs import GUEST, LOCAL
from playground.services import limits
from playground.ui.guard import UPLOAD_PATH

COOKIE = "playground_owner"
HEADER = "x-playground-owner"
"""How the owner reaches the handlers. What a request brings under this name is dropped."""
TOKEN = re.compile(r"[0-9a-f]{32}")
TOO_MUCH = 429
YEAR = 365 * 24 * 3600


def owner_of(token: str) -> str:
    """The owner's name on disk, from which the token cannot be told."""
    return f"v-{hashlib.sha256(token.encode()).hexdigest()[:32]}"


def token_of(headers: Mapping[str, str]) -> str:
    """The token that a request brings, "" where it brings none that this server could have given."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer if TOKEN.fullmatch(bearer) else ""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel and TOKEN.fullmatch(morsel.value) else ""


class OwnerMiddleware:
    """ASGI middleware: tells handlers the owner, and gives a new visitor's browser a token.

    apart     whether there are several owners; else everything is the one local owner's
    embedded  whether the page is shown in a frame of another site, as a Space is: its cookies must say so
    """

    def __init__(self, app: ASGIApp, *, apart: bool, embedded: bool = False) -> None:
        self.app = app
        self.apart = apart
        self.embedded = embedded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = token_of(Headers(scope=scope)) if self.apart else ""
        fresh = ""
        if self.apart and not token and scope["method"] == "GET" and scope["path"].strip("/") in LANGUAGES:
            token = fresh = secrets.token_hex(16)
        owner = owner_of(token) if token else GUEST if self.apart else LOCAL
        headers = Headers(scope=scope)
        if self.apart and scope["method"] == "POST" and scope["path"] == UPLOAD_PATH:
            try:
                limits.take_upload(owner, int(headers.get("content-length", "0")))
            except PlaygroundError as error:
                text = error.text(choose_language(headers.get("accept-language", "")))
                await PlainTextResponse(text, TOO_MUCH)(scope, receive, send)
                return
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != HEADER.encode()]
        scope = {**scope, "headers": [*kept, (HEADER.encode(), owner.encode())]}

        async def send_with_cookie(message: Message) -> None:
            if fresh and message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", self._cookie(fresh))
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    def _cookie(self, token: str) -> str:
        where = "Secure; SameSite=None; Partitioned" if self.embedded else "SameSite=Lax"
        return f"{COOKIE}={token}; Path=/; Max-Age={YEAR}; HttpOnly; {where}"
