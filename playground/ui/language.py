"""The language of a page is decided here, by the server: path, ?lang=, cookie, --lang, Accept-Language."""

from __future__ import annotations

import html
import json
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.i18n import LANGUAGES, catalog, choose_language, translate

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


class LanguageMiddleware:
    """ASGI middleware: `/` goes to /en or /zh, and each of these pages is in its language down to its head."""

    def __init__(self, app: ASGIApp, *, lang: str = "auto") -> None:
        self.app = app
        self.lang = lang

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
        await self.app(scope, receive, _Page(send, lang))

    def choose(self, request: Request) -> str:
        """The language for a visitor who named none in the address."""
        remembered = request.cookies.get(COOKIE, "")
        if remembered in LANGUAGES:
            return remembered
        return self.lang if self.lang in LANGUAGES else choose_language(request.headers.get("accept-language", ""))


class _Page:
    """Sends a page with its head rewritten: `lang`, title, and the tag that Gradio's own words follow."""

    def __init__(self, send: Send, lang: str) -> None:
        self.send = send
        self.lang = lang
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
            headers["content-length"] = str(len(self.body))
            headers["content-language"] = TAGS[self.lang]
            headers["cache-control"] = "no-cache"
            headers.append("set-cookie", f"{COOKIE}={self.lang}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")
        await self.send(self.start)
        await self.send({"type": "http.response.body", "body": self.body})


def rewrite(page: str, lang: str) -> str:
    """Gradio's index page in a language. Its script runs before Gradio's, which is a (deferred) module."""
    title = translate(lang, "ui.title")
    words = {texts["en"]: texts[lang] for key, texts in catalog().items() if key.startswith(GRADIO) and lang != "en"}
    arguments = ", ".join(json.dumps(value, ensure_ascii=False) for value in (TAGS[lang], title, words))
    head = f"<title>{html.escape(title)}</title>" + SCRIPT % arguments
    return page.replace('lang="en"', f'lang="{TAGS[lang]}"', 1).replace("</head>", f"{head}</head>", 1)
