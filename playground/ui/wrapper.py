"""The one wrapper around every handler: who asks, in which language, and what a failure looks like."""

from __future__ import annotations

import asyncio
import html
import inspect
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_type_hints

import gradio as gr
from gradio.exceptions import InvalidPathError

from playground.errors import PlaygroundError, full_disk
from playground.i18n import choose_language, translate
from playground.runs import GUEST, LOCAL
from playground.settings import settings
from playground.ui.owners import HEADER, token_of

log = logging.getLogger("playground")
UNMARKED: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}
"""Arguments of an event that nobody calls by name, and during which nothing is drawn over what it changes.

Without the empty list Gradio notes at each step of each event the state of all outputs that there have been so far,
and looks each up from the page's root: that was most of what opening the page took.
"""
QUIET: dict[str, Any] = {"queue": False, **UNMARKED}
"""Arguments of such an event that is answered at once."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Every handler takes one as its first argument and hands `owner` to the services.

    token   what tells the owner, "" where nobody is told apart
    origin  where the page was found: "http://127.0.0.1:7860"
    """

    owner: str
    lang: str
    query: dict[str, str]
    token: str = ""
    origin: str = ""

    def text(self, key: str, /, **values: Any) -> str:
        """A sentence of the catalogs in the visitor's language."""
        return translate(self.lang, key, **values)


def guarded(handler: Callable[..., Any], lang: str = "") -> Callable[..., Any]:
    """The handler as Gradio may call it: a Request in place of the Visitor, failures as gr.Error.

    With `lang` the handler belongs to a page in that language; without, to the API, where the
    request's Accept-Language decides. A PlaygroundError becomes its message and remedy; anything
    else an apology with an id that the log holds beside the traceback.
    """

    def visitor_of(request: gr.Request) -> Visitor:
        token = token_of(request.headers) if request else ""
        return Visitor(_owner(request), lang or _language(request), _query(request), token, _origin(request))

    def wrapped(request: gr.Request, *args: Any, **kwargs: Any) -> Any:
        visitor = visitor_of(request)
        with _told(visitor, handler, page=bool(lang)):
            return handler(visitor, *args, **kwargs)

    def wrapped_generator(request: gr.Request, *args: Any, **kwargs: Any) -> Iterator[Any]:
        visitor = visitor_of(request)
        with _told(visitor, handler, page=bool(lang)):
            yield from handler(visitor, *args, **kwargs)

    return _signed(wrapped_generator if inspect.isgeneratorfunction(handler) else wrapped, handler)


class Pages(gr.Blocks):
    """Blocks that say why where Gradio refuses what a call brings before its handler sees it."""

    async def preprocess_data(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().preprocess_data(*args, **options)
        except InvalidPathError:
            # In English: whose language it is that Gradio does not say here, and a page brings no such file.
            raise _shown(PlaygroundError("no_upload").text("en"), page=False) from None


@contextmanager
def _told(visitor: Visitor, handler: Callable[..., Any], *, page: bool) -> Iterator[None]:
    """Failures of the block as gr.Error."""
    try:
        yield
    except (GeneratorExit, KeyboardInterrupt, asyncio.CancelledError, gr.Error):
        raise
    except PlaygroundError as error:
        raise _shown(error.text(visitor.lang), page=page) from None
    except BaseException as error:  # a Rust panic and SystemExit are no Exception, and must not end the server
        if full := full_disk(error):
            raise _shown(full.text(visitor.lang), page=page) from None
        number = secrets.token_hex(4)
        log.exception("error %s in %s", number, handler.__qualname__)
        raise _shown(visitor.text("ui.error.sorry", id=number), page=page) from None


def _signed(wrapped: Callable[..., Any], handler: Callable[..., Any]) -> Callable[..., Any]:
    """Give the wrapper the handler's name, arguments and types: Gradio reads endpoints off them."""
    signature = inspect.signature(handler)
    hints = get_type_hints(handler) | {
        p.name: p.annotation for p in signature.parameters.values() if not isinstance(p.annotation, str)
    }
    arguments = [p.replace(annotation=hints.get(p.name, Any)) for p in list(signature.parameters.values())[1:]]
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    signed = wraps(handler)(wrapped)
    del signed.__wrapped__
    signed.is_guarded = True  # type: ignore[attr-defined]  # a test looks for it on every event of the page
    signed.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[request, *arguments], return_annotation=hints.get("return", inspect.Signature.empty)
    )
    signed.__annotations__ = {"request": gr.Request, **{p.name: p.annotation for p in arguments}}
    return signed


def _shown(text: str, *, page: bool) -> gr.Error:
    """Text as an error. Pages render it as HTML, so there it is made HTML; it stays until it is closed."""
    return gr.Error(html.escape(text).replace("\n", "<br>") if page else text, duration=None, print_exception=False)


def _owner(request: gr.Request | None) -> str:
    """As OwnerMiddleware told it; where there is none in between, this machine's own, which no public page has."""
    nobody = GUEST if settings().public else LOCAL
    return request.headers.get(HEADER, nobody) if request else nobody


def _language(request: gr.Request | None) -> str:
    return choose_language(request.headers.get("accept-language", "") if request else "")


def _origin(request: gr.Request | None) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}" if request else ""


def _query(request: gr.Request | None) -> dict[str, str]:
    return dict(request.query_params) if request else {}
