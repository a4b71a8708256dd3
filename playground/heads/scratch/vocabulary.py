"""What a tokenizer's vocabulary is made of: counted words and characters of the data, in a fixed order.

The same texts give the same vocabulary on every machine: ties are broken by the text itself, and no order
of a hash table is left to decide anything.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import regex
from tokenizers import Tokenizer

MAX_TEXTS = 200_000
MAX_CHARACTERS = 20_000_000
"""Read at most, in code points. A vocabulary of some ten thousand entries is settled long before, and the time
that a tokenizer takes has an end."""
MAX_SEGMENTED = 2_000_000
"""Chinese characters that are segmented at most: jieba, in pure Python, does some hundred thousand a second."""
COVERAGE = 0.9995
"""Share of all characters that the alphabet covers; what is rarer goes by bytes or is unknown.
SentencePiece's advice for languages with many characters (its --character_coverage)."""
HAN_SHARE = 0.01
"""From this share of Chinese characters on, words are found as in Chinese; a stray name does not decide."""
HAN_RUN = regex.compile(r"\p{Han}+")
Counts = list[tuple[str, int]]
"""Entries with how often they were seen, most frequent first."""


def bounded(texts: Iterable[str]) -> list[str]:
    """As many of the texts as a vocabulary is made of."""
    found, characters = [], 0
    for text in islice(texts, MAX_TEXTS):
        found.append(text)
        characters += len(text)
        if characters >= MAX_CHARACTERS:
            break
    return found


def ordered(counts: Counter[str]) -> Counts:
    """Most frequent first; of equally frequent ones, in the order of their code points."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """What the tokenizer's own rules cut the texts into, before its model sees them."""
    counts: Counter[str] = Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        counts.update(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    return counts


def characters(counts: Counter[str]) -> Counter[str]:
    """Every code point of the counted pieces."""
    found: Counter[str] = Counter()
    for piece, count in counts.items():
        for character in piece:
            found[character] += count
    return found


def alphabet(counts: Counter[str], most: int) -> Counts:
    """The most frequent characters that cover COVERAGE of all, at most `most`."""
    needed, covered = COVERAGE * counts.total(), 0
    kept: Counts = []
    for character, count in ordered(counts)[:most]:
        if covered >= needed:
            break
        kept.append((character, count))
        covered += count
    return kept


def is_chinese(counts: Counter[str]) -> bool:
    """Whether enough of the characters are Chinese for words to be found as in Chinese."""
    han = sum(count for character, count in counts.items() if HAN_RUN.match(character))
    return han > HAN_SHARE * counts.total()


def segmented(counts: Counter[str]) -> Counter[str]:
    """The pieces, with every run of Chinese characters cut into words by jieba."""
    import jieba

    found = Counter({piece: count for piece, count in counts.items() if not HAN_RUN.fullmatch(piece)})
    with tempfile.TemporaryDirectory() as private:
        cutter = jieba.Tokenizer()
        # Its cache is read with marshal: never from a folder that others may write to.
        cutter.tmp_dir = private
        jieba.setLogLevel("WARNING")
        cutter.initialize()
    read = 0
    for run, count in ordered(counts):
        if HAN_RUN.fullmatch(run) and read < MAX_SEGMENTED:
            read += len(run)
            for word in cutter.lcut(run):
                found[word] += count
    return found


def unigram_scores(words: Counts, letters: Counts) -> list[tuple[str, float]]:
    """Pieces of a Unigram model that cuts Chinese as jieba's words say, and everything else as seldom as it can.

    A run of Chinese characters becomes its likeliest words, p(word) by its count, which is what jieba does with
    its own dictionary. Other pieces all score the same, so that the fewest pieces win: a known word stays whole.
    A character that is no word costs more than any word of that length does.
    """
    total = sum(count for _, count in words) or 1
    scores = {word: math.log(count / total) if HAN_RUN.fullmatch(word) else -1.0 for word, count in words}
    last_resort = math.log(0.5 / total)
    return [*scores.items(), *((letter, last_resort) for letter, _ in letters if letter not in scores)]


def frequent(counts: Counter[str], room: int) -> Counts:
    """The most frequent entries that were seen twice, at most `room`.

    What was seen once is left to the unknown token, or to characters, which would never be trained otherwise.
    """
    return [(entry, count) for entry, count in ordered(counts)[: max(room, 0)] if count > 1]


def by_number(entries: Sequence[str]) -> dict[str, int]:
    """{entry: its number}"""
    return {entry: number for number, entry in enumerate(entries)}
