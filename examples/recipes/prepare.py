"""`python -m examples.recipes.prepare`: the data files of the recipes, made of the sets that PLAYGROUND_DATA names.

Each set comes in a form of its own; what a recipe reads is one jsonl file beside it, in build/, with
a column `split` that says which rows are held out. Seeds are fixed here, before any training.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from examples.recipes.labelled import emotion_en, topic_en, topic_zh
from examples.recipes.texts import poem_zh, story_en
from playground.data.tokens import join

BUILD = Path(__file__).parent / "build"
SEED = 13
Row = dict[str, Any]

QA_HELD_OUT = 500
QA_UNANSWERABLE = 0.1
"""Share of questions that also come with a context that does not answer them, so that saying so is learned."""


def squad(folder: Path) -> Iterator[Row]:
    """Questions on paragraphs of Wikipedia (SQuAD 1.1, CC BY-SA 4.0), tokens a line."""
    for name in ("small_train/train", "all_val/val"):
        # Not splitlines(): some tokens hold a line separator of Unicode.
        parts = ((folder / f"{name}.{part}").read_bytes() for part in ("context", "question", "span", "answer"))
        lines = (part.decode("utf-8").split("\n")[:-1] for part in parts)
        for context, question, span, answer in zip(*lines, strict=True):
            first, last = map(int, span.split())
            tokens = context.split()
            if tokens[first : last + 1] == answer.split():  # in some 40 rows the numbers are wrong
                yield question_row(tokens, question.split(), range(first, last + 1))


def qamr(folder: Path) -> Iterator[Row]:
    """Questions on single sentences (QAMR, MIT); answers that are not one stretch are left out."""
    lines = (folder / "wiki-sentences.tsv").read_text(encoding="utf-8").splitlines()
    sentences = dict(line.split("\t", 1) for line in lines)
    for name in ("dev", "test"):
        for line in (folder / f"filtered/{name}.tsv").read_text(encoding="utf-8").splitlines():
            cells = line.split("\t")
            places = sorted(map(int, cells[6].split()))
            if places and places == list(range(places[0], places[-1] + 1)):
                question = re.sub(r"\s+([?.,!])", r"\1", cells[5])
                yield question_row(sentences[cells[0]].split(), [question], places)


def question_row(context: list[str], question: list[str], places: Iterable[int]) -> Row:
    text, offsets = join(context)
    numbers = list(places)
    start, end = offsets[numbers[0]][0], offsets[numbers[-1]][1]
    answer = {"text": text[start:end], "answer_start": start}
    return {"question": join(question)[0], "context": text, "answers": [answer]}


def qa_en(data: Path) -> Iterator[Row]:
    """qa-en: 500 SQuAD questions held out by paragraph; the rest, QAMR and some unanswerable ones to train on."""
    rng = random.Random(SEED)
    paragraphs: dict[str, list[Row]] = {}
    for row in squad(data / "train/qa_en/squad11_val5pct"):
        if row["question"] not in [other["question"] for other in paragraphs.setdefault(row["context"], [])]:
            paragraphs[row["context"]].append(row)
    order = sorted(paragraphs)
    rng.shuffle(order)
    held_out = 0
    train: list[Row] = []
    for context in order:
        if held_out < QA_HELD_OUT:
            for row in paragraphs[context][: QA_HELD_OUT - held_out]:
                held_out += 1
                yield {**row, "split": "held_out"}
        else:
            train += paragraphs[context]
    seen: dict[tuple[str, str], Row] = {}
    for row in qamr(data / "train/qa_en/qamr"):
        seen.setdefault((row["context"], row["question"].lower()), row)
    sentences = list(seen.values())
    for row in [*train, *sentences, *elsewhere(train, rng), *elsewhere(sentences, rng)]:
        yield {**row, "split": "train"}


def elsewhere(rows: list[Row], rng: random.Random) -> Iterator[Row]:
    """Questions with the likeliest of 50 contexts that do not hold their answer."""
    contexts = sorted({row["context"] for row in rows})
    bags = {context: set(context.lower().split()) for context in contexts}
    for row in rng.sample(rows, int(QA_UNANSWERABLE * len(rows))):
        words, answer = set(row["question"].lower().split()), row["answers"][0]["text"].lower()
        others = [context for context in rng.sample(contexts, 50) if answer not in context.lower()]
        if others:
            yield {**row, "context": max(others, key=lambda context: len(words & bags[context])), "answers": []}


KINDS = {"PER": "PER", "LOC": "LOC", "ORG": "ORG", "person": "PER", "location": "LOC", "corporation": "ORG",
         "group": "ORG"}  # fmt: skip
"""Types of the three sets -> types of the starter; works, products and the rest are no entities here."""
NER_HELD_OUT = 0.2


def conll(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """(tokens, tags) of every sentence."""
    tokens: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            token, _, tag = re.sub(r"\s+(\S+)$", r"\t\1", line).rpartition("\t")
            if token.strip():  # a few lines of BTC have a tag and no token
                tokens.append(token.strip())
                tags.append(tag.strip())
        elif tokens:
            yield tokens, tags
            tokens, tags = [], []


def ner_row(tokens: list[str], tags: list[str]) -> Row:
    """The text and its entities. Handles of Twitter are none: their type is not in the text."""
    text, places = join(tokens)
    spans: list[dict[str, Any]] = []
    previous = "O"
    for index, (tag, (start, end)) in enumerate(zip(tags, places, strict=True)):
        handle = tokens[index].startswith("@") or (index and tokens[index - 1] == "@")
        mark, _, kind = tag.partition("-")
        label = "" if handle else KINDS.get(kind, "")
        if label and mark == "I" and previous == label and spans:
            spans[-1]["end"] = end
        elif label:
            spans.append({"start": start, "end": end, "label": label})
        previous = label
    return {"text": text, "entities": spans}


def ner_en(data: Path) -> Iterator[Row]:
    """ner-en: Wikipedia (wikigold, CC BY 4.0; a fifth held out) and Twitter (BTC, CC BY 4.0; WNUT 17, CC BY 4.0)."""
    folder = data / "train/ner_en"
    wiki = [ner_row(*sentence) for sentence in conll(folder / "wikigold/CONLL-format/data/wikigold.conll.txt")]
    wiki = list({row["text"]: row for row in wiki}.values())
    random.Random(SEED).shuffle(wiki)
    cut = round(NER_HELD_OUT * len(wiki))
    tweets = [
        *sorted((folder / "BTC/CONLL-format/data").glob("*.conll")),
        *sorted((data / "train/wnut17").glob("*.conll")),
    ]
    seen = {row["text"].lower() for row in wiki[:cut]}
    yield from ({**row, "split": "held_out"} for row in wiki[:cut])
    yield from ({**row, "split": "train"} for row in wiki[cut:] if row["text"].lower() not in seen)
    for path in tweets:
        for sentence in conll(path):
            row = ner_row(*sentence)
            if row["text"].lower() not in seen:
                seen.add(row["text"].lower())
                yield {**row, "split": "train"}


MOST_WORDS = 24
"""Longer English sides are left out: the starter is for everyday sentences, and verses would take most of the time."""


def pairs(data: Path) -> Iterator[tuple[str, str]]:
    """(English, Chinese) to train on: Tatoeba (CC BY 2.0 FR), captions (3AM, MIT), Bible (public domain)."""
    folder = data / "train/translation_en_zh"
    for line in (folder / "tatoeba_grouped_train.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
        english, chinese, _ = line.split("\t")
        yield english, chinese
    sides = ((folder / f"captions_train.{lang}").read_text(encoding="utf-8").split("\n")[:-1] for lang in ("en", "zh"))
    yield from zip(*sides, strict=True)
    for line in (folder / "bible_kjv_cuv.tsv").read_text(encoding="utf-8").split("\n")[:-1]:
        *_, english, chinese = line.split("\t")
        yield english, chinese


def translate_en_zh(data: Path) -> Iterator[Row]:
    """translate-en-zh: every pair in both directions; Tatoeba's dev set, which shares no sentence, is held out."""
    path = data / "train/translation_en_zh/tatoeba_grouped_dev.tsv"
    held_out = [tuple(line.split("\t")[:2]) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    kept = {side.casefold() for pair in held_out for side in pair}
    seen: set[tuple[str, str]] = set()
    for english, chinese in held_out:
        yield from both_ways(english, chinese, "held_out")
    for english, chinese in pairs(data):
        pair = " ".join(english.split()), " ".join(chinese.split())
        fits = all(pair) and len(pair[0].split()) <= MOST_WORDS
        if fits and pair not in seen and not kept & {side.casefold() for side in pair}:
            seen.add(pair)
            yield from both_ways(*pair, "train")


def both_ways(english: str, chinese: str, side: str) -> Iterator[Row]:
    yield {"text": english, "source": "en", "target": "zh", "translation": chinese, "split": side}
    yield {"text": chinese, "source": "zh", "target": "en", "translation": english, "split": side}


RECIPES = {
    "ner-en": ner_en,
    "qa-en": qa_en,
    "translate-en-zh": translate_en_zh,
    "story-en": story_en,
    "poem-zh": poem_zh,
    "emotion-en": emotion_en,
    "topic-en": topic_en,
    "topic-zh": topic_zh,
}


def main() -> None:
    data = Path(os.environ["PLAYGROUND_DATA"])
    BUILD.mkdir(exist_ok=True)
    for name, rows in RECIPES.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in rows(data)]
        (BUILD / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {len(lines):,} rows")


if __name__ == "__main__":
    main()
