"""What a pass over pairs of texts finds: sides that are equal or swapped, and lengths that do not go together."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from playground import languages
from playground.data.faults import Fault, Found, fault
from playground.data.rows import Columns
from playground.fields import Field, Generated, Language, Row, Text
from playground.i18n import LanguageName

LONG_CHARS = 20
"""Where neither side is longer, a few characters more or less make a large ratio."""
WILD = math.log(4)
NEARLY_ALL = 0.9
MIN_PAIRS = 20
"""A median of fewer ratios tells little."""


class Translations:
    """Pairs are added one by one, and 16 bytes of each kept. A task without languages has none."""

    def __init__(self, fields: Sequence[Field]) -> None:
        sides = {type(wanted): wanted.name for wanted in fields if isinstance(wanted, (Text, Generated))}
        self.of = {wanted.of: wanted.name for wanted in fields if isinstance(wanted, Language)}
        self.text, self.translation = sides.get(Text, ""), sides.get(Generated, "") if self.of else ""
        self.equal, self.swapped, self.same_language = Found(), Found(), Found()
        self.scripts: dict[str, Counter[str]] = {name: Counter() for name in (self.text, self.translation)}
        self.ratios: dict[tuple[str, str], tuple[array[int], array[float]]] = {}

    def add(self, number: int, row: Row) -> None:
        """A usable row: both sides hold text."""
        if not self.translation:
            return
        text, translation = (" ".join(row[name].split()) for name in (self.text, self.translation))
        if text.casefold() == translation.casefold() and any(map(str.isalpha, text)):
            self.equal.add(number)
            return
        scripts = languages.script_of(text), languages.script_of(translation)
        for name, script in zip((self.text, self.translation), scripts, strict=True):
            self.scripts[name][script] += 1
        said = [row.get(self.of.get(name, ""), "") for name in (self.text, self.translation)]
        if said[0] and said[0] == said[1]:
            self.same_language.add(number)
        if _is_swapped(scripts, languages.usual_script(said[0]), languages.usual_script(said[1])):
            self.swapped.add(number)
        elif max(len(text), len(translation)) > LONG_CHARS:
            numbers, ratios = self.ratios.setdefault(scripts, (array("q"), array("d")))
            numbers.append(number)
            ratios.append(math.log(len(translation) / len(text)))

    def swaps(self, number: int) -> bool:
        """Whether the sides of the row that was added last are swapped."""
        return bool(self.swapped.count) and self.swapped.numbers[-1] == number

    def found(self) -> dict[str, Found]:
        """{code of a fault: rows worth a second look}; all of them are trained on unless a fix leaves them out."""
        found = {"equal_sides": self.equal, "swapped_sides": self.swapped, "same_language": self.same_language}
        return found | {"wild_length": self._wild()}

    def misnamed(self, columns: Columns) -> Iterator[Fault]:
        """Sides whose column is called like a language that is not written as nearly all of its texts are."""
        for side, scripts in self.scripts.items():
            names = columns.get(side, ())
            code = languages.code_of(names[0]) if len(names) == 1 else None
            script, count = max(scripts.items(), key=lambda item: item[1], default=("", 0))
            if code and count >= NEARLY_ALL * scripts.total() and not languages.may_be_in(code, script):
                yield fault("misnamed_column", column=names[0], language=LanguageName(code))

    def _wild(self) -> Found:
        """Lengths more than four times off the usual ratio, which is another one for each pair of scripts."""
        groups = [(numbers, ratios, median(ratios)) for numbers, ratios in self.ratios.values()]
        return Found(
            sorted(
                number
                for numbers, ratios, usual in groups
                if len(ratios) >= MIN_PAIRS
                for number, ratio in zip(numbers, ratios, strict=True)
                if abs(ratio - usual) > WILD
            )
        )


def _is_swapped(scripts: tuple[str, str], source: str, target: str) -> bool:
    """Whether each side is written as the other's language is, and not as its own."""
    if not (source and target) or source == target:
        return False
    return _written(scripts[0], target, source) and _written(scripts[1], source, target)


def _written(script: str, wanted: str, other: str) -> bool:
    """Whether a script is the wanted one and not the other; Japanese may be written in Han alone."""
    return script == wanted or (script == "Hani" and wanted == "Jpan" and other != "Hani")
