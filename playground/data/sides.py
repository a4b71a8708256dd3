"""Which two columns are a text and its translation, and which languages they are in, proposed with reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from playground import languages
from playground.data.proposal import Proposal, by_name
from playground.data.rows import CONSTANT
from playground.data.table import Table
from playground.fields import Field, Generated, Language
from playground.i18n import Message, msg

SAMPLE_ROWS = 1_000
NEARLY_ALL = 0.9
MOST = 0.5
MANY_ROWS = 50
FEW_VALUES = 0.05
"""Share of different cells of a topic, a level, a source; texts come again, too, but less often."""
MAX_NAME_CHARS = 60
ID = re.compile(r"[!-/:-~]*+[0-9][!-~]*+")
"""A word of ASCII with a digit in it."""
Cells = Mapping[str, Sequence[str]]
"""Column -> its first cells, stripped, without empty ones."""


@dataclass
class Choice:
    """Columns that are not taken yet, in the order of the file: those of languages, and all others."""

    cells: Cells
    tongues: list[str]
    others: list[str]

    @staticmethod
    def of(table: Table, free: Sequence[str]) -> Choice:
        cells: dict[str, list[str]] = {name: [] for name in free}
        for batch in table.batches(free, size=SAMPLE_ROWS) if free else ():
            cells = {name: [cell.strip() for cell in batch.column(name).to_pylist() if cell.strip()] for name in free}
            break
        tongues = [name for name in free if _share(_is_language, cells[name]) >= NEARLY_ALL]
        return Choice(cells, tongues, [name for name in free if cells[name] and name not in tongues])


def propose_sides(table: Table, free: Sequence[str], fields: Sequence[Field]) -> Iterator[Proposal]:
    """One proposal for each of the fields: Text, Generated and Language, in any order."""
    choice = Choice.of(table, free)
    texts = [wanted for wanted in fields if not isinstance(wanted, Language)]
    texts.sort(key=lambda wanted: isinstance(wanted, Generated))
    sides = _sides(texts, choice)
    yield from sides.values()
    tongues = [wanted for wanted in fields if isinstance(wanted, Language)]
    named = _named_tongues(tongues, choice)
    for wanted in tongues:
        yield named.get(wanted.name) or _constant(wanted, sides[wanted.of].columns, choice.cells)


def _sides(texts: Sequence[Field], choice: Choice) -> dict[str, Proposal]:
    """Columns with a usual name, then those called like a language, then those that hold text."""
    found: dict[str, Proposal] = {}
    written = [name for name in choice.others if _is_written(choice.cells[name])]
    called = [name for name in written if languages.code_of(name)]
    for wanted in texts:
        name = by_name(wanted, [name for name in choice.others if name not in called])
        if name is not None:
            found[wanted.name] = Proposal(wanted.name, [name], msg("data.reason.name", column=name))
            choice.others.remove(name)
    for wanted in texts:
        if wanted.name not in found:
            taken = {languages.code_of(name) for proposal in found.values() for name in proposal.columns} - {None}
            # English of two regions is no pair, where there is another language.
            others = [name for name in called if languages.code_of(name) not in taken]
            found[wanted.name] = _next_side(wanted, [*others, *called], written, choice.others)
    return found


def _next_side(wanted: Field, called: Sequence[str], written: Sequence[str], free: list[str]) -> Proposal:
    name = next((name for name in [*called, *written] if name in free), None)
    if name is None:
        return Proposal(wanted.name, [], msg("data.reason.no_text"))
    free.remove(name)
    key = "data.reason.language_named" if name in called else "data.reason.next_text"
    return Proposal(wanted.name, [name], Message(key, {"column": name}))


def _named_tongues(tongues: Sequence[Field], choice: Choice) -> dict[str, Proposal]:
    """Columns of languages: by name, else in their order; where one is for either, the translation's."""
    found: dict[str, str] = {}
    for wanted in tongues:
        name = by_name(wanted, [name for name in choice.tongues if name not in found.values()])
        if name is not None:
            found[wanted.name] = name
    left = [wanted.name for wanted in tongues if wanted.name not in found]
    free = [name for name in choice.tongues if name not in found.values()]
    found |= dict(zip(left[-len(free) :], free, strict=False)) if free else {}
    return {
        field: Proposal(field, [name], msg("data.reason.language_column", column=name)) for field, name in found.items()
    }


def _constant(wanted: Field, columns: Sequence[str], cells: Cells) -> Proposal:
    """One language for all rows: what the texts' column is called, unless their script says otherwise, else that."""
    script = _script([cell for column in columns for cell in cells[column]])
    called = next((code for column in columns if (code := languages.code_of(column))), None)
    if script and called and languages.usual_script(called) == script:
        return Proposal(wanted.name, [CONSTANT + called], msg("data.reason.language_header", column=columns[0]))
    told = languages.language_of_script(script)
    if told:
        return Proposal(wanted.name, [CONSTANT + told], msg("data.reason.language_script", column=columns[0]))
    return Proposal(wanted.name, [], msg("data.reason.no_language"))


def _script(texts: Sequence[str]) -> str:
    """The script that nearly all are written in; "" where both directions stand in one column."""
    scripts = Counter(map(languages.script_of, texts))
    if scripts["Jpan"] > scripts["Hani"]:  # many a Japanese sentence is short and has no kana
        scripts["Jpan"] += scripts.pop("Hani", 0)
    script, count = max(scripts.items(), key=lambda item: item[1], default=("", 0))
    return script if count >= NEARLY_ALL * len(texts) else ""


def _is_language(cell: str) -> bool:
    return len(cell) <= MAX_NAME_CHARS and languages.code_of(cell) is not None


def _is_written(cells: Sequence[str]) -> bool:
    """Whether a column holds text, and not numbers, ids, or a few words again and again."""
    if len(cells) >= MANY_ROWS and len(set(cells)) <= FEW_VALUES * len(cells):
        return False
    return _share(lambda cell: any(map(str.isalpha, cell)) and not ID.fullmatch(cell), cells) >= MOST


def _share(is_one: Callable[[str], bool], cells: Sequence[str]) -> float:
    return sum(map(is_one, cells)) / len(cells) if cells else 0.0
