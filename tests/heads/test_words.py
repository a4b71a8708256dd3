"""Words in any script: exact places, nothing lost but blanks."""

from __future__ import annotations

import pytest

from playground.heads.words import words

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
