"""Names and codes of languages, and what the script of a text tells of its language.

Names, aliases and the usual script of each language are CLDR's, as Babel carries them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

CODE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?")
"""Language, script, territory, in lower case: "en", "zho-hant", "en-xx"."""
NO_LANGUAGE = frozenset({"und", "mul", "mis", "zxx", "src"})
"""Codes for none or any; "src" is Logudorese, and everywhere short for the source."""
NAMED_IN = ("en", "zh", "zh_Hant")
OTHER_NAMES = {
    "mandarin": "zh", "汉语": "zh", "漢語": "zh", "普通话": "zh", "普通話": "zh", "国语": "zh", "國語": "zh",
    "华语": "zh", "華語": "zh", "简体": "zh", "簡體": "zh", "繁体": "zh-Hant", "繁體": "zh-Hant", "farsi": "fa",
    "cantonese": "yue",
}  # fmt: skip
"""What people say and CLDR does not list."""
TONGUE = ("文", "语", "語")
"""The last character of most Chinese names of languages: which one is a matter of taste and region."""
SCRIPTS = {
    "CJK": "Hani", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "HANGUL": "Kore", "LATIN": "Latn", "CYRILLIC": "Cyrl",
    "ARABIC": "Arab", "GREEK": "Grek", "HEBREW": "Hebr", "THAI": "Thai", "DEVANAGARI": "Deva", "BENGALI": "Beng",
    "TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "GUJARATI": "Gujr",
    "GURMUKHI": "Guru", "GEORGIAN": "Geor", "ARMENIAN": "Armn", "ETHIOPIC": "Ethi", "KHMER": "Khmr", "LAO": "Laoo",
    "MYANMAR": "Mymr", "SINHALA": "Sinh", "TIBETAN": "Tibt",
}  # fmt: skip
"""First word of a letter's Unicode name -> the ISO 15924 code of its script."""
HAN = {"Hans": "Hani", "Hant": "Hani"}
PARTS = {"Hang": "Kore", "Hira": "Jpan", "Kana": "Jpan"}
"""Scripts that are one part of how a language is written."""
HAN_CHARACTER = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
LOOKED_AT = 300
LETTERS_A_WORD = 4
"""A Chinese character is about a word: an English sentence may mention 你好, and a Chinese one Windows."""
KANA_SHARE = 0.1


@lru_cache(maxsize=4096)
def code_of(word: str) -> str | None:
    """The BCP-47 code of a language's code or name, None for a word that is neither.

    Codes may be ISO 639-1 to -3, FLORES' (zho_Hant) or mBART's (zh_CN); names English, Chinese, or the language's
    own. A territory is dropped, and a script stays only where it is not the language's usual one: "zh-Hant", "zh".
    """
    tidy = " ".join(word.casefold().split()).replace("_", "-")
    match = CODE.fullmatch(tidy)
    return (match and _from_code(*match.groups(""))) or _from_name(tidy)


def name_of(code: str, lang: str) -> str:
    """What a language is called in another; the code itself where that is not known."""
    from babel import Locale

    locale = Locale(lang)
    language, _, script = code.partition("-")
    whole = locale.languages.get(code.replace("-", "_"))
    name = locale.languages.get(language)
    if whole or not name:
        return str(whole or code)
    shown = locale.scripts.get(script, script)
    return f"{name}（{shown}）" if lang == "zh" else f"{name} ({shown})"


def script_language(text: str) -> str:
    """The language that most texts in this script are in: "zh", "ja", "ru"; "" for Latin letters and for none."""
    return language_of_script(script_of(text))


def language_of_script(script: str) -> str:
    """The same of a script."""
    return "" if script in ("", "Latn") else _likely(f"und_{script}")[0]


def script_of(text: str) -> str:
    """The ISO 15924 code of the script most of a text's beginning is in; "" where it has no letters we know.

    "Hani" is Han without kana, "Jpan" Han with kana.
    """
    counts: Counter[str] = Counter()
    for char, count in Counter(text[:LOOKED_AT]).items():
        script = _script_of_letter(char)
        if script:
            counts[script] += count * (LETTERS_A_WORD if script in ("Hani", "Jpan") else 1)
    if counts["Jpan"] > KANA_SHARE * (counts["Hani"] + counts["Jpan"]):
        counts["Jpan"] += counts.pop("Hani", 0)
    return max(counts, key=counts.__getitem__, default="")


@lru_cache(maxsize=20_000)
def _script_of_letter(char: str) -> str:
    return SCRIPTS.get(unicodedata.name(char, "").partition(" ")[0], "") if char.isalpha() else ""


def has_han(text: str) -> bool:
    """Whether a Chinese character stands in a text."""
    return HAN_CHARACTER.search(text) is not None


@lru_cache(maxsize=4096)
def usual_script(code: str) -> str:
    """The script a language is written in, as `script_of` says it; "" where that is not known."""
    language, _, script = code.partition("-")
    script = script or _likely(language)[1]
    return HAN.get(script, script)


def may_be_in(code: str, script: str) -> bool:
    """Whether texts in a language may be in a script, as `script_of` says it: Serbian in two, Japanese in Han alone.

    Of Chinese CLDR knows pinyin, which no texts are in.
    """
    from babel import localedata

    usual = usual_script(code)
    if not (script and usual) or script == usual or (script, usual) == ("Hani", "Jpan"):
        return True
    return usual not in HAN.values() and localedata.exists(f"{code.partition('-')[0]}_{script}")


def _from_code(language: str, script: str, territory: str) -> str | None:
    from babel import Locale, core

    alias = None if language in NO_LANGUAGE else core.get_global("language_aliases").get(language)
    language = alias.partition("_")[0] if alias else language
    # Thousands of three-letter words are codes of small languages; alone, they more often are something else.
    known = language in Locale("en").languages or (script and _likely(language)[0])
    if not known or language in NO_LANGUAGE or not _is_territory(territory.upper()):
        return None
    usual = _likely(language)[1]
    written = PARTS.get(script.title(), script.title()) or _likely(f"{language}_{territory.upper()}")[1] or usual
    return language if written == usual else f"{language}-{written}"


def _is_territory(code: str) -> bool:
    """Whether a code is a country's or a region's, none, or mBART's "XX"; "en-zh" is no English of some place."""
    from babel import Locale

    return code in ("", "XX") or code in Locale("en").territories


def _likely(code: str) -> tuple[str, str]:
    """(language, script) that CLDR takes a code to mean; ("", "") where it does not know it."""
    from babel import core

    language, script, _ = [*core.get_global("likely_subtags").get(code, "").split("_"), "", ""][:3]
    return language, script


def _from_name(tidy: str) -> str | None:
    """By the name itself, "simplified chinese" for "chinese (simplified)", "英语" for "英文", and without brackets."""
    name, _, more = tidy.replace("（", "(").partition("(")
    name, more = name.strip(), more.rstrip(")） ")
    tries = (tidy, f"{more} {name}", f"{more}{name}", name)
    for table in (_names(), _own_names()):
        for one in tries:
            for spelling in (one, *(one[:-1] + end for end in TONGUE if one[-1:] in TONGUE)):
                if spelling in table:
                    return table[spelling]
    return None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """{English and Chinese name in lower case: code}"""
    from babel import Locale

    named: dict[str, str] = {}
    for lang in NAMED_IN:
        for code, name in Locale.parse(lang).languages.items():
            match = CODE.fullmatch(code.lower().replace("_", "-"))
            found = _from_code(*match.groups("")) if match else None
            if found:
                named.setdefault(name.casefold(), found)
    return named | OTHER_NAMES


@lru_cache(maxsize=1)
def _own_names() -> dict[str, str]:
    """{the language's name for itself: code}; reading all of CLDR takes half a second, so it comes last."""
    from babel import Locale, localedata

    plain = [code for code in localedata.locale_identifiers() if re.fullmatch(r"[a-z]{2,3}", code)]
    own = {code: Locale(code).languages.get(code) for code in plain}
    return {name.casefold(): code for code, name in own.items() if name}
