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

from playground.errors import PlaygroundError
from playground.i18n import choose_language, translate

log = logging.getLogger("playground")

OWNER = "local"
"""The owner of everything: until the page knows visitors apart there is one, on this machine."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Every handler takes one as its first argument and hands `owner` to the services."""

    owner: str
    lang: str
    query: dict[str, str]

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
        return Visitor(OWNER, lang or _language(request), _query(request))

    def wrapped(request: gr.Request, *args: Any, **kwargs: Any) -> Any:
        visitor = visitor_of(request)
        with _told(visitor, handler, page=bool(lang)):
            return handler(visitor, *args, **kwargs)

    def wrapped_generator(request: gr.Request, *args: Any, **kwargs: Any) -> Iterator[Any]:
        visitor = visitor_of(request)
        with _told(visitor, handler, page=bool(lang)):
            yield from handler(visitor, *args, **kwargs)

    return _signed(wrapped_generator if inspect.isgeneratorfunction(handler) else wrapped, handler)


@contextmanager
def _told(visitor: Visitor, handler: Callable[..., Any], *, page: bool) -> Iterator[None]:
    """Failures of the block as gr.Error."""
    try:
        yield
    except (GeneratorExit, KeyboardInterrupt, asyncio.CancelledError, gr.Error):
        raise
    except PlaygroundError as error:
        raise _shown(error.text(visitor.lang), page=page) from None
    except BaseException:  # a Rust panic and SystemExit are no Exception, and must not end the server
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
    signed.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[request, *arguments], return_annotation=hints.get("return", inspect.Signature.empty)
    )
    signed.__annotations__ = {"request": gr.Request, **{p.name: p.annotation for p in arguments}}
    return signed


def _shown(text: str, *, page: bool) -> gr.Error:
    """Text as an error. Pages render it as HTML, so there it is made HTML; it stays until it is closed."""
    return gr.Error(html.escape(text).replace("\n", "<br>") if page else text, duration=None, print_exception=False)


def _language(request: gr.Request | None) -> str:
    return choose_language(request.headers.get("accept-language", "") if request else "")


def _query(request: gr.Request | None) -> dict[str, str]:
    return dict(request.query_params) if request else {}
