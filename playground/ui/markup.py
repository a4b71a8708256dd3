"""The few pieces of HTML the pages need. Every value is escaped here; nothing else builds HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Literal

Pieces = list[tuple[str, str | None]]
"""A text in pieces, each with the label it is marked with, or None."""

NoteKind = Literal["", "ready", "busy", "bad"]


def note(text: str, kind: NoteKind = "") -> str:
    """A quiet line, with a dot in the colour of its kind."""
    return f'<p class="note {kind}">{escape(text)}</p>' if text else ""


def heading(number: int, text: str) -> str:
    """The title of a step."""
    return f'<h2 class="step"><b>{number}</b>{escape(text)}</h2>'


def section(text: str) -> str:
    """A rule and the title of what follows."""
    return f'<hr class="rule"><h2 class="step">{escape(text)}</h2>'


def header(title: str, tagline: str, *, href: str, language: str, tag: str) -> str:
    """The head of the page with the link to the other language."""
    link = f'<a href="{escape(href)}" hreflang="{escape(tag)}" lang="{escape(tag)}">{escape(language)}</a>'
    return f'<header class="head"><h1>{escape(title)}</h1><p>{escape(tagline)}</p>{link}</header>'


def faults(items: Iterable[tuple[str, str, str]]) -> str:
    """A list of findings: (kind, what, remedy); kind is fatal, fine or ""."""
    rows = (f'<li class="{kind}">{escape(text)}<small>{escape(remedy)}</small></li>' for kind, text, remedy in items)
    return f'<ul class="faults">{"".join(rows)}</ul>'


def run_head(title: str, facts: Iterable[str], *, done: float | None, why: str) -> str:
    """A run's head: its name, facts in a line, the bar (share done, None: no bar), a sentence on its end."""
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)
    bar = "" if done is None else f'<progress max="1" value="{done:.4f}"></progress>'
    end = f'<p class="why">{escape(why)}</p>' if why else ""
    return f'<div class="run"><h3>{escape(title)}</h3><div class="facts">{spans}</div>{bar}{end}</div>'


def verdict(text: str) -> str:
    """The sentence that sums a result up."""
    return f'<p class="verdict">{escape(text)}</p>'


def answer(text: str, score: str) -> str:
    """An answer in large letters, and how sure the model is."""
    return f'<div class="answer"><b>{escape(text)}</b><span>{escape(score)}</span></div>'


def passages(items: Iterable[tuple[str, Iterable[str], Pieces]]) -> str:
    """Stretches of a document, best first: (what was found in it or "", facts, its pieces with what is marked)."""
    return f'<ol class="passages">{"".join(_passage(*item) for item in items)}</ol>'


def _passage(title: str, facts: Iterable[str], pieces: Pieces) -> str:
    head = f"<b>{escape(title)}</b>" if title else ""
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    text = "".join(escape(piece) if mark is None else f"<mark>{escape(piece)}</mark>" for piece, mark in pieces)
    return f'<li>{head}<div class="facts">{spans}</div><p>{text}</p></li>'


def events(items: Iterable[tuple[str, str]]) -> str:
    """What happened, oldest first: (time, sentence)."""
    rows = (f"<li><time>{escape(time)}</time>{escape(text)}</li>" for time, text in items)
    return f'<ul class="events">{"".join(rows)}</ul>'
