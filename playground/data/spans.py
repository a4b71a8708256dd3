"""Labelled stretches of a text, however a dataset writes them: tags of its tokens, or places with labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from playground.data import tags, tokens
from playground.data.values import Unreadable, first, nested, number
from playground.fields import Span

MAX_LABEL_CHARS = 60
STARTS = ("start", "start_offset", "begin", "from", "start_char", "offset")
ENDS = ("end", "end_offset", "stop", "to", "end_char")
LABELS = ("label", "type", "tag", "entity_group", "category", "class", "labels", "entity")
WORDS = ("text", "word", "mention", "surface", "value", "entity")

TAGS_COUNT, TAGS_NUMBERS = "tags_count", "tags_numbers"
UNREADABLE, OUTSIDE = "spans_unreadable", "span_outside"
MOVED, DOUBLE, IN_WORD_FAULT = "span_moved", "tags_double", "span_in_word"
IN_WORD = re.compile(r"[a-zA-Z\u00c0-\u024f\u0370-\u052f]{2}")
"""Two letters of a script that puts blanks between words, side by side."""
Problems = list[str]


def read_text(cell: str) -> tuple[str, list[tokens.Place] | None]:
    """The text, and the places of its tokens where the cell is a list of them.

    Raises Unreadable for a list of anything but tokens.
    """
    try:
        value = nested(cell)
    except Unreadable:  # a text may begin with a bracket
        value = None
    if not isinstance(value, list) or not _is_like_tokens(value):
        return cell, None
    if not all(isinstance(token, str) for token in value):
        raise Unreadable
    return tokens.join(value)


def _is_like_tokens(value: list[Any]) -> bool:
    """Whether a list holds tokens: an empty one, or one with any text in it; "[1]" is a reference in a text."""
    return not value or any(isinstance(item, str) for item in value)


def read_spans(text: str, places: list[tokens.Place] | None, cell: str) -> tuple[list[Span], Problems]:
    """The stretches a cell names, sorted and without overlaps, and what is wrong with them."""
    if not cell.strip():
        return [], []
    try:
        value = nested(cell)
    except Unreadable:
        return [], [UNREADABLE]
    if isinstance(value, dict):
        value = _rows(value)
    if value is None:
        value = cell.split()
    if all(isinstance(item, str) for item in value):
        return _of_tags(text, places, value)
    return _of_places(text, value)


def _rows(value: dict[str, Any]) -> list[Any] | None:
    """{"entities": [...]} and {"start": [...], "end": [...], "label": [...]} as a list of spans."""
    inner = value.get("entities", value.get("spans"))
    if isinstance(inner, list):
        return inner
    columns = {name: column for name, column in value.items() if isinstance(column, list)}
    rows = zip(*columns.values(), strict=False)
    return [dict(zip(columns, row, strict=True)) for row in rows] if columns else [value]


def _of_tags(text: str, places: list[tokens.Place] | None, found: list[str]) -> tuple[list[Span], Problems]:
    if places is None:
        places = tokens.find(text, len(found))
    if places is None or len(places) != len(found):
        return [], [TAGS_COUNT] if found else []
    if found and all(tag.isdigit() for tag in found):
        return [], [TAGS_NUMBERS]
    tagged = tags.decode(found)
    spans: list[Span] = [
        {"start": places[first][0], "end": places[last][1], "label": label} for first, last, label in tagged.spans
    ]
    doubled = [DOUBLE] if tags.DOUBLE in tagged.facts else []
    too_long = [UNREADABLE] if any(len(span["label"]) > MAX_LABEL_CHARS for span in spans) else []
    return spans, [*doubled, *too_long, *sorted(tagged.facts & set(tags.FACTS))]


def _of_places(text: str, items: Iterable[Any]) -> tuple[list[Span], Problems]:
    spans: list[Span] = []
    problems: set[str] = set()
    for item in items:
        read = _read(item)
        if read is None:
            return [], [UNREADABLE]
        start, end, label, word = read
        place = _place(text, start, end, word)
        if place is None:
            return [], [OUTSIDE]
        if place != (start, end) and text[start:end].strip() != text[place[0] : place[1]]:
            problems.add(MOVED)
        spans.append({"start": place[0], "end": place[1], "label": label})
    if any(_in_word(text, span) for span in spans):
        problems.add(IN_WORD_FAULT)
    kept = _apart(spans)
    if len(kept) < len(spans):
        problems.add(DOUBLE)
    return kept, sorted(problems)


def _read(item: Any) -> tuple[int, int, str, str] | None:
    """(start, end, label, word or "") of one span; None where one of them is missing."""
    if isinstance(item, (list, tuple)) and len(item) == 3:
        numbers = [part for part in item if number(part) is not None]
        names = [part for part in item if number(part) is None]
        item = {"start": numbers[0], "end": numbers[1], "label": names[0]} if len(numbers) == 2 else {}
    if not isinstance(item, dict):
        return None
    label = first(item, LABELS)
    label = label[0] if isinstance(label, list) and label else label
    start, end = number(first(item, STARTS)), number(first(item, ENDS))
    name = label.strip() if isinstance(label, str) else ""
    if start is None or end is None or not 0 < len(name) <= MAX_LABEL_CHARS:
        return None
    word = first(item, WORDS)
    return start, end, name, word if isinstance(word, str) and word != label else ""


def _place(text: str, start: int, end: int, word: str) -> tuple[int, int] | None:
    """Where a span is, without blanks at its ends: as it says, or where its word stands nearest; None for nowhere."""
    inside = 0 <= start < end <= len(text)
    if word.strip() and not (inside and text[start:end].strip() == word.strip()):
        word = word.strip()
        nearest = nearest_place(text, word, start)
        return None if nearest is None else (nearest, nearest + len(word))
    found = text[start:end] if inside else ""
    if not found.strip():
        return None
    return start + len(found) - len(found.lstrip()), end - len(found) + len(found.rstrip())


def nearest_place(text: str, word: str, start: int) -> int | None:
    """Where a word stands in a text, nearest to `start`; None where it does not."""
    start = min(max(start, 0), len(text))
    found = [at for at in (text.rfind(word, 0, start + len(word)), text.find(word, start)) if at >= 0]
    return min(found, key=lambda at: abs(at - start)) if found else None


def _in_word(text: str, span: Span) -> bool:
    """Whether a span begins or ends inside a word, where no model of words can see it."""
    start, end = span["start"], span["end"]
    return any(0 < at < len(text) and IN_WORD.fullmatch(text[at - 1 : at + 1]) for at in (start, end))


def _apart(spans: list[Span]) -> list[Span]:
    """Sorted; of spans that overlap the one that begins first, of those the longest."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span["start"], -span["end"])):
        if not kept or span["start"] >= kept[-1]["end"]:
            kept.append(span)
    return kept
