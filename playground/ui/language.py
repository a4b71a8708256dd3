"""The language of a page is decided here, by the server: path, ?lang=, cookie, --lang, Accept-Language."""

from __future__ import annotations

import asyncio
import gzip
import html
import json
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.i18n import LANGUAGES, catalog, choose_language, translate
from playground.ui.theme import HEAD

COOKIE = "playground_lang"
TAGS = {"en": "en", "zh": "zh-CN"}
"""Our language -> its BCP-47 tag, for `lang` attributes and Gradio's own words."""

SCRIPT = """<script>
((tag, title, words) => {
  for (const [name, value] of [["language", tag], ["languages", Object.freeze([tag])]])
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  window.gradio_config.title = title;
  if (!Object.keys(words).length) return;
  const attributes = ["aria-label", "title"];
  const translate = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const word = words[node.data.trim()];
      if (word) node.data = word;
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      for (const name of attributes)
        if (words[node.getAttribute(name)]) node.setAttribute(name, words[node.getAttribute(name)]);
      node.childNodes.forEach(translate);
    }
  };
  new MutationObserver((changes) => {
    for (const change of changes)
      change.type === "childList" ? change.addedNodes.forEach(translate) : translate(change.target);
  }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: attributes });
})(%s);
</script>"""
"""Gradio takes its own words from navigator.language; those it has in English alone are replaced as they appear."""

GRADIO = "gradio."
"""Catalog keys of Gradio's untranslated words; the English is what Gradio writes."""
BARE = "common."
"""Gradio's own keys that it has in no language begin so: it writes the key, in our catalog what follows GRADIO."""


NAMING = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "accept-encoding")
"""Headers that a page depends on: the address that it is found at stands in it."""
MOST_KEPT = 16
"""Pages of a megabyte each. One server has few addresses; who makes up more only has them made anew."""
Page = tuple[Message, bytes]


class LanguageMiddleware:
    """ASGI middleware: `/` goes to /en or /zh, and each of these pages is in its language down to its head.

    A page is the same for everybody, and Gradio takes long to make it (it copies and writes all its components): it
    is made once for each address. Whose it is, a cookie tells, which is set further out.
    """

    def __init__(self, app: ASGIApp, *, lang: str = "auto") -> None:
        self.app = app
        self.lang = lang
        self.kept: dict[tuple[str, ...], Page] = {}
        self.making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].strip("/") if scope["type"] == "http" else None
        if name is None or name not in ("", *LANGUAGES) or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        wished = query.pop("lang", "")
        lang = wished if wished in LANGUAGES else name or self.choose(Request(scope))
        if lang != name:
            # Relative, so that it holds behind a proxy that serves the app under a prefix.
            response = RedirectResponse(f"./{lang}" + (f"?{urlencode(query)}" if query else ""), 307)
            response.headers["cache-control"] = "no-store"
            await response(scope, receive, send)
            return
        # A deep link is another page; with HEAD there is none.
        key = () if "deep_link" in query or scope["method"] != "GET" else _key(scope, lang)
        if not key:
            await _send(send, await self._made(scope, receive, lang))
            return
        async with self.making:  # who comes meanwhile waits for it, and does not make it too
            found = self.kept.get(key) or await self._made(scope, receive, lang)
            if found[0].get("status") == 200:
                if len(self.kept) >= MOST_KEPT and key not in self.kept:
                    self.kept.clear()
                self.kept[key] = found
        await _send(send, found)

    async def _made(self, scope: Scope, receive: Receive, lang: str) -> Page:
        page = _Page(lang, compressed="gzip" in Headers(scope=scope).get("accept-encoding", ""))
        await self.app(scope, receive, page)
        return page.start, page.body

    def choose(self, request: Request) -> str:
        """The language for a visitor who named none in the address."""
        remembered = request.cookies.get(COOKIE, "")
        if remembered in LANGUAGES:
            return remembered
        return self.lang if self.lang in LANGUAGES else choose_language(request.headers.get("accept-language", ""))


def _key(scope: Scope, lang: str) -> tuple[str, ...]:
    """What tells a page from others."""
    headers = Headers(scope=scope)
    return (lang, scope["scheme"], scope.get("root_path", ""), scope["path"], *(headers.get(n, "") for n in NAMING))


async def _send(send: Send, page: Page) -> None:
    """What is further out may add headers to its own copy."""
    start, body = page
    await send({**start, "headers": list(start.get("headers", ()))})
    await send({"type": "http.response.body", "body": body})


class _Page:
    """Takes a page and rewrites its head: `lang`, title, and the tag that Gradio's own words follow."""

    def __init__(self, lang: str, compressed: bool) -> None:
        self.lang, self.compressed = lang, compressed
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(scope=self.start)
        if headers.get("content-type", "").startswith("text/html"):
            self.body = rewrite(self.body.decode(), self.lang).encode()
            headers.add_vary_header("accept-encoding")
            if self.compressed:
                self.body = gzip.compress(self.body, mtime=0)
                headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(self.body))
            headers["content-language"] = TAGS[self.lang]
            headers["cache-control"] = "no-cache"
            headers.append("set-cookie", f"{COOKIE}={self.lang}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")


def rewrite(page: str, lang: str) -> str:
    """Gradio's index page in a language. Its script runs before Gradio's, which is a (deferred) module."""
    title = translate(lang, "ui.title")
    own = {key.removeprefix(GRADIO): texts for key, texts in catalog().items() if key.startswith(GRADIO)}
    found = {key if key.startswith(BARE) else texts["en"]: texts[lang] for key, texts in own.items()}
    words = {written: word for written, word in found.items() if written != word}
    arguments = ", ".join(json.dumps(value, ensure_ascii=False) for value in (TAGS[lang], title, words))
    head = f"<title>{html.escape(title)}</title>" + SCRIPT % arguments + HEAD
    return page.replace('lang="en"', f'lang="{TAGS[lang]}"', 1).replace("</head>", f"{head}</head>", 1)
