"""What a task's tab shows of an answer, as plain values for its components."""

from __future__ import annotations

from collections import Counter
from typing import Any

from playground.fields import Entity, FoundAnswer, LabelScore, Row
from playground.i18n import translate
from playground.ui import markup

ENTITIES = ("ui.entities.word", "ui.entities.type", "ui.entities.score", "ui.entities.place")
ALTERNATIVES = ("ui.answer.text", "ui.answer.sureness", "ui.answer.where")
"""Columns of the tables."""
AROUND = 600
"""Characters of a context shown before and behind an answer."""


def scores(inputs: Row, output: list[LabelScore], details: dict[str, Any], lang: str) -> list[Any]:
    """The only place where labels are keys: gr.Label wants them so."""
    return [{entry["label"]: entry["score"] for entry in output}]


def entities(inputs: Row, output: list[Entity], details: dict[str, Any], lang: str) -> list[Any]:
    """The text with its entities marked, how many there are of each type, and a table of them."""
    counts = Counter(entity["entity_group"] for entity in output)
    said = " · ".join(f"{kind}: {count}" for kind, count in counts.most_common())
    rows = [
        [entity["word"], entity["entity_group"], _percent(entity["score"]), f"{entity['start']}–{entity['end']}"]
        for entity in output
    ]
    places = [(entity["start"], entity["end"], entity["entity_group"]) for entity in output]
    note = markup.note(said or translate(lang, "ui.entities.none"))
    return [marked(inputs["text"], places), note, {"headers": headers(ENTITIES, lang), "data": rows}]


def answer(inputs: Row, output: FoundAnswer, details: dict[str, Any], lang: str) -> list[Any]:
    """The answer, the place where it stands, and the other answers with their scores."""
    context = inputs["context"]
    start, end = output["start"], output["end"]
    low, high = max(0, start - AROUND), min(len(context), end + AROUND)
    pieces = marked(context[low:high], [(start - low, end - low, translate(lang, "field.answer"))] if end else [])
    if low:
        pieces.insert(0, ("… ", None))
    if high < len(context):
        pieces.append((" …", None))
    found = markup.answer(
        output["answer"] or translate(lang, "ui.answer.none"),
        translate(lang, "ui.answer.score", score=_percent(output["score"])),
    )
    rows = [
        [
            other["answer"] or translate(lang, "ui.answer.none"),
            _percent(other["score"]),
            f"{other['start']}–{other['end']}" if other["end"] else "",
        ]
        for other in details["alternatives"]
    ]
    return [found, pieces, {"headers": headers(ALTERNATIVES, lang), "data": rows}]


def headers(columns: tuple[str, ...], lang: str) -> list[str]:
    return [translate(lang, column) for column in columns]


def marked(text: str, places: list[tuple[int, int, str]]) -> markup.Pieces:
    """The text in pieces; `places` are (start, end, label), sorted, without overlaps."""
    pieces: markup.Pieces = []
    done = 0
    for start, end, label in places:
        if start > done:
            pieces.append((text[done:start], None))
        pieces.append((text[start:end], label))
        done = end
    if done < len(text):
        pieces.append((text[done:], None))
    return pieces


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
