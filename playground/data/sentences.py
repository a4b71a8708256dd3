"""A text cut into its lines and sentences, and put together again in another language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from playground.data.tokens import UNSPACED

BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
"""Where a line ends, in Unicode's view."""
LIST_MARK = re.compile(
    r"[^\S\n]*(?:[#>*•·‣◦–—+-]+[^\S\n]+|\(?\d{1,3}[.)][^\S\n]+|\d{1,3}、\s*|（\d{1,3}）\s*|[①-⑳]\s*|[a-zA-Z]\)[^\S\n]+)"
)
"""What makes a line a heading, a quotation or an item; it stays as it is."""
END = re.compile(r"""(?<![.!?…])[.!?…؟۔।॥።]++["'”’»)\]]*+(?=\s)|[。！？；]++[”’」』）]*+""")
ABBREVIATED = re.compile(
    r"(?:(?<![\w=/])[A-Z]|\.[a-zA-Z]|\b(?:Dr|Mr|Mrs|Ms|Prof|St|Mt|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Jr|Sr|vs|cf|al|approx|Mme|Mlle|Hr|Fr|bzw|ca))\.$"
)
"""Behind a title, an initial or the last letter of "e.g.", a point ends no sentence (or may not)."""
NUMBERED = re.compile(r"\b(?:[Nn]o|[Nn]os|[Nn]r|[Ff]ig|[Ee]q|[Ss]ec|[Cc]h|[Vv]ol|pp?|Art|§)\.$")
"""The same before a number: "no. 5"."""
WORDLESS = re.compile(r"[\W\d_]*|(?:https?://|www\.)\S+|[^\s@]++@(?:[^\s@.]++\.)++\w++")
"""Numbers, marks, and what must stay: an address of the web or of mail."""
SHARED_ENDS = "”’\"'…—"
"""With what sentences end in languages with blanks and without: what stands before it tells which."""
CLAUSE_END = re.compile(r"[,;:—،؛](?=\s)|[，；：、]")
BLANK = re.compile(r"\s+")
NEAR = 10
"""Characters before and behind a point that tell what it is."""
MAX_CHARS = 300
"""Longer sentences are cut at their clauses: small models are trained on short ones, and lose the thread."""


@dataclass(frozen=True)
class Piece:
    """A sentence, and what stands before it and stays: white space, the mark of an item, a number, an address."""

    before: str
    text: str


def pieces(text: str, most: int = MAX_CHARS) -> list[Piece]:
    """The sentences of a text in order; what stays at the end of a line is a piece without words.

    Together they are the text, character for character. A sentence of more than `most` characters is several.
    """
    found: list[Piece] = []
    start = 0
    for match in BREAK.finditer(text):
        found += [*_of_line(text[start : match.start()], most), Piece(match.group(), "")]
        start = match.end()
    return [piece for piece in [*found, *_of_line(text[start:], most)] if piece.before or piece.text]


def whole(text: str) -> list[tuple[int, str]]:
    """(place, text) of every sentence of a text, in order, however long: text[place : place + len(sentence)]."""
    found, place = [], 0
    for piece in pieces(text, len(text)):
        place += len(piece.before)
        if piece.text:
            found.append((place, piece.text))
        place += len(piece.text)
    return found


def side_by_side(sentences: Iterable[str]) -> str:
    """Sentences one after the other, with a blank between those that are written with blanks."""
    text = ""
    for sentence in sentences:
        text += (_blank(text) if text else "") + sentence
    return text


def _blank(text: str) -> str:
    """What stands behind a sentence that ends a text, before the next one."""
    told = text.rstrip(SHARED_ENDS)
    return "" if told and UNSPACED.match(told[-1]) else " "


def shortened(piece: Piece, fits: Callable[[str], bool]) -> list[Piece]:
    """A piece in parts that fit, cut where a clause ends, else at a blank, else anywhere."""
    if len(piece.text) < 2 or fits(piece.text):
        return [piece]
    cut = _middle(piece.text)
    first = piece.text[:cut].rstrip()
    rest = piece.text[cut:].lstrip()
    between = piece.text[len(first) : len(piece.text) - len(rest)]
    return [*shortened(Piece(piece.before, first), fits), *shortened(Piece(between, rest), fits)]


def join(parts: Sequence[Piece], written: Sequence[str]) -> str:
    """What was written for each piece, all that is no sentence as in the original.

    Between sentences of one line stands a blank, or nothing behind a language that is written without.
    """
    text = ""
    for part, words in zip(parts, written, strict=True):
        between = part.before
        inside = text and not BREAK.match(text[-1])
        if words and inside and not between.strip():
            between = _blank(text)
        text += between + words
    return text


def _of_line(line: str, most: int) -> Iterator[Piece]:
    """A line's mark of an item, its sentences, and its white space."""
    mark = LIST_MARK.match(line)
    before, start = mark.group() if mark else "", mark.end() if mark else 0
    for end in [*_ends(line, start), len(line)]:
        sentence = line[start:end]
        words = sentence.strip()
        blank = sentence[: len(sentence) - len(sentence.lstrip())]
        start = end
        if WORDLESS.fullmatch(words):
            before += sentence
            continue
        yield from shortened(Piece(before + blank, words), lambda text: len(text) <= most)
        before = sentence[len(blank) + len(words) :]
    yield Piece(before, "")


def _ends(line: str, start: int) -> Iterator[int]:
    for match in END.finditer(line, start):
        end = match.end()
        so_far, after = line[max(start, end - NEAR) : end], line[end : end + NEAR].lstrip()[:1]
        shortening = ABBREVIATED.search(so_far) or (after.isdigit() and NUMBERED.search(so_far))
        # “What?” he asked: what goes on in small letters is the same sentence.
        if not (shortening or after.islower()):
            yield end


def _middle(text: str) -> int:
    """Where to cut a text: near its middle, behind a clause, else at a blank, else there."""
    middle, quarter = len(text) // 2, len(text) // 4
    for mark in (CLAUSE_END, BLANK):
        ends = [match.end() for match in mark.finditer(text) if quarter <= match.end() <= len(text) - quarter]
        if ends:
            return min(ends, key=lambda end: abs(end - middle))
    return middle
