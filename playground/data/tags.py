"""Tags of tokens as stretches of tokens, whatever the scheme: IOB1, IOB2, BIOES, BMES, BILOU, or types alone.

All schemes are read alike; which one a file is written in matters only to what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

PREFIXED = re.compile(r"([BIESMLU])[-_](.+)", re.IGNORECASE)
OUTSIDE = ("O", "", "_", "-")
BETWEEN_TAGS = re.compile(r"[|,;]")

INSIDE_START = "tag_inside_start"
"""An entity begins with I, M, E or L."""
LONE_BEGIN = "tag_lone_begin"
"""B though no entity of the type stands right before."""
OPEN = "tag_open"
"""An entity's last token is not tagged as its end."""
LETTERS = "tag_letters"
"""A letter of BIOES, BMES or BILOU that IOB lacks."""
PLAIN = "tag_plain"
"""A type without a letter."""
ENTITY = "tag_entity"
DOUBLE = "tag_double"
"""Two tags for one token; the first one counts."""
FACTS = (INSIDE_START, LONE_BEGIN, OPEN, LETTERS, PLAIN, ENTITY)


@dataclass
class Tagged:
    """Stretches of tokens, first and last inclusive, with their type; `facts` is what a row shows of its scheme."""

    spans: list[tuple[int, int, str]] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)


def decode(tags: Sequence[str]) -> Tagged:
    """The entities of a sentence. A tag that cannot follow the one before begins an entity."""
    found = Tagged()
    before, growing = "", False  # the type of the token before, and whether its entity may go on
    for index, tag in enumerate(tags):
        letter, kind = _parts(tag, found)
        if not kind:
            _close(found, growing)
            before, growing = "", False
            continue
        if growing and kind == before and letter not in "BSU":
            first, _, _ = found.spans[-1]
            found.spans[-1] = (first, index, kind)
        else:
            _close(found, growing)
            found.spans.append((index, index, kind))
            _note_start(found, letter, kind == before)
        before, growing = kind, letter not in "ESLU"
    _close(found, growing)
    return found


def split(tag: str) -> tuple[str, str]:
    """ "B-PER" -> ("B", "PER"), "PER" -> ("", "PER"), "O" -> ("", "")"""
    if tag.upper() in OUTSIDE:
        return "", ""
    match = PREFIXED.fullmatch(tag)
    return (match[1].upper(), match[2].strip()) if match else ("", tag)


def _parts(tag: str, found: Tagged) -> tuple[str, str]:
    """(letter, type) of a tag; a type alone counts as inside; ("", "") outside."""
    tag, *others = [part for part in map(str.strip, BETWEEN_TAGS.split(tag)) if part.upper() not in OUTSIDE] or [""]
    letter, kind = split(tag)
    if others:
        found.facts.add(DOUBLE)
    if kind and not letter:
        found.facts.add(PLAIN)
    elif letter in tuple("ESMLU"):
        found.facts.add(LETTERS)
    return letter or "I", kind


def _note_start(found: Tagged, letter: str, follows: bool) -> None:
    found.facts.add(ENTITY)
    if letter in "IMEL" and PLAIN not in found.facts:
        found.facts.add(INSIDE_START)
    elif letter == "B" and not follows:
        found.facts.add(LONE_BEGIN)


def _close(found: Tagged, growing: bool) -> None:
    if growing:
        found.facts.add(OPEN)


def scheme_of(counts: dict[str, int]) -> tuple[str, dict[str, str]]:
    """(the scheme that most rows are written in, {fact: fault} of what is wrong in it).

    counts: fact -> number of rows that show it. Faults are "tags_broken" and "tags_other".
    """
    rows = counts.get(ENTITY, 0)
    if counts.get(LETTERS, 0) * 2 > rows:
        return "BIOES", {INSIDE_START: "tags_broken", OPEN: "tags_broken", PLAIN: "tags_other"}
    if counts.get(PLAIN, 0) * 2 > rows:
        return "", {LETTERS: "tags_other", LONE_BEGIN: "tags_other", INSIDE_START: "tags_other"}
    if counts.get(INSIDE_START, 0) > counts.get(LONE_BEGIN, 0):
        return "IOB1", {LONE_BEGIN: "tags_other", LETTERS: "tags_other", PLAIN: "tags_other"}
    return "IOB2", {INSIDE_START: "tags_broken", LETTERS: "tags_other", PLAIN: "tags_other"}
