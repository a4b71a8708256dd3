"""Words of a text in any script, with exact places."""

from __future__ import annotations

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
