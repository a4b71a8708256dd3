"""What a request must be before Gradio sees it: from the playground's own page, to a path we offer, not too large."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, choose_language

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
BODY_BYTES = 4 * 2**20
QUEUE_FULL = 503
"""How Gradio says it, in English and without a remedy."""
UPLOAD_PATH = "/gradio_api/upload"

API = (
    r"info/?|openapi\.json|queue/(join|data)/?|call/.+|run/.+|upload|upload_progress|heartbeat/\w+|cancel|reset/?"
    r"|startup-events|theme\.css|file=.+|app_id/?|user/?|token/?|login_check/?"
)
PATHS = re.compile(
    rf"/({'|'.join(LANGUAGES)})?/?|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    rf"|/(assets|static|svelte)/.+|/gradio_api/({API})"
)
"""What the page and the clients use. Gradio serves more (deep links, monitoring, a proxy); that stays shut."""

POLICY = "; ".join((
    "default-src 'self'",
    # Gradio's page has inline scripts and its charts compile expressions.
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
))  # fmt: skip
HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin"}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether a host is an IP address. No page can make a browser send one in place of its own name."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def policy(frames: str = "") -> str:
    """The content security policy; `frames`: sites that may show the page in a frame besides its own."""
    return f"{POLICY}; frame-ancestors 'self' {frames}".rstrip()


class Guard:
    """ASGI middleware: refuses foreign hosts, cross-site writes, unknown paths and large bodies.

    public  whether other machines may ask: by address, or by one of `names`, to which more may be added later
    frames  sites that may show the page in a frame
    """

    def __init__(
        self, app: ASGIApp, *, upload_bytes: int, public: bool = False, names: Collection[str] = (), frames: str = ""
    ) -> None:
        self.app = app
        self.upload_bytes = upload_bytes
        self.public, self.names = public, names
        self.headers = {**HEADERS, "content-security-policy": policy(frames)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self.refusal(scope["method"], scope["path"], headers)
        if refusal:
            status, error = refusal
            text = error.text(choose_language(headers.get("accept-language", "")))
            await PlainTextResponse(text, status)(scope, receive, send)
            return

        full = False

        async def send_with_headers(message: Message) -> None:
            nonlocal full
            if message["type"] == "http.response.start":
                full = message["status"] == QUEUE_FULL
                MutableHeaders(scope=message).update(self.headers)
            if not full:
                await send(message)
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                text = PlaygroundError("queue_full").text(choose_language(headers.get("accept-language", "")))
                await JSONResponse({"detail": text}, QUEUE_FULL, self.headers)(scope, receive, send)

        await self.app(scope, receive, send_with_headers)

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, PlaygroundError] | None:
        """(HTTP status, why) where the request is refused."""
        # A page elsewhere can make its name resolve to 127.0.0.1 (DNS rebinding); the Host header gives it away.
        if not self._answers_to(headers.get("host", "")):
            return 403, PlaygroundError("foreign_host", host=headers.get("host", "")[:100])
        if method not in SAFE_METHODS and not _same_origin(headers):
            return 403, PlaygroundError("cross_site")
        if not PATHS.fullmatch(path):
            return 404, PlaygroundError("no_such_path")
        if method not in SAFE_METHODS:
            length = headers.get("content-length", "")
            limit = self.upload_bytes if path == UPLOAD_PATH else BODY_BYTES
            if not length.isdecimal():
                return 411, PlaygroundError("body_without_length")
            if int(length) > limit:
                return 413, PlaygroundError("body_too_large", limit_mb=limit // 2**20)
        return None

    def _answers_to(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or (self.public and (is_address(name) or name in self.names))


def _same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a writing request comes from our own page or from no page at all (curl, a client library)."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
