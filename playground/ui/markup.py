"""The few pieces of HTML the pages need. Every value is escaped here; nothing else builds HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    return findings((*item, ()) for item in items)


def findings(items: Iterable[tuple[str, str, str, Iterable[tuple[str, str]]]]) -> str:
    """The same with buttons below each: (name of the fix, what the button says)."""
    rows = (
        f'<li class="{kind}">{escape(text)}<small>{escape(remedy)}</small>{_buttons(fixes)}</li>'
        for kind, text, remedy, fixes in items
    )
    return f'<ul class="faults">{"".join(rows)}</ul>'


def _buttons(fixes: Iterable[tuple[str, str]]) -> str:
    made = "".join(f'<button type="button" data-fix="{escape(name)}">{escape(word)}</button>' for name, word in fixes)
    return f'<div class="fixes">{made}</div>' if made else ""


def run_head(title: str, facts: Iterable[str], *, done: float | None, why: str, said: str = "") -> str:
    """A run's head: its name, facts in a line, the bar (share done, None: no bar), a sentence on its end, its note."""
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)
    bar = "" if done is None else f'<progress max="1" value="{done:.4f}"></progress>'
    end = f'<p class="why">{escape(why)}</p>' if why else ""
    note = f'<p class="about">{escape(said)}</p>' if said else ""
    return f'<div class="run"><h3>{escape(title)}</h3><div class="facts">{spans}</div>{bar}{end}{note}</div>'


@dataclass(frozen=True)
class RunRow:
    """A line of the table of runs. `cells` are (text, what stands smaller below it) behind the name."""

    id: str
    name: str
    note: str
    choose: str
    chosen: bool
    open: bool
    cells: Sequence[tuple[str, str]]


def runs_table(label: str, titles: Sequence[str], rows: Iterable[RunRow], *, full: bool) -> str:
    """Runs with a box to tick and a name to click; `full`: no more can be ticked. See RUNS_TABLE for what it does."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    lines = "".join(_run_row(row, full) for row in rows)
    return (
        f'<table class="runs" aria-label="{escape(label)}"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _run_row(row: RunRow, full: bool) -> str:
    state = " checked" if row.chosen else " disabled" if full else ""
    box = f'<input type="checkbox" value="{escape(row.id)}" aria-label="{escape(row.choose)}"{state}>'
    current = ' aria-current="true"' if row.open else ""
    name = f'<button type="button" value="{escape(row.id)}"{current}>{escape(row.name)}</button>{_small(row.note)}'
    cells = "".join(f"<td>{escape(text)}{_small(below)}</td>" for text, below in row.cells)
    return f'<tr{" class=open" if row.open else ""}><td>{box}</td><th scope="row">{name}</th>{cells}</tr>'


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def download(facts: Iterable[str], *, done: float | None) -> str:
    """What is told of a model to download, and the bar (share done, None: no bar)."""
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    bar = "" if done is None else f'<progress max="1" value="{done:.4f}"></progress>'
    return f'<div class="run"><div class="facts">{spans}</div>{bar}</div>'


def verdict(text: str) -> str:
    """The sentence that sums a result up."""
    return f'<p class="verdict">{escape(text)}</p>'


def paragraph(text: str) -> str:
    """A plain sentence."""
    return f'<p class="said">{escape(text)}</p>' if text else ""


def reliability(titles: tuple[str, str, str], lines: Iterable[tuple[str, float, float, str]], lang: str) -> str:
    """A chart with a line for each bin: how sure, a bar for how often right with a mark where it should end, how many.

    lines  (the bin, share that is right, mean score, how many)
    """
    head = "".join(f"<span>{escape(title)}</span>" for title in titles)
    rows = "".join(
        f'<li><span>{escape(name)}</span><div class="bar"><i style="width:{100 * right:.1f}%"></i>'
        f'<b style="inset-inline-start:{100 * score:.1f}%"></b></div>'
        f"<span>{_whole(right, lang)}</span><span>{escape(count)}</span></li>"
        for name, right, score, count in lines
    )
    return f'<ol class="reliability"><li class="titles">{head}</li>{rows}</ol>'


def _whole(share: float, lang: str) -> str:
    return f"{100 * share:.0f}%" if lang == "zh" else f"{100 * share:.0f} %"


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


def codes(items: Iterable[tuple[str, str, str]], copy: str) -> str:
    """Pieces of code, each (kind, title, code) with a button that copies it."""
    parts = (
        f'<section class="{escape(kind)}"><h3>{escape(title)}</h3><button type="button">{escape(copy)}</button>'
        f'<pre tabindex="0"><code>{escape(code)}</code></pre></section>'
        for kind, title, code in items
    )
    return f'<div class="codes">{"".join(parts)}</div>'


def events(items: Iterable[tuple[str, str]]) -> str:
    """What happened, oldest first: (time, sentence)."""
    rows = (f"<li><time>{escape(time)}</time>{escape(text)}</li>" for time, text in items)
    return f'<ul class="events">{"".join(rows)}</ul>'
