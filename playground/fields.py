"""The closed vocabulary of values: what a task takes and gives.

A Field is read by everything that handles a value: the form of a tab, the endpoint's signature,
the columns an upload must have, the check, the caps. The words a user sees for a field are
`field.<name>` in the catalogs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypedDict

from playground.errors import PlaygroundError
from playground.i18n import Message

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


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """Free text, in characters (code points). Its length is capped before any tokenizing."""

    max_chars: int = 20_000
    lines: int = 4

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise PlaygroundError("field_not_text", field=self.word, found=type(value).__name__)
        if not value.strip():
            raise PlaygroundError("field_empty", field=self.word)
        if len(value) > self.max_chars:
            raise PlaygroundError("field_too_long", field=self.word, chars=len(value), max_chars=self.max_chars)
        return HALF_A_PAIR.sub("\ufffd", value)


HALF_A_PAIR = re.compile(r"[\ud800-\udfff]")
"""No characters, and no tokenizer takes them: what Python makes of bytes of a command line that are not UTF-8."""
SEPARATORS = re.compile(r"[,，、\n]")


@dataclass(frozen=True, kw_only=True)
class CandidateLabels(Field):
    """The classes that a model which learned none is to choose from: a list, or one text with separators."""

    least: int = 2
    most: int = 50
    max_chars: int = 200

    def parse(self, value: Any) -> list[str]:
        """The labels, each once, in their order."""
        words = SEPARATORS.split(value) if isinstance(value, str) else value
        if words is not None and not isinstance(words, (list, tuple)):
            raise PlaygroundError("field_not_text", field=self.word, found=type(value).__name__)
        stripped = [HALF_A_PAIR.sub("\ufffd", str(word)).strip() for word in words or ()]
        labels = list(dict.fromkeys(word for word in stripped if word))
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
        """The best label."""
        return output[0]["label"]


@dataclass(frozen=True, kw_only=True)
class Spans(Field):
    """Labelled stretches of the input called `of`. Predicted as [Entity, ...] in the order of the text.

    Gold in a row: list[Span], sorted, without overlaps; [] where the text has none.
    """

    of: str = "text"

    def compared(self, output: list[Entity]) -> list[Span]:
        return [{"start": found["start"], "end": found["end"], "label": found["entity_group"]} for found in output]


@dataclass(frozen=True, kw_only=True)
class Answer(Field):
    """A stretch of the input called `of`. Predicted as FoundAnswer.

    Gold in a row: list[GoldAnswer], any of which is right; [] where the context does not tell.
    """

    of: str = "context"

    def compared(self, output: FoundAnswer) -> str:
        """The answer's text; "" for none."""
        return output["answer"]


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
