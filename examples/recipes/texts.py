"""The texts of the starters that write: English stories and Chinese poems, a passage or a poem a row."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SEED = 13

HELD_OUT_BOOK = "burgess-busterbrown.txt"
"""Chosen before any training: stories for children, as most of the other books are, by an author of whom there is no
other."""
PASSAGE_CHARS = 1_350
"""About 440 tokens of the recipe's vocabulary: a passage fits into one block of 512."""
PROSE_WIDTH = 50
"""Mean length of the lines of prose; verse and plays have shorter ones, and keep their line breaks."""


def story_en(data: Path) -> Iterator[Row]:
    """story-en: books and Shakespeare's plays (public domain); one book is held out."""
    for path in sorted((data / "train/text_en").glob("*.txt")):
        if path.name != "SOURCE.txt":
            side = "held_out" if path.name == HELD_OUT_BOOK else "train"
            yield from ({"text": text, "split": side} for text in passages(path.read_text(encoding="utf-8")))


def passages(text: str) -> Iterator[str]:
    """Paragraphs, as many together as fit into PASSAGE_CHARS; a longer one alone."""
    kept = ""
    for paragraph in filter(None, map(flowing, re.split(r"\n\s*\n", text.replace("\r\n", "\n")))):
        if kept and len(kept) + len(paragraph) > PASSAGE_CHARS:
            yield kept
            kept = ""
        kept += ("\n\n" if kept else "") + paragraph
    if kept:
        yield kept


def flowing(paragraph: str) -> str:
    """A paragraph without the line breaks of its page, where it is prose."""
    lines = [line.strip() for line in paragraph.strip().splitlines()]
    prose = len(lines) == 1 or sum(map(len, lines[:-1])) / (len(lines) - 1) > PROSE_WIDTH
    return (" " if prose else "\n").join(lines)


POEM_CHARS = 120
"""Longer poems are left out: the starter writes short ones."""
POEM_HELD_OUT = 0.02
FORMS = {(4, 5): "五绝", (4, 7): "七绝", (8, 5): "五律", (8, 7): "七律"}
"""(lines, characters of each) -> what such a poem is called."""
LINE_END = re.compile("[，。！？；、：]")
HEADERS = (("form", "author"), ("form",), ("author",), ())
"""What stands above a poem, each as often: so it can be asked for by its form, its author, both, or its first line."""


def poem_zh(data: Path) -> Iterator[Row]:
    """poem-zh: Tang poems and Song ci (chinese-poetry, MIT), all in simplified characters."""
    from opencc import OpenCC  # type: ignore[import-untyped]

    simplified = OpenCC("t2s").convert
    rng = random.Random(SEED)
    seen: set[str] = set()
    folder = data / "train/text_zh/poetry"
    for path in sorted([*(folder / "唐诗").glob("*.json"), *(folder / "宋词").glob("ci.song.*.json")]):
        for poem in json.loads(path.read_text(encoding="utf-8")):
            text = simplified("\n".join(poem["paragraphs"])).strip()
            bare = LINE_END.sub("", text)
            if not text or len(text) > POEM_CHARS or "□" in text or "{" in text or bare in seen:
                continue
            seen.add(bare)
            told = {"form": simplified(form_of(text, poem)), "author": simplified(poem["author"])}
            header = " ".join(told[name] for name in rng.choice(HEADERS) if told[name])
            side = "held_out" if rng.random() < POEM_HELD_OUT else "train"
            yield {"text": f"{header}\n{text}" if header else text, "split": side}


def form_of(text: str, poem: dict[str, Any]) -> str:
    """五绝 and the like, by its lines; of a ci its tune; "" for other forms."""
    lines = verses(text)
    lengths = {len(line) for line in lines}
    return poem.get("rhythmic") or FORMS.get((len(lines), *lengths), "")  # type: ignore[arg-type]


def verses(text: str) -> list[str]:
    """The lines of a poem, without their marks."""
    return [line for part in text.split("\n") for line in LINE_END.split(part) if line.strip()]
