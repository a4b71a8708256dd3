"""Chat models at the tasks of specialists: a row is asked as a question, and what is said becomes the task's output.

| output  | asked for             | how it becomes the output                                                      |
|---------|-----------------------|--------------------------------------------------------------------------------|
| a label | each label's tokens   | their probabilities behind the question, as shares of all labels; where a model |
|         |                       | tells none, the label that it says                                             |
| labels  | JSON, the labels that  | those that are among the labels; no probabilities                              |
|         | apply                 |                                                                                |
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

from playground.data.tokens import UNSPACED
from playground.errors import PlaygroundError
from playground.fields import ASSISTANT, PLACE, USER, Entity, FoundAnswer, Row, Turn
from playground.heads.base import Prediction
from playground.i18n import LANGUAGES, translate
from playground.languages import has_han, name_of
from playground.models.resolve import CHATS

THOUGHT = "<think>"
THOUGHT_ENDS = "</think>"
"""Around what models that reason write before they answer; some templates open it themselves."""
QUOTES = " \t\r\n\"'“”‘’「」『』`*.。!！,，;；"
SHOWN_CHARS = 200
PROMPT = "prompt"
"""Key in a row of a prompt that is not the task's own."""
TOO_LONG = "prompt_too_long"
GIVEN = ("candidate_labels", "entity_types")
"""Inputs that hold the labels to choose from."""
SPANS_TOKENS, ANSWER_TOKENS = 512, 96
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

    def say(self, chats: Sequence[list[Turn]], most_tokens: int, again: bool = False) -> list[Said]:
        """What it answers to each, without chance.

        again  whether they were answered before: one that is too long now has no answer, rather than being an error
        """

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> list[np.ndarray | None] | None:
        """For each chat the log-probability of each of its options as the whole answer.

        None where it tells none; None for a chat that is longer than it reads.
        """


def fill(prompt: str, values: Mapping[str, str]) -> str:
    """A prompt with values at their {places}; a paragraph goes of whose places none has a value."""

    def says(part: str) -> bool:
        places = PLACE.findall(part)
        return not places or any(values.get(place, "-") for place in places)

    kept = "\n\n".join(filter(says, prompt.split("\n\n")))
    return PLACE.sub(lambda found: values.get(found[1], found[0]), kept)


def language(row: Row) -> str:
    """Of the prompt for a row: Chinese where its first text holds Chinese characters."""
    return "zh" if has_han(next((value for value in row.values() if isinstance(value, str) and value), "")) else "en"


class Asked(ABC):
    """How a task is asked of a chat model.

    task  its id: its words are `prompt.<task>` in the catalogs
    most  tokens that an answer may have
    long  the input that is cut where a row is longer than a model learns from
    """

    most: int
    long = "text"

    def __init__(self, task: str) -> None:
        self.task = task

    def question(self, row: Row, labels: Sequence[str]) -> list[Turn]:
        """The row as a user's turn, by its own `prompt` or the task's."""
        prompt = row.get(PROMPT) or translate(language(row), f"prompt.{self.task}")
        return [{"role": USER, "content": fill(prompt, self.values(row, labels, "zh" if has_han(prompt) else "en"))}]

    def is_own(self, prompt: str) -> bool:
        """Whether these are nobody's words but the catalogs', in either language: a tab shows those of its own task."""
        return prompt.strip() in [
            translate(lang, f"prompt.{task}").strip() for lang in LANGUAGES for task in CHATS.values()
        ]

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        """What stands at the places of a prompt in a language."""
        texts = {name: value for name, value in row.items() if isinstance(value, str)}
        return {**texts, "labels": ("、" if lang == "zh" else ", ").join(labels)}

    def labels(self, row: Row, learned: Sequence[str]) -> Sequence[str]:
        """Those to choose from: what the model learned, or what is given."""
        return learned or next((row[name] for name in GIVEN if row.get(name)), ())

    def cut(self, row: Row, start: int, end: int) -> Row:
        """A row of whose long input only that stretch is left, with what of the right answer stands in it."""
        return {**row, self.long: row[self.long][start:end]}

    def wanted(self, row: Row) -> int:
        """Up to which character of the long input the right answer stands, where it stands there; else 0."""
        return 0

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
        chats = [self.question(row, self.labels(row, learned)) for row in rows]
        return self.settled(chat, chat.say(chats, self.tokens(params)), rows, learned, params, strict)

    def settled(
        self, chat: Chat, said: Sequence[Said], rows: Sequence[Row], learned: Sequence[str], params: BaseModel,
        strict: bool,
    ) -> list[Prediction]:  # fmt: skip
        """The same where the first answer to each row is known: what cannot be read is asked for once more."""
        kinds = [self.labels(row, learned) for row in rows]
        chats = [self.question(row, labels) for row, labels in zip(rows, kinds, strict=True)]
        found = [self.read(*one) for one in zip(said, rows, kinds, strict=True)]
        again: dict[int, Said] = {}
        if open_ := [number for number, one in enumerate(found) if one is None]:
            remedies = [self._remedy(chats[number], said[number], rows[number]) for number in open_]
            again = dict(zip(open_, chat.say(remedies, self.tokens(params), again=True), strict=True))
        predictions = []
        for number, turns in enumerate(chats):
            tried = [said[number], *([again[number]] if number in again else [])]
            one = found[number] or self.read(tried[-1], rows[number], kinds[number])
            text = next((part.text for part in reversed(tried) if part.text.strip()), "")
            one = one or self.unusable(text, strict, bool(said[number].details.get("too_long")))
            retries = sum(part.details.get("retries", 0) for part in tried)
            told = {**({"retries": retries} if retries else {}), PROMPT: turns[0]["content"]}
            predictions.append(Prediction(one.output, {**one.details, **told}))
        return predictions

    def _remedy(self, turns: list[Turn], said: Said, row: Row) -> list[Turn]:
        """The question again, behind what was said, so that it can be put right."""
        remedy = translate(language(row), f"prompt.{self.task}.again")
        answer = said.text[:SHOWN_CHARS] or "…"
        return [*turns, {"role": ASSISTANT, "content": answer}, {"role": USER, "content": remedy}]

    def unusable(self, text: str, strict: bool, too_long: bool = False) -> Prediction:
        """Nothing, and what was said instead: see Prediction. Raises PlaygroundError where that is asked for."""
        shown = text.strip()[:SHOWN_CHARS] or "…"
        if strict:
            raise PlaygroundError("chat_unusable", said=shown)
        return Prediction(self.nothing(), {"unusable": shown, "too_long": too_long})


def answer_text(said: Said) -> str:
    """What was said, without what was thought before; "" where the thought has no end."""
    _, ended, answer = said.text.rpartition(THOUGHT_ENDS)
    if ended:
        return answer.strip()
    return "" if said.text.lstrip().startswith(THOUGHT) else said.text.strip()


class AskedSpans(Asked):
    """Labelled stretches of the text."""

    most = SPANS_TOKENS

    def cut(self, row: Row, start: int, end: int) -> Row:
        inside = [one for one in row["entities"] if start <= one["start"] and one["end"] <= end]
        moved = [{**one, "start": one["start"] - start, "end": one["end"] - start} for one in inside]
        return {**super().cut(row, start, end), "entities": moved}

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
    """The objects of a text: of its first list, of a list within an object, or one after the other.

    None where there are none, and where a list is not closed: what stands behind it is not known.
    """
    decoder = json.JSONDecoder()
    place, found = 0, list[dict[str, Any]]()
    while (start := min((at for at in (text.find("[", place), text.find("{", place)) if at >= 0), default=-1)) >= 0:
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            if text[start] == "[" and re.match(r"\[\s*\{", text[start:]):
                return None
            place = start + 1
            continue
        if isinstance(value, dict):
            inner = next((one for one in value.values() if isinstance(one, list)), None)
            if inner is None:
                found.append(value)
                continue
            value = inner
        if all(isinstance(one, dict) for one in value):
            return [*found, *value]
    return found or None


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
        taken = [(other["start"], other["end"]) for other in found]
        place = place_of(text, word, taken)
        if not known or place < 0:
            lost.append(f"{kind}: {word}"[:SHOWN_CHARS])
            continue
        found.append(
            {"entity_group": known, "score": 1.0 if score is None else score, "word": word, "start": place,
             "end": place + len(word)}
        )  # fmt: skip
    return sorted(found, key=lambda one: one["start"]), lost


def place_of(text: str, word: str, taken: Sequence[tuple[int, int]] = ()) -> int:
    """Where a word stands as a whole, and in no stretch that is taken; -1 for nowhere."""
    place = text.find(word) if word else -1
    while place >= 0:
        end = place + len(word)
        if _is_whole(text, place, end) and not any(start < end and place < stop for start, stop in taken):
            return place
        place = text.find(word, place + 1)
    return -1


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word goes on at either end; scripts without blanks have no such ends."""

    def goes_on(left: str, right: str) -> bool:
        pair = left + right
        return len(pair) == 2 and pair.isalnum() and not UNSPACED.search(pair)

    return not goes_on(text[start - 1 : start], text[start : start + 1]) and not goes_on(
        text[end - 1 : end], text[end : end + 1]
    )


class AskedAnswer(Asked):
    """A few words, from a context or without one."""

    most = ANSWER_TOKENS
    long = "context"

    def cut(self, row: Row, start: int, end: int) -> Row:
        inside = [one for one in row["answer"] if start <= one["start"] and one["start"] + len(one["text"]) <= end]
        return {**super().cut(row, start, end), "answer": [{**one, "start": one["start"] - start} for one in inside]}

    def wanted(self, row: Row) -> int:
        answers = row["answer"]
        return answers[0]["start"] + len(answers[0]["text"]) if answers else 0

    def gold(self, row: Row) -> str:
        answers = row["answer"]
        return answers[0]["text"] if answers else translate(language(row), "prompt.qa.none")

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        text = answer_text(said)
        if not text:
            return None
        none = {translate(lang, "prompt.qa.none").casefold() for lang in LANGUAGES}
        text = "" if text.strip(QUOTES).casefold() in none else text
        if not text and row.get("allow_none") is False:
            return None
        context = row.get("context") or ""
        place = place_of(context, text)
        if text and place < 0 and (bare := place_of(context, text.strip(QUOTES))) >= 0:
            text, place = text.strip(QUOTES), bare
        end = place + len(text) if place >= 0 else 0
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
        source = {"source": name_of(row["source"], lang)} if row.get("source") else {}
        return {**super().values(row, labels, lang), **source, "target": name_of(target, lang)}

    def tokens(self, params: BaseModel) -> int:
        return int(params.max_new_tokens)  # type: ignore[attr-defined]

    def gold(self, row: Row) -> str:
        return str(row[self.name])

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        text = answer_text(said)
        return Prediction({self.key: text}, said.details) if text else None

    def nothing(self) -> Any:
        return {self.key: ""}

    def grown(self, chat: Chat, row: Row, written: Iterator[Prediction], params: BaseModel) -> Iterator[Prediction]:
        """A text while it grows, without what is thought before.

        chat  who writes it: where nothing usable comes it is asked once more, or that raises PlaygroundError
        """
        prompt, said, last = self.question(row, ())[0]["content"], Said(""), Prediction({self.key: ""})
        for one in written:
            said = said_of(one)
            last = Prediction({self.key: answer_text(said)}, {**one.details, PROMPT: prompt})
            yield last
        if not last.output[self.key] and last.details.get("ended") not in ("stopped", "seconds"):
            yield from self.settled(chat, [said], [row], (), params, strict=True)


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

    def say(self, chats: Sequence[list[Turn]], most_tokens: int, again: bool = False) -> list[Said]:
        return [self._said(turns, most_tokens, self.strict and not again) for turns in chats]

    def _said(self, turns: list[Turn], most_tokens: int, strict: bool) -> Said:
        try:
            return said_of(self.write({"messages": turns}, most_tokens))
        except PlaygroundError as error:
            if strict or error.code != TOO_LONG:
                raise
            return Said("", details={"too_long": True})

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> list[np.ndarray | None] | None:
        try:
            return self._weighed(chats, options)
        except PlaygroundError as error:
            if self.strict or error.code != TOO_LONG:
                raise
        found: list[np.ndarray | None] = []
        for one in zip(chats, options, strict=True):
            try:
                found += self._weighed([one[0]], [one[1]])
            except PlaygroundError as error:
                if error.code != TOO_LONG:
                    raise
                found.append(None)
        return found

    def _weighed(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> list[np.ndarray | None]:
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
