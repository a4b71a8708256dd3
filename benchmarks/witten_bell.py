"""A character n-gram model with Witten-Bell smoothing (Witten and Bell 1991): what a small language model must beat.

p(c | h) = (n(hc) + t(h) p(c | h')) / (n(h) + t(h)): n counts, t is how many different characters follow h, and h' is
h without its first character. Below the shortest context all characters are alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable


class WittenBell:
    """Of `order` characters: five before the one that is told, for an order of 6."""

    def __init__(self, texts: Iterable[str], order: int = 6) -> None:
        self.order = order
        self.counts: Counter[str] = Counter()
        for text in texts:
            for length in range(1, order + 1):
                self.counts.update(text[start : start + length] for start in range(len(text) - length + 1))
        self.followed: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        for gram, count in self.counts.items():
            self.followed[gram[:-1]] += count
            self.kinds[gram[:-1]] += 1
        self.alphabet = self.kinds[""] + 1  # and one for whatever was never seen

    def probability(self, context: str, character: str) -> float:
        """p(character | context); of the context the last `order` - 1 characters count."""
        context = context[-(self.order - 1) :] if self.order > 1 else ""
        share = 1 / self.alphabet
        for start in range(len(context), -1, -1):
            before = context[start:]
            if seen := self.followed[before]:
                kinds = self.kinds[before]
                share = (self.counts[before + character] + kinds * share) / (seen + kinds)
        return share

    def bits_per_character(self, texts: Iterable[str]) -> float:
        """Mean -log2 p over all characters of the texts, each told from what stands before it in its text."""
        bits, count = 0.0, 0
        for text in texts:
            for place, character in enumerate(text):
                bits -= math.log2(self.probability(text[max(0, place - self.order + 1) : place], character))
            count += len(text)
        return bits / count
