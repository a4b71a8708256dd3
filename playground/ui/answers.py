"""What a task's tab shows of an answer, as plain values for its components."""

from __future__ import annotations

from collections import Counter
from typing import Any

from playground.fields import Entity, FoundAnswer, LabelScore, Row
from playground.i18n import catalog, translate
from playground.languages import name_of
from playground.ui import markup

ENTITIES = ("ui.entities.word", "ui.entities.type", "ui.entities.score", "ui.entities.place")
OTHERS = ("ui.tokens.token", "ui.tokens.probability")
LIKELINESS = {"ui.tokens.sure": 0.5, "ui.tokens.open": 0.1, "ui.tokens.rare": 0.0}
"""What is said of a token -> its least probability."""
WRITTEN = ("ui.written.sentence", "ui.written.alternative", "ui.written.score")
ALTERNATIVES = ("ui.answer.text", "ui.answer.sureness", "ui.answer.where")
"""Columns of the tables."""
AROUND = 600
"""Characters of a context shown before and behind an answer."""


def scores(inputs: Row, output: list[LabelScore], details: dict[str, Any], lang: str) -> list[Any]:
    """The only place where labels are keys: gr.Label wants them so. Of several labels also which apply."""
    applying, said = details.get("applying"), []
    if applying is not None:
        said.append(translate(lang, "ui.labels.apply" if applying else "ui.labels.none", labels=applying))
    if details.get("sure") is False:
        said += [translate(lang, "ui.unsure"), *_retries(details, lang)]
    said += _foreign(details, lang)
    return [{entry["label"]: entry["score"] for entry in output}, markup.note(" · ".join(said)) if said else ""]


def entities(inputs: Row, output: list[Entity], details: dict[str, Any], lang: str) -> list[Any]:
    """The text with its entities marked, how many there are of each type, and a table of them."""
    counts = Counter(entity["entity_group"] for entity in output)
    said = " · ".join(f"{_kind(kind, lang)}: {count}" for kind, count in counts.most_common())
    rows = [
        [entity["word"], entity["entity_group"], _percent(entity["score"]), f"{entity['start']}–{entity['end']}"]
        for entity in output
    ]
    places = [(entity["start"], entity["end"], entity["entity_group"]) for entity in output]
    said = said or translate(lang, "ui.entities.none")
    lost = [translate(lang, "ui.entities.lost", lost=details["lost"])] if details.get("lost") else []
    unsure = [translate(lang, "ui.unsure")] if details.get("sure") is False else []
    note = markup.note(" · ".join([said, *lost, *unsure, *_retries(details, lang), *_foreign(details, lang)]))
    return [marked(inputs["text"], places), note, {"headers": headers(ENTITIES, lang), "data": rows}]


def _kind(kind: str, lang: str) -> str:
    """A type of entities, with what it stands for where it is one of the usual abbreviations."""
    key = f"entity.{kind}"
    return f"{kind} ({translate(lang, key)})" if key in catalog() else kind


def answer(inputs: Row, output: FoundAnswer, details: dict[str, Any], lang: str) -> list[Any]:
    """The answer, the place where it stands, and the other answers with their scores."""
    context = inputs["context"]
    start, end = output["start"], output["end"]
    low, high = max(0, start - AROUND), min(len(context), end + AROUND)
    pieces = marked(context[low:high], [(start - low, end - low, translate(lang, "field.answer"))] if end else [])
    if low:
        pieces.insert(0, ("… ", None))
    if high < len(context):
        pieces.append((" …", None))
    score = translate(lang, "ui.answer.score", score=_percent(output["score"]))
    sure = translate(lang, "ui.unsure") if details.get("sure") is False else score
    found = markup.answer(
        output["answer"] or translate(lang, "ui.answer.none"),
        " · ".join([sure, *_retries(details, lang), *_foreign(details, lang)]),
    )
    rows = [
        [
            other["answer"] or translate(lang, "ui.answer.none"),
            _percent(other["score"]),
            f"{other['start']}–{other['end']}" if other["end"] else "",
        ]
        for other in details["alternatives"]
    ]
    return [found, pieces, {"headers": headers(ALTERNATIVES, lang), "data": rows}]


def written(inputs: Row, output: dict[str, str], details: dict[str, Any], lang: str) -> list[Any]:
    """The text, how it was written, and the other ways found for each sentence."""
    way = [name_of(details[side], lang) for side in ("source", "target") if details.get(side)]
    facts = [" → ".join(way)]
    if "tokens" in details:
        facts.append(translate(lang, "ui.written.tokens", tokens=details["tokens"]))
        facts.append(translate(lang, "ui.written.speed", speed=f"{details['tokens_per_second']:.0f}"))
    if "sources" in details:
        facts.append(translate(lang, "ui.summary.of", taken=len(details["sources"]), read=details["read"]))
    if not details.get("whole", True):
        facts.append(translate(lang, "ui.written.not_whole"))
    rows = [
        ["" if number else sentence["text"], found["text"], _percent(found["score"])]
        for sentence in details.get("sentences", ())
        for number, found in enumerate(sentence["alternatives"])
    ]
    if details.get("unsent"):
        knobs = [knob_words("generation", name, lang)["label"] for name in details["unsent"]]
        facts.append(translate(lang, "ui.written.unsent", knobs=knobs))
    facts += [*_retries(details, lang), *_foreign(details, lang)]
    if details.get("ended"):
        facts.append(translate(lang, f"ui.ended.{details['ended']}"))
    note = markup.note(" · ".join(filter(None, facts)))
    return [next(iter(output.values())), note, {"headers": headers(WRITTEN, lang), "data": rows}]


def _retries(details: dict[str, Any], lang: str) -> list[str]:
    """That a server was asked again, where it was."""
    return [translate(lang, "ui.written.retries", retries=details["retries"])] if details.get("retries") else []


def _foreign(details: dict[str, Any], lang: str) -> list[str]:
    """That the text is in a language that the model has not read, where it is."""
    if "instead" not in details:
        return []
    if details["base"]:
        key = "ui.foreign" if details["instead"] else "ui.foreign.none"
    else:
        key = "ui.foreign.chinese" if details["instead"] else "ui.foreign.chinese.none"
    return [translate(lang, key, base=details["base"], instead=details["instead"])]


def knob_words(task_id: str, name: str, lang: str) -> dict[str, str]:
    """A knob's own words in a task where it means something else, or those of all tasks."""
    if f"param.{task_id}.{name}" in catalog():
        label, info = f"param.{task_id}.{name}", f"param.{task_id}.{name}.help"
    else:
        label, info = f"param.{name}", f"param.{name}.help"
    return {"label": translate(lang, label), "info": translate(lang, info)}


def tokens(details: dict[str, Any], lang: str) -> markup.Pieces:
    """What was written, token by token, each marked by how likely it was."""
    return [(token["token"], translate(lang, likeliness(token["probability"]))) for token in details["alternatives"]]


def likeliness(probability: float) -> str:
    """What is said of a token of that probability."""
    return next(word for word, least in LIKELINESS.items() if probability >= least)


def others(token: dict[str, Any], lang: str) -> dict[str, Any]:
    """A table: what might have stood in a token's place, the likeliest first, itself among them."""
    ranked = sorted([token, *token["others"]], key=lambda other: -other["probability"])
    rows = [[other["token"], _percent(other["probability"])] for other in ranked]
    return {"headers": headers(OTHERS, lang), "data": rows}


def headers(columns: tuple[str, ...], lang: str) -> list[str]:
    return [translate(lang, column) for column in columns]


def marked(text: str, places: list[tuple[int, int, str]]) -> markup.Pieces:
    """The text in pieces; `places` are (start, end, label), sorted, without overlaps."""
    pieces: markup.Pieces = []
    done = 0
    for start, end, label in places:
        if start > done:
            pieces.append((text[done:start], None))
        pieces.append((text[start:end], label))
        done = end
    if done < len(text):
        pieces.append((text[done:], None))
    return pieces


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
