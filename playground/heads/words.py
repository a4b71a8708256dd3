"""Words of a text in any script, with exact places."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import regex

WORD = regex.compile(
    r"""
    # scripts that do not set blanks between words: a character, with its marks, is a word
      [\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*
    # elsewhere a run of letters, marks and digits
    | (?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])[\p{L}\p{M}\p{N}_])+
    # anything else that is not blank: punctuation, a symbol, an emoji with all its parts
    | (?!\s)\X
    """,
    regex.VERBOSE,
)


def words(text: str) -> list[tuple[int, int]]:
    """(start, end) of every word, in code points; in order, without overlaps, and only blanks between them."""
    return [match.span() for match in WORD.finditer(text)]


SYMBOLS = regex.compile(r"(?:(?![\p{ASCII}°])[\p{So}\p{Sk}\p{Sc}\p{Sm}][\p{M}\p{Cf}]*+)++|\u200b")
"""Emojis, arrows and the like with all their parts, and the blank without width. ASCII's every tokenizer cuts off."""
TOUCHED = regex.compile(r"[\p{L}\p{M}\p{N}]")
OF_A_NUMBER, TOUCHED_BY_IT = regex.compile(r"[\p{Sc}\p{Sm}]"), regex.compile(r"[\p{L}\p{M}]")
"""Signs that belong to the digits they touch, as in €20 or ±5; they are set apart from letters only."""


def apart(text: str) -> tuple[str, list[int]]:
    """The text with a blank wherever a symbol touches a word, and the places of these blanks in it.

    Tokenizers that cut at blanks and punctuation alone take the two for one word, which they then do not know.
    """
    pieces: list[str] = []
    blanks: list[int] = []
    done = 0
    for match in SYMBOLS.finditer(text):
        start, end = match.span()
        touched = TOUCHED_BY_IT if OF_A_NUMBER.match(text, start) else TOUCHED
        for place, beyond in ((start, text[start - 1 : start]), (end, text[end : end + 1])):
            if touched.match(beyond):
                blanks.append(place + len(blanks))
                pieces.append(text[done:place])
                done = place
    return " ".join([*pieces, text[done:]]), blanks


def place_before(place: tuple[int, int], blanks: Sequence[int]) -> tuple[int, int]:
    """Where a stretch of what apart() gave stands in the text it was given."""
    start, end = place
    return start - bisect_left(blanks, start), end - bisect_left(blanks, end)


def bare(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """A stretch of a text without the emojis at its ends, unless it is nothing else."""
    start, end = place
    runs = [match.span() for match in SYMBOLS.finditer(text, start, end) if not OF_A_NUMBER.match(match[0])]
    if runs and runs[0][0] == start:
        start = runs[0][1]
    if runs and runs[-1][1] == end:
        end = runs[-1][0]
    return (start, end) if start < end else place
