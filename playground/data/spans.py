"""Labelled stretches of a text, however a dataset writes them: tags of its tokens, or places with labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from playground.data import tags, tokens
from playground.fields import Span

MAX_LABEL_CHARS = 60
STARTS = ("start", "start_offset", "begin", "from", "start_char", "offset")
ENDS = ("end", "end_offset", "stop", "to", "end_char")
LABELS = ("label", "type", "tag", "entity_group", "category", "class", "labels", "entity")
WORDS = ("text", "word", "mention", "surface", "value", "entity")

TAGS_COUNT, TAGS_NUMBERS = "tags_count", "tags_numbers"
UNREADABLE, OUTSIDE = "spans_unreadable", "span_outside"
MOVED, DOUBLE = "span_moved", "tags_double"
Problems = list[str]


def parsed(cell: str) -> Any:
    """The list or object that a cell holds; None where it is plain text."""
    if not cell.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (list, dict)) else None


def read_text(cell: str) -> tuple[str, list[tokens.Place] | None]:
    """The text, and the places of its tokens where the cell is a list of them."""
    value = parsed(cell)
    if isinstance(value, list) and value and all(isinstance(token, str) for token in value):
        return tokens.join(value)
    return cell, None


def read_spans(text: str, places: list[tokens.Place] | None, cell: str) -> tuple[list[Span], Problems]:
    """The stretches a cell names, sorted and without overlaps, and what is wrong with them."""
    if not cell.strip():
        return [], []
    value = parsed(cell)
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
    if all(tag.isdigit() for tag in found):
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
    kept = _apart(spans)
    if len(kept) < len(spans):
        problems.add(DOUBLE)
    return kept, sorted(problems)


def _read(item: Any) -> tuple[int, int, str, str] | None:
    """(start, end, label, word or "") of one span; None where one of them is missing."""
    if isinstance(item, list) and len(item) == 3:
        numbers = [part for part in item if str(part).lstrip("-").isdigit()]
        names = [part for part in item if not str(part).lstrip("-").isdigit()]
        item = {"start": numbers[0], "end": numbers[1], "label": names[0]} if len(numbers) == 2 else {}
    if not isinstance(item, dict):
        return None
    label = _first(item, LABELS)
    label = label[0] if isinstance(label, list) and label else label
    try:
        start, end = int(_first(item, STARTS)), int(_first(item, ENDS))
    except (TypeError, ValueError):
        return None
    name = str(label or "").strip()
    word = _first(item, WORDS)
    readable = name and len(name) <= MAX_LABEL_CHARS
    return (start, end, name, word if isinstance(word, str) and word != label else "") if readable else None


def _first(item: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _place(text: str, start: int, end: int, word: str) -> tuple[int, int] | None:
    """Where a span is, without blanks at its ends: as it says, or where its word stands nearest; None for nowhere."""
    inside = 0 <= start < end <= len(text)
    if word.strip() and not (inside and text[start:end].strip() == word.strip()):
        word = word.strip()
        places = [at for at in range(len(text)) if text.startswith(word, at)]
        nearest = min(places, key=lambda at: abs(at - start), default=-1)
        return (nearest, nearest + len(word)) if places else None
    found = text[start:end] if inside else ""
    if not found.strip():
        return None
    return start + len(found) - len(found.lstrip()), end - len(found) + len(found.rstrip())


def _apart(spans: list[Span]) -> list[Span]:
    """Sorted; of spans that overlap the one that begins first, of those the longest."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span["start"], -span["end"])):
        if not kept or span["start"] >= kept[-1]["end"]:
            kept.append(span)
    return kept
