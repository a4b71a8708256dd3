"""From which language into which: what is said, what the text shows, and what the model can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playground.errors import PlaygroundError
from playground.heads.dialects import Dialect
from playground.i18n import LanguageName, msg
from playground.languages import script_language, script_of, usual_script

EAST_ASIAN = ("Hani", "Jpan", "Kore")
"""Languages in these scripts are told from those in others by a glance; Serbian or Uzbek have two scripts."""
A_FEW_WORDS = 20
"""Shorter texts may be a name or a word that both languages use."""
CHARACTERS_A_WORD = 5
ALSO_CALLED = {"no": "nb", "nb": "no"}
"""Norwegian, which some models know by the name of its written form."""
MOST_NAMED = 12
"""Languages that an error lists."""


def direction(dialect: Dialect, text: str, source: str, target: str, strict: bool = False) -> tuple[str, str]:
    """(source, target) of a text as the model knows them; what is not said is found from the text's script.

    Either is "" only where the model is not told it. `strict` refuses a text that is already in the target's script.
    Raises PlaygroundError for what the model cannot do, with what it can, and where a language stays open.
    """
    source, target = _as_read(source, dialect.reads), _as_known(target, dialect.writes)
    if source and source == target:
        raise PlaygroundError("languages_equal", language=LanguageName(source))
    _check_known(dialect, source, target)
    source = source or _found(dialect.reads, text, target)
    target = target or _only(dialect, source)
    if dialect.reads and not source:
        raise PlaygroundError("source_open", languages=named(dialect.reads))
    if dialect.writes and not target:
        raise PlaygroundError("language_open", languages=named([code for code in dialect.writes if code != source]))
    if strict and source and target and _is_translated(text, source, target):
        raise PlaygroundError("text_in_target_language", target=LanguageName(target), **_abilities(dialect))
    return source, target


def named(languages: Sequence[str]) -> list[Any]:
    """Languages for an error, by their names; the first ones where they are many."""
    more = [msg("languages.more", count=len(languages) - MOST_NAMED)] if len(languages) > MOST_NAMED else []
    return [*map(LanguageName, languages[:MOST_NAMED]), *more] if languages else [msg("languages.any")]


def _as_known(language: str, known: Sequence[str]) -> str:
    """A language as the model calls it."""
    return ALSO_CALLED[language] if language not in known and ALSO_CALLED.get(language) in known else language


def _as_read(language: str, known: Sequence[str]) -> str:
    """The same of a source: what reads Chinese reads Traditional Chinese too, but need not write it."""
    plain = language.partition("-")[0]
    return plain if language not in known and plain in known else _as_known(language, known)


def _check_known(dialect: Dialect, source: str, target: str) -> None:
    sides = ((source, dialect.reads), (target, dialect.writes))
    strange = [code for code, known in sides if code and known and code not in known]
    if not strange:
        return
    if set(strange) <= set(dialect.languages):
        said = {
            name: LanguageName(code) if code else msg("languages.other")
            for name, code in (("source", source), ("target", target))
        }
        raise PlaygroundError("wrong_direction", **said, **_abilities(dialect))
    raise PlaygroundError("language_not_of_model", language=LanguageName(strange[0]), **_abilities(dialect))


def _abilities(dialect: Dialect) -> dict[str, Any]:
    return {"reads": named(dialect.reads), "writes": named(dialect.writes)}


def _found(languages: Sequence[str], text: str, target: str) -> str:
    """The language of a text among those a model reads; "" where its script is that of none or of several."""
    others = [code for code in languages if code != target]
    said = script_language(text)
    written = [said] if said in others else [code for code in others if usual_script(code) == script_of(text)]
    return written[0] if len(written) == 1 else others[0] if len(others) == 1 else ""


def _only(dialect: Dialect, source: str) -> str:
    others = [code for code in dialect.writes if code != source]
    return others[0] if len(others) == 1 else dialect.usual if dialect.usual in others else ""


def _is_translated(text: str, source: str, target: str) -> bool:
    """Whether a text of some words is in the script of the target, which is not the source's."""
    script, own, others = script_of(text), usual_script(source), usual_script(target)
    if script == own or script != others or not {own, others} & set(EAST_ASIAN):
        return False
    if own == "Jpan" and script == "Hani":
        return False  # Japanese names and headlines have no kana
    return len(text) * (CHARACTERS_A_WORD if script in EAST_ASIAN else 1) >= A_FEW_WORDS
