"""A text is cut where sentences end and nowhere else, and comes together with every line break it had."""

from __future__ import annotations

import random
import time

import pytest

from playground.data.sentences import BREAK, MAX_CHARS, Piece, join, pieces, shortened, side_by_side, whole


def words(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith met Mrs. J. R. Jones. He left.", ["Dr. Smith met Mrs. J. R. Jones.", "He left."]),
        ("Pay $3.50, e.g. in the U.S. army. Ok?", ["Pay $3.50, e.g. in the U.S. army.", "Ok?"]),
        ("See no. 5 and Fig. 3. Then p. 7.", ["See no. 5 and Fig. 3.", "Then p. 7."]),
        ("It is No. It is not.", ["It is No.", "It is not."]),
        ("See https://a.b/c?d=e. Then www.x.org!", ["See https://a.b/c?d=e.", "Then www.x.org!"]),
        ("“Hi.” She said (twice.) and left.", ["“Hi.”", "She said (twice.) and left."]),
        ("“What?” he asked. “That.”", ["“What?” he asked.", "“That.”"]),
        ("Wait… What?! No...", ["Wait…", "What?!", "No..."]),
        ("我来了。“你呢？”他问：好！", ["我来了。", "“你呢？”", "他问：好！"]),
        ("见3.5节；图1.2。好", ["见3.5节；", "图1.2。", "好"]),
        ("مرحبا بالعالم. كيف حالك؟ أنا بخير.", ["مرحبا بالعالم.", "كيف حالك؟", "أنا بخير."]),
        ("हम जाते हैं। तुम आओ।", ["हम जाते हैं।", "तुम आओ।"]),
        ("1. First item.\n2) Second\n  - third\n## Title\n> said", ["First item.", "Second", "third", "Title", "said"]),
        ("1、第一\n（2）第二\n③第三", ["第一", "第二", "第三"]),
        ("https://a.b/c\n12.5\n---\na@b.org\nEnd", ["End"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert words(text) == expected
    assert "".join(piece.before + piece.text for piece in pieces(text)) == text


def test_blanks_follow_the_language_and_the_rest_stays() -> None:
    def translated(text: str, *written: str) -> str:
        given = iter(written)
        parts = pieces(text)
        return join(parts, [next(given) if part.text else "" for part in parts])

    assert (
        translated("  Hello. Hi!\r\n\r\n1. One\tTwo  \n\n", "你好。", "嗨！", "一二")
        == "  你好。嗨！\r\n\r\n1. 一二  \n\n"
    )
    assert translated("你好。嗨！\n　（1）一。二", "Hello.", "Hi!", "One.", "Two") == "Hello. Hi!\n　（1）One. Two"
    assert translated("Call 555. Now.\u2028Later", "现在打电话。", "现在。", "以后") == "现在打电话。现在。\u2028以后"
    assert translated("“Good.” He left… She stayed.", "“好。”", "他走了……", "她留下了。") == "“好。”他走了……她留下了。"
    assert translated("", *()) == ""


@pytest.mark.parametrize(
    "text",
    ["他说：“好。”她走了。", "“走吧！”他说：“再见！”他走了。", "“Yes.” He left… “No,” she said.", "‘Yes.’ “No!”"],
)
def test_what_ends_with_a_quotation_is_set_as_its_language_is(text: str) -> None:
    sentences = [sentence for _, sentence in whole(text)]
    assert len(sentences) > 1 and side_by_side(sentences) == text


def test_what_ends_with_dots_is_set_as_its_language_is() -> None:
    assert side_by_side(["他走了……", "她没有。", "He left…", "She stayed—", "Why?"]) == (
        "他走了……她没有。He left… She stayed— Why?"
    )


def test_nothing_is_lost_of_any_text() -> None:
    letters = random.Random(1)
    for _ in range(3000):
        text = "".join(letters.choice("ab .,\n\r\t。，！?1)-#@x.J\u3000\u2028我") for _ in range(letters.randrange(40)))
        parts = pieces(text)
        assert "".join(part.before + part.text for part in parts) == text
        joined = join(parts, [part.text for part in parts])
        assert BREAK.findall(joined) == BREAK.findall(text)
        assert joined.split() == text.split() or "".join(joined.split()) == "".join(text.split())


def test_long_sentences_are_cut_at_clauses_near_the_middle() -> None:
    clause = "which is a rather long clause of a sentence that does not end, "
    parts = words(clause * 20 + "but now.")
    assert all(len(part) <= MAX_CHARS for part in parts) and len(parts) < 10
    assert all(part.endswith(",") for part in parts[:-1])
    assert words("我们" * 400)[0] == "我们" * 100
    assert all(part.endswith("，") for part in words("我们去公园玩，" * 100)[:-1])


def test_a_piece_is_shortened_until_it_fits() -> None:
    piece = Piece("1. ", "one two three, four five six seven")
    parts = shortened(piece, lambda text: len(text.split()) <= 3)
    assert [part.text for part in parts] == ["one two three,", "four five", "six seven"]
    assert parts[0].before == "1. "
    assert shortened(Piece("", "x"), lambda text: False) == [Piece("", "x")]


@pytest.mark.parametrize("unit", ["a, ", ". ", "a", "1. ", "(", "Dr. ", "a@", '."', "# ", "（", "\n", "www.", "1、"])
def test_no_text_takes_long(unit: str) -> None:
    text = unit * (10_000 // len(unit))
    began = time.perf_counter()
    parts = pieces(text)
    assert time.perf_counter() - began < 1.0
    assert "".join(part.before + part.text for part in parts) == text
