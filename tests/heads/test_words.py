"""Words in any script: exact places, nothing lost but blanks."""

from __future__ import annotations

import pytest

from playground.heads.words import apart, bare, place_before, words

TEXTS = {
    "Dr. O'Neil's 3-year plan": ["Dr", ".", "O", "'", "Neil", "'", "s", "3", "-", "year", "plan"],
    "我在Berlin学习。": ["我", "在", "Berlin", "学", "习", "。"],
    "family 👨‍👩‍👧 in Köln": ["family", "👨‍👩‍👧", "in", "Köln"],
    "cafe\u0301 au lait": ["cafe\u0301", "au", "lait"],
    "سافر أحمد إلى القاهرة.": ["سافر", "أحمد", "إلى", "القاهرة", "."],
    "東京タワー": ["東", "京", "タ", "ワ", "ー"],
    " \t\n\u3000": [],
}


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_words_and_their_places(text: str) -> None:
    places = words(text)
    assert [text[start:end] for start, end in places] == TEXTS[text]
    between = [
        text[end:start] for (_, end), (start, _) in zip([(0, 0), *places], [*places, (len(text), 0)], strict=True)
    ]
    assert not "".join(between).strip()


GLUED = {
    "Barack Obama😀 in Paris😀.": "Barack Obama 😀 in Paris 😀.",
    "Paris→London": "Paris → London",
    "❤️Köln👩‍🚀👨‍👩‍👧Bonn": "❤️ Köln 👩‍🚀👨‍👩‍👧 Bonn",
    "cafe\u0301☕1987": "cafe\u0301 ☕ 1987",
    "😀北京😀": "😀 北京 😀",
    "Ada\u200bLovelace": "Ada \u200b Lovelace",
    "Acme€ costs €20 ±5 at 20°C, 3×4": "Acme € costs €20 ±5 at 20°C, 3×4",
    "a<b, x=y, O'Neil (US$5)!": "a<b, x=y, O'Neil (US$5)!",
    "می\u200cخواهم Ber\u00adlin": "می\u200cخواهم Ber\u00adlin",
    "": "",
}


@pytest.mark.parametrize("text", GLUED, ids=range(len(GLUED)))
def test_symbols_are_set_apart_and_every_character_is_found_again(text: str) -> None:
    spaced, blanks = apart(text)
    assert spaced == GLUED[text]
    for place, character in enumerate(spaced):
        start, end = place_before((place, place + 1), blanks)
        assert text[start:end] == ("" if place in blanks else character)


@pytest.mark.parametrize(
    ("text", "inside"),
    [("😀❤️ Ada Lovelace😀", " Ada Lovelace"), ("€20", "€20"), ("🎉", "🎉"), ("Köln🎉Bonn", "Köln🎉Bonn"), ("", "")],
)
def test_emojis_at_the_ends_are_no_part_of_an_answer(text: str, inside: str) -> None:
    start, end = bare(f"→{text}→", (1, 1 + len(text)))
    assert f"→{text}→"[start:end] == inside
