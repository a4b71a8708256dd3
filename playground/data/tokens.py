"""Text from tokens: as it is usually set, with the place of each token."""

from __future__ import annotations

import re
from collections.abc import Sequence

Place = tuple[int, int]
"""Start and end of a token in the text, in code points; the end is behind the last one."""

PTB = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}
NO_BLANK_BEFORE = re.compile(r"[.,;:!?%)\]}]|'|'(s|m|d|re|ve|ll)|n't|\.\.\.", re.IGNORECASE)
NO_BLANK_AFTER = re.compile(r"[(\[{$#£€]|-")
UNSPACED = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff9f\U00020000-\U0003ffff]")
"""Characters that take no blanks around them: Chinese, Japanese, and their punctuation."""
MOSTLY = 0.3
"""Share of characters from which a text counts as Chinese: names and code between them are not."""


def join(tokens: Sequence[str]) -> tuple[str, list[Place]]:
    """The text, and the place of each token: quotes alternate, commas lean left, Chinese has no blanks."""
    text, places, quoted = "", [], False
    blank = False
    for token in tokens:
        word = PTB.get(token, token)
        opening = word == '"' and not quoted
        closing = word == '"' and quoted
        unspaced = bool(text and word and (UNSPACED.match(text[-1]) or UNSPACED.match(word[0])))
        if blank and not closing and not unspaced and not NO_BLANK_BEFORE.fullmatch(word) and word != "-":
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
        if word == '"':
            quoted = not quoted
        blank = not opening and not NO_BLANK_AFTER.fullmatch(word)
    return text, places


def find(text: str, count: int) -> list[Place] | None:
    """The places of a text's `count` tokens: its words, or its characters; None where it has as many of neither."""
    for pattern in (r"\S+", r"\S"):
        places = [match.span() for match in re.finditer(pattern, text)]
        if len(places) == count:
            return places
    return None
