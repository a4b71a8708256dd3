"""The closed vocabulary of values: what a task takes and gives.

A Field is read by everything that handles a value: the form of a tab, the endpoint's signature,
the columns an upload must have, the check, the caps. The words a user sees for a field are
`field.<name>` in the catalogs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from playground import languages
from playground.errors import PlaygroundError
from playground.i18n import Message

PLACE = re.compile(r"\{(\w+)\}")
"""In a prompt, where the value of a field goes."""
Row = dict[str, Any]
"""Field name -> value; a row of a dataset or the input of a prediction."""


class LabelScore(TypedDict):
    """One entry of a classification result (the Hub's text-classification schema)."""

    label: str
    score: float


class Entity(TypedDict):
    """One entity of a prediction (the Hub's token-classification schema); text[start:end] == word."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class Span(TypedDict):
    """A labelled stretch of a text: code-point offsets, `end` behind the last one."""

    start: int
    end: int
    label: str


class FoundAnswer(TypedDict):
    """A prediction of an answer (the Hub's question-answering schema); "" with start == end == 0 for none."""

    answer: str
    score: float
    start: int
    end: int


class GoldAnswer(TypedDict):
    """A right answer: context[start:start + len(text)] == text."""

    text: str
    start: int


class Turn(TypedDict):
    """What one side says in a conversation: role is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """A named value. `columns` are header names (lower case) that usually hold it in a dataset.

    optional  a dataset may do without it
    """

    name: str
    columns: tuple[str, ...] = ()
    optional: bool = False

    @property
    def word(self) -> Message:
        """What users call it."""
        return Message(f"field.{self.name}")

    def parse(self, value: Any) -> Any:
        """The value, checked, or a PlaygroundError that says what is wrong with it."""
        return value

    def compared(self, output: Any) -> Any:
        """What of a prediction is compared with the gold value; plain JSON."""
        return output

    def scores(self, output: Any) -> list[float]:
        """How sure the model is of each part of what is compared, 0 to 1; [] where it does not say."""
        return []


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """Free text, in characters (code points). Its length is capped before any tokenizing."""

    max_chars: int = 20_000
    lines: int = 4

    def parse(self, value: Any) -> str:
        if self.optional and value is None:
            return ""
        if not isinstance(value, str):
            raise PlaygroundError("field_not_text", field=self.word, found=type(value).__name__)
        if not value.strip() and not self.optional:
            raise PlaygroundError("field_empty", field=self.word)
        if len(value) > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=len(value), max_chars=self.max_chars)
        return HALF_A_PAIR.sub("\ufffd", value)


HALF_A_PAIR = re.compile(r"[\ud800-\udfff]")
"""No characters, and no tokenizer takes them: what Python makes of bytes of a command line that are not UTF-8."""
SEPARATORS = re.compile(r"[,，、\n]")


@dataclass(frozen=True, kw_only=True)
class CandidateLabels(Field):
    """The classes that a model which learned none is to choose from: a list, or one text with separators.

    usual  those that stand for none
    """

    least: int = 2
    usual: tuple[str, ...] = ()
    most: int = 150
    max_chars: int = 200

    def parse(self, value: Any) -> list[str]:
        """The labels, each once, in their order."""
        words = SEPARATORS.split(value) if isinstance(value, str) else value
        if words is not None and not isinstance(words, (list, tuple)):
            raise PlaygroundError("field_not_text", field=self.word, found=type(value).__name__)
        stripped = [HALF_A_PAIR.sub("\ufffd", str(word)).strip() for word in words or ()]
        labels = list(dict.fromkeys(word for word in stripped if word)) or list(self.usual)
        if not self.least <= len(labels) <= self.most:
            raise PlaygroundError("candidate_labels", found=len(labels), least=self.least, most=self.most)
        longest = max(map(len, labels))
        if longest > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=longest, max_chars=self.max_chars)
        return labels


@dataclass(frozen=True, kw_only=True)
class Label(Field):
    """One class of a closed set; predicted as [LabelScore, ...], best first."""

    max_chars: int = 200

    def parse(self, value: Any) -> str:
        text = str(value).strip()
        if not text:
            raise PlaygroundError("field_empty", field=self.word)
        if len(text) > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=len(text), max_chars=self.max_chars)
        return text

    def compared(self, output: list[LabelScore]) -> str:
        """The best label; "" where nothing usable was said."""
        return output[0]["label"] if output else ""

    def scores(self, output: list[LabelScore]) -> list[float]:
        """That of the best label."""
        return [output[0]["score"]] if output else []


APPLIES = 0.5
"""The score from which on one of several labels applies."""


@dataclass(frozen=True, kw_only=True)
class Labels(Field):
    """Any number of classes of a closed set; predicted as [LabelScore, ...], best first, each score for itself.

    Those apply whose score reaches APPLIES. Gold in a row: list[str], sorted; [] where none applies.
    """

    max_chars: int = 200
    most: int = 100

    def compared(self, output: list[LabelScore]) -> list[str]:
        """Those that apply, sorted."""
        return [found["label"] for found in self._applying(output)]

    def scores(self, output: list[LabelScore]) -> list[float]:
        """Of each that applies."""
        return [found["score"] for found in self._applying(output)]

    def _applying(self, output: list[LabelScore]) -> list[LabelScore]:
        applying = (found for found in output if found["score"] >= APPLIES)
        return sorted(applying, key=lambda found: found["label"])


@dataclass(frozen=True, kw_only=True)
class Spans(Field):
    """Labelled stretches of the input called `of`. Predicted as [Entity, ...] in the order of the text.

    Gold in a row: list[Span], sorted, without overlaps; [] where the text has none.
    """

    of: str = "text"

    def compared(self, output: list[Entity]) -> list[Span]:
        return [{"start": found["start"], "end": found["end"], "label": found["entity_group"]} for found in output]

    def scores(self, output: list[Entity]) -> list[float]:
        """Of each entity."""
        return [found["score"] for found in output]


@dataclass(frozen=True, kw_only=True)
class Answer(Field):
    """A stretch of the input called `of`. Predicted as FoundAnswer.

    Gold in a row: list[GoldAnswer], any of which is right; [] where the context does not tell.
    """

    of: str = "context"

    def compared(self, output: FoundAnswer) -> str:
        """The answer's text; "" for none."""
        return output["answer"]

    def scores(self, output: FoundAnswer) -> list[float]:
        """Of the answer, or that there is none."""
        return [output["score"]]


@dataclass(frozen=True, kw_only=True)
class Generated(Text):
    """Text that a model writes. Predicted as {key: text}; gold in a row: the text."""

    key: str = "generated_text"

    def compared(self, output: dict[str, str]) -> str:
        """The text."""
        return output[self.key]


SYSTEM, USER, ASSISTANT = "system", "user", "assistant"


@dataclass(frozen=True, kw_only=True)
class Messages(Field):
    """A conversation: list[Turn], maybe with a system's turn first, then users' and assistants' in turn.

    of  the field that answers the last turn, which is a user's
    """

    of: str = "completion"
    max_turns: int = 100
    max_chars: int = 20_000

    def parse(self, value: Any) -> list[Turn]:
        """The turns, checked; [] for none. Raises PlaygroundError."""
        if value is None or value == []:
            return []
        if not isinstance(value, (list, tuple)) or not all(isinstance(turn, Mapping) for turn in value):
            raise PlaygroundError("messages_form", field=self.word)
        if len(value) > self.max_turns:
            raise PlaygroundError("messages_many", field=self.word, found=len(value), most=self.max_turns)
        turns = [self._turn(turn, number) for number, turn in enumerate(value, 1)]
        chars = sum(len(turn["content"]) for turn in turns)
        if chars > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=chars, max_chars=self.max_chars)
        if number := out_of_turn([turn["role"] for turn in turns]):
            raise PlaygroundError("messages_order", number=number, role=turns[number - 1]["role"])
        if turns[-1]["role"] != USER:
            raise PlaygroundError("messages_end", role=turns[-1]["role"])
        return turns

    def _turn(self, turn: Mapping[str, Any], number: int) -> Turn:
        role, content = turn.get("role"), turn.get("content")
        if role not in (SYSTEM, USER, ASSISTANT):
            raise PlaygroundError("messages_role", number=number, role=str(role)[:40])
        said = said_in(content)
        if said is None:
            raise PlaygroundError("messages_not_text", number=number)
        if not said.strip():
            raise PlaygroundError("messages_empty", number=number)
        return {"role": role, "content": HALF_A_PAIR.sub("\ufffd", said)}


def said_in(content: Any) -> str | None:
    """A turn's content: a text, or OpenAI's list of parts joined line by line; None where any of it is no text.

    No content at all is "".
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, (list, tuple)):
        return None
    parts = [part for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return "\n".join(texts) if len(texts) == len(content) else None


def out_of_turn(roles: Sequence[str]) -> int:
    """Number, from 1, of the first turn whose role is not the one whose turn it is; 0 where all are.

    A system's turn may come first; then users and assistants take turns, a user first.
    """
    first = 1 if roles[:1] == [SYSTEM] else 0
    wanted = [(USER, ASSISTANT)[index % 2] for index in range(len(roles) - first)]
    wrong = (number for number, (role, right) in enumerate(zip(roles[first:], wanted, strict=True)) if role != right)
    return next((first + number + 1 for number in wrong), 0)


@dataclass(frozen=True, kw_only=True)
class Language(Field):
    """The language of the field called `of`, as BCP-47 says it ("en", "zh"); "" where the model or the text tells."""

    of: str = "text"
    optional: bool = True

    def parse(self, value: Any) -> str:
        """The code of a language's code or name, in any of the ways models and people write it."""
        word = "" if value is None else str(value).strip()
        code = languages.code_of(word) if word else ""
        if code is None:
            raise PlaygroundError("language_unknown", found=word[:40])
        return code


HELD_OUT, TRAIN = "held_out", "train"
SIDES = {
    TRAIN: ("train", "training", "训练", "训练集", "訓練", "訓練集"),
    HELD_OUT: ("held_out", "held out", "held-out", "test", "testing", "dev", "val", "valid", "validation", "eval",
               "测试", "测试集", "验证", "验证集", "開發", "測試", "測試集", "驗證", "驗證集"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Split(Field):
    """On which side of the split a row belongs, where a dataset says so: TRAIN or HELD_OUT in a row."""

    def parse(self, value: Any) -> str:
        """TRAIN or HELD_OUT. Raises PlaygroundError for any other word."""
        word = str(value).strip().casefold()
        for side, words in SIDES.items():
            if word in words:
                return side
        raise PlaygroundError("split_unknown", found=str(value)[:40])


SPLIT = Split(name="split", columns=("subset", "partition", "划分", "集合"), optional=True)
