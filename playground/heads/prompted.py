"""Chat models at the tasks of specialists: a row is asked as a question, and what is said becomes the task's output.

| output  | asked for             | how it becomes the output                                                      |
|---------|-----------------------|--------------------------------------------------------------------------------|
| a label | each label's tokens   | their probabilities behind the question, as shares of all labels; where a model |
|         |                       | tells none, the label that it says                                             |
| spans   | JSON, type and text   | each text is looked up in the row, one after the other                         |
| answer  | words of the context  | looked up in it; a context may be missing                                      |
| a text  | itself                |                                                                                |

What cannot be read is asked for once more, with what is wrong with it; then it is said to be unusable.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel

from playground.errors import PlaygroundError
from playground.fields import ASSISTANT, USER, Entity, FoundAnswer, Row, Turn
from playground.heads.base import Prediction
from playground.i18n import LANGUAGES, translate
from playground.languages import has_han, name_of

PLACE = re.compile(r"\{(\w+)\}")
THOUGHT = re.compile(r"\s*<think>.*?(</think>\s*|$)", re.DOTALL)
"""What models that reason write before they answer."""
QUOTES = " \t\r\n\"'“”‘’「」『』`*.。!！"
SHOWN_CHARS = 200
PROMPT = "prompt"
"""Key in a row of a prompt that is not the task's own."""
GIVEN = ("candidate_labels", "entity_types")
"""Inputs that hold the labels to choose from."""
LABEL_TOKENS, SPANS_TOKENS, ANSWER_TOKENS = 32, 512, 96
TYPE_KEYS, TEXT_KEYS = ("type", "label", "entity_group"), ("text", "word", "entity")


@dataclass(frozen=True)
class Said:
    """What a chat model said.

    score    the geometric mean of its tokens' probabilities; None where it does not tell
    details  how it was said: see causal_lm
    """

    text: str
    score: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Chat(Protocol):
    """A model that one can talk to, for one piece of work."""

    def say(self, chats: Sequence[list[Turn]], most_tokens: int) -> list[Said]:
        """What it answers to each, without chance."""

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> list[np.ndarray] | None:
        """For each chat the log-probability of each of its options as the whole answer; None where it tells none."""


def fill(prompt: str, values: Mapping[str, str]) -> str:
    """A prompt with values at their {places}; a paragraph goes whose value is empty."""
    kept = [
        part for part in prompt.split("\n\n") if not any(values.get(place, "-") == "" for place in PLACE.findall(part))
    ]
    return PLACE.sub(lambda found: values.get(found[1], found[0]), "\n\n".join(kept))


def language(row: Row) -> str:
    """Of the prompt for a row: Chinese where its first text holds Chinese characters."""
    return "zh" if has_han(next((value for value in row.values() if isinstance(value, str) and value), "")) else "en"


class Asked(ABC):
    """How a task is asked of a chat model.

    task   its id: its words are `prompt.<task>` in the catalogs
    most   tokens that an answer may have
    """

    most: int

    def __init__(self, task: str) -> None:
        self.task = task

    def question(self, row: Row, labels: Sequence[str]) -> list[Turn]:
        """The row as a user's turn, by its own `prompt` or the task's."""
        prompt = row.get(PROMPT) or translate(language(row), f"prompt.{self.task}")
        return [{"role": USER, "content": fill(prompt, self.values(row, labels, "zh" if has_han(prompt) else "en"))}]

    def is_own(self, prompt: str) -> bool:
        """Whether these are the task's own words, in either language."""
        return prompt.strip() in [translate(lang, f"prompt.{self.task}").strip() for lang in LANGUAGES]

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        """What stands at the places of a prompt in a language."""
        texts = {name: value for name, value in row.items() if isinstance(value, str)}
        return {**texts, "labels": ("、" if lang == "zh" else ", ").join(labels)}

    def labels(self, row: Row, learned: Sequence[str]) -> Sequence[str]:
        """Those to choose from: what the model learned, or what is given."""
        return learned or next((row[name] for name in GIVEN if row.get(name)), ())

    @abstractmethod
    def gold(self, row: Row) -> str:
        """What the model is to say of a row whose right answer is known."""

    @abstractmethod
    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        """What was said as the task's output; None where it cannot be read as such."""

    @abstractmethod
    def nothing(self) -> Any:
        """The output of a row of which nothing usable was said."""

    def tokens(self, params: BaseModel) -> int:
        return self.most

    def answers(
        self, chat: Chat, rows: Sequence[Row], learned: Sequence[str], params: BaseModel, strict: bool = False
    ) -> list[Prediction]:
        """One prediction per row, same order. `strict` raises PlaygroundError where nothing usable is said of one."""
        kinds = [self.labels(row, learned) for row in rows]
        chats = [self.question(row, labels) for row, labels in zip(rows, kinds, strict=True)]
        said = chat.say(chats, self.tokens(params))
        found = [self.read(*one) for one in zip(said, rows, kinds, strict=True)]
        if open_ := [number for number, one in enumerate(found) if one is None]:
            # With what was said before, so that it can be put right.
            lang = language(rows[open_[0]])
            remedy = translate(lang, f"prompt.{self.task}.again")
            again = chat.say(
                [
                    [
                        *chats[number],
                        {"role": ASSISTANT, "content": said[number].text[:SHOWN_CHARS] or "…"},
                        {"role": USER, "content": remedy},
                    ]
                    for number in open_
                ],
                self.tokens(params),
            )  # fmt: skip
            for number, one in zip(open_, again, strict=True):
                mended = self.read(one, rows[number], kinds[number])
                found[number] = mended or self._unusable(one, strict)
        return [
            Prediction(one.output, {**one.details, "prompt": turns[0]["content"]})
            for one, turns in zip(found, chats, strict=True)
            if one
        ]

    def _unusable(self, said: Said, strict: bool) -> Prediction:
        text = said.text.strip()[:SHOWN_CHARS]
        if strict:
            raise PlaygroundError("chat_unusable", said=text or "…")
        return Prediction(self.nothing(), {"unusable": text or "…"})


def answer_text(said: Said) -> str:
    """What was said, without what was thought before."""
    return THOUGHT.sub("", said.text, count=1).strip()


class AskedLabel(Asked):
    """One of several labels."""

    most = LABEL_TOKENS

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        pair = row.get("text_pair") or ""
        text = f"{row['text']}\n{pair}" if pair else row["text"]
        return {**super().values(row, labels, lang), "text": text}

    def gold(self, row: Row) -> str:
        return str(row["label"])

    def answers(
        self, chat: Chat, rows: Sequence[Row], learned: Sequence[str], params: BaseModel, strict: bool = False
    ) -> list[Prediction]:
        kinds = [self.labels(row, learned) for row in rows]
        chats = [self.question(row, labels) for row, labels in zip(rows, kinds, strict=True)]
        weights = chat.weigh(chats, kinds)
        if weights is None:
            return super().answers(chat, rows, learned, params, strict)
        top_k = getattr(params, "top_k", None)
        found = []
        for turns, labels, logs in zip(chats, kinds, weights, strict=True):
            shares = np.exp(logs - logs.max())
            shares /= shares.sum()
            ranked = sorted(zip(labels, shares.tolist(), strict=True), key=lambda one: -one[1])[:top_k]
            output = [{"label": label, "score": score} for label, score in ranked]
            found.append(Prediction(output, {"prompt": turns[0]["content"]}))
        return found

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        """1 for the label that was said, 0 for the others: how sure the model is, it does not tell."""
        text = answer_text(said).strip(QUOTES).casefold()
        same = [label for label in labels if label.casefold() == text]
        inside = [label for label in labels if label.casefold() in text]
        # Of "positive" and "very positive" the longer one was meant.
        best = same or [label for label in inside if not any(label != o and label in o for o in inside)]
        if len(best) != 1:
            return None
        output = [{"label": label, "score": float(label == best[0])} for label in [best[0], *labels] if label]
        return Prediction([output[0], *(one for one in output[1:] if one["label"] != best[0])], {"sure": False})

    def nothing(self) -> Any:
        return [{"label": "", "score": 0.0}]


class AskedSpans(Asked):
    """Labelled stretches of the text."""

    most = SPANS_TOKENS

    def gold(self, row: Row) -> str:
        text = row["text"]
        named = [{"type": one["label"], "text": text[one["start"] : one["end"]]} for one in row["entities"]]
        return json.dumps(named, ensure_ascii=False)

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        listed = _json_list(answer_text(said))
        if listed is None:
            return None
        names = {label.casefold(): label for label in labels}
        found, lost = _located(listed, row["text"], names, said.score)
        least = float(row.get("min_score") or 0)
        kept = [one for one in found if one["score"] >= least]
        return Prediction(kept, {"lost": lost, "sure": said.score is not None})

    def nothing(self) -> Any:
        return []


def _json_list(text: str) -> list[dict[str, Any]] | None:
    """The first list of objects in a text, or objects that hold one; None where there is none."""
    decoder = json.JSONDecoder()
    for place, char in enumerate(text):
        if char not in "[{":
            continue
        try:
            value, _ = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            value = next((inner for inner in value.values() if isinstance(inner, list)), [value])
        if all(isinstance(one, dict) for one in value):
            return list(value)
    return None


def _located(
    listed: Sequence[Mapping[str, Any]], text: str, names: Mapping[str, str], score: float | None
) -> tuple[list[Entity], list[str]]:
    """(entities where they stand, the first from the left that is not taken yet; those that do not stand there)."""
    found: list[Entity] = []
    lost: list[str] = []
    for one in listed:
        kind, word = (
            next((str(one[key]).strip() for key in keys if isinstance(one.get(key), str)), "")
            for keys in (TYPE_KEYS, TEXT_KEYS)
        )
        known = names.get(kind.casefold(), "" if names else kind)
        place = _free_place(text, word, found)
        if not word or not known or place < 0:
            lost.append(f"{kind}: {word}"[:SHOWN_CHARS])
            continue
        found.append(
            {"entity_group": known, "score": 1.0 if score is None else score, "word": word, "start": place,
             "end": place + len(word)}
        )  # fmt: skip
    return sorted(found, key=lambda one: one["start"]), lost


def _free_place(text: str, word: str, taken: Sequence[Entity]) -> int:
    place = text.find(word) if word else -1
    while place >= 0 and any(one["start"] < place + len(word) and place < one["end"] for one in taken):
        place = text.find(word, place + 1)
    return place


class AskedAnswer(Asked):
    """A few words, from a context or without one."""

    most = ANSWER_TOKENS

    def gold(self, row: Row) -> str:
        answers = row["answer"]
        return answers[0]["text"] if answers else translate(language(row), "prompt.qa.none")

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        text = answer_text(said)
        if not text:
            return None
        none = {translate(lang, "prompt.qa.none").casefold() for lang in LANGUAGES}
        text = "" if text.strip(QUOTES).casefold() in none else text
        context = row.get("context") or ""
        place = context.find(text)
        if text and place < 0 and (bare := text.strip(QUOTES)) in context and bare:
            text, place = bare, context.find(bare)
        end = place + len(text) if text and place >= 0 else 0
        output: FoundAnswer = {
            "answer": text, "score": 1.0 if said.score is None else said.score,
            "start": place if end else 0, "end": end,
        }  # fmt: skip
        return Prediction(output, {"alternatives": [], "sure": said.score is not None})

    def nothing(self) -> Any:
        return {"answer": "", "score": 0.0, "start": 0, "end": 0}


class AskedText(Asked):
    """A text; `key`: its name in the output, `name`: in a row."""

    def __init__(self, task: str, name: str, key: str) -> None:
        super().__init__(task)
        self.name, self.key = name, key

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        target = row.get("target") or ("en" if has_han(row["text"]) else "zh")
        return {**super().values(row, labels, lang), "target": name_of(target, lang)}

    def tokens(self, params: BaseModel) -> int:
        return int(params.max_new_tokens)  # type: ignore[attr-defined]

    def gold(self, row: Row) -> str:
        return str(row[self.name])

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        text = answer_text(said)
        return Prediction({self.key: text}, said.details) if text else None

    def nothing(self) -> Any:
        return {self.key: ""}


def mean_probability(tokens: Sequence[Mapping[str, Any]]) -> float | None:
    """The geometric mean of the probabilities of tokens that were written; None of none."""
    logs = [math.log(max(token["probability"], 1e-12)) for token in tokens]
    return math.exp(sum(logs) / len(logs)) if logs else None


@dataclass(frozen=True)
class LocalChat:
    """A language model of this machine as one that can be talked to.

    write  ({"messages": turns}, most tokens) -> what is written, as causal_lm gives it
    strict whether a question that is longer than the model reads is an error, rather than one without an answer
    marks  rows of messages and completions -> the log-probabilities of each completion's tokens
    """

    write: Callable[[Row, int], Prediction]
    marks: Callable[[Sequence[Row]], list[np.ndarray]]
    strict: bool = False

    def say(self, chats: Sequence[list[Turn]], most_tokens: int) -> list[Said]:
        return [self._said(turns, most_tokens) for turns in chats]

    def _said(self, turns: list[Turn], most_tokens: int) -> Said:
        try:
            return said_of(self.write({"messages": turns}, most_tokens))
        except PlaygroundError as error:
            if self.strict or error.code != "prompt_too_long":
                raise
            return Said("")

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> list[np.ndarray] | None:
        rows = [
            {"messages": turns, "completion": option}
            for turns, some in zip(chats, options, strict=True)
            for option in some
        ]
        sums = iter([float(marks.sum()) for marks in self.marks(rows)])
        return [np.array([next(sums) for _ in some]) for some in options]


def said_of(found: Prediction) -> Said:
    """What a model of ours wrote."""
    return Said(found.output["generated_text"], mean_probability(found.details["alternatives"]), found.details)


def grown(found: Iterator[Prediction], key: str) -> Iterator[Prediction]:
    """A text under another name while it grows, without what is thought before."""
    for one in found:
        yield Prediction({key: answer_text(said_of(one))}, one.details)
