"""Codes and names of languages as models and people write them, and what a script tells."""

from __future__ import annotations

import pytest

from playground.languages import code_of, may_be_in, name_of, script_language, script_of, usual_script


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", "en EN eng eng_Latn en_XX en-US en_GB English english 英语 英文 英語"),
        (
            "zh",
            "zh ZH zho chi cmn zho_Hans cmn_Hans zh_CN zh-cn zh-Hans zh-Hans-CN Chinese Mandarin 中文 汉语 简体中文",
        ),
        ("zh-Hant", "zh-TW zh_TW zh_HK zho_Hant zh-Hant zh-Hant-TW 繁体中文 繁體中文"),
        ("de", "de deu ger deu_Latn de_DE German german Deutsch 德语 德文"),
        ("fr", "fr fra fre fr_XX français 法语 法文"),
        ("ja", "ja jpn jpn_Jpan ja_XX Japanese 日语 日文 日本語"),
        ("ko", "ko kor kor_Hang ko_KR 韩语 韩文 한국어"),
        ("ar", "ar arb arb_Arab ar_AR ara"),
        ("fa", "fa pes_Arab prs_Arab fa_IR Farsi"),
        ("he", "he iw he_IL heb_Hebr"),
        ("pt", "pt pt_XX pt-BR por_Latn"),
        ("sr-Latn", "sr-Latn srp_Latn"),
        ("uz", "uz uzn_Latn"),
        ("acm", "acm_Arab"),
        ("yue", "yue yue_Hant"),
        ("no", "no nor"),
    ],
)
def test_a_code_or_a_name_is_known(code: str, words: str) -> None:
    assert {word: code_of(word) for word in words.split()} == dict.fromkeys(words.split(), code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Simplified  Chinese", "zh"),
        ("Chinese (Simplified)", "zh"),
        ("Chinese (Traditional)", "zh-Hant"),
        ("中文（简体）", "zh"),
        ("中文(繁体)", "zh-Hant"),
        (" English (US) ", "en"),
        ("Brazilian Portuguese", "pt"),
    ],
)
def test_names_of_several_words(words: str, code: str) -> None:
    assert code_of(words) == code


@pytest.mark.parametrize(
    "word", ["", " ", "text", "source", "target", "src", "tgt", "row", "xx", "und", "klingonish", "原文", "译文", "123"]
)
def test_other_words_are_no_language(word: str) -> None:
    assert code_of(word) is None


def test_a_code_of_ours_stays_what_it_is() -> None:
    for word in ("en", "zh", "zh-Hant", "sr-Latn", "yue", "fil", "he"):
        assert code_of(word) == word


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        ("en", "English", "英语"),
        ("zh", "Chinese", "中文"),
        ("zh-Hant", "Traditional Chinese", "繁体中文"),
        ("sr-Latn", "Serbian (Latin)", "塞尔维亚语（拉丁文）"),
        ("acm", "acm", "acm"),
    ],
)
def test_a_name_is_in_the_language_of_the_page(code: str, en: str, zh: str) -> None:
    assert (name_of(code, "en"), name_of(code, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("我用 Windows 写邮件。", "zh", "Hani"),
        ("The word 你好 means hello.", "", "Latn"),
        ("今日は暑いですね", "ja", "Jpan"),
        ("这家店叫の家，很好吃，下次还来", "zh", "Hani"),
        ("안녕하세요", "ko", "Kore"),
        ("Доброе утро", "ru", "Cyrl"),
        ("صباح الخير", "ar", "Arab"),
        ("Καλημέρα", "el", "Grek"),
        ("สวัสดี", "th", "Thai"),
        ("नमस्ते", "hi", "Deva"),
        ("", "", ""),
        ("123, 45!", "", ""),
    ],
)
def test_what_the_script_tells(text: str, language: str, script: str) -> None:
    assert (script_language(text), script_of(text)) == (language, script)


def test_the_script_of_a_language_is_that_of_its_texts() -> None:
    codes = ("en", "zh", "zh-Hant", "ja", "ko", "ru", "uk", "ar", "sr-Latn", "sr", "acm", "")
    scripts = ["Latn", "Hani", "Hani", "Jpan", "Kore", "Cyrl", "Cyrl", "Arab", "Latn", "Cyrl", "Arab", ""]
    assert [usual_script(code) for code in codes] == scripts


@pytest.mark.parametrize(
    ("code", "script", "may"),
    [
        ("en", "Latn", True), ("en", "Hani", False), ("zh", "Latn", False), ("zh-Hant", "Hani", True),
        ("ja", "Hani", True), ("zh", "Jpan", False), ("sr", "Latn", True), ("sr", "Cyrl", True), ("ru", "Latn", False),
        ("ko", "Latn", False), ("hi", "Latn", True), ("en", "", True),
    ],
)  # fmt: skip
def test_scripts_that_a_language_may_be_in(code: str, script: str, may: bool) -> None:
    assert may_be_in(code, script) == may
