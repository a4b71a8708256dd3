"""Classification by a chat model: see prompted.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from playground.errors import PlaygroundError
from playground.fields import Row
from playground.heads.base import Prediction
from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import PROMPT, QUOTES, Asked, Chat, Said, answer_text

MOST_TOKENS = 32


def one_or_two_texts(row: Row) -> str:
    return "\n".join(filter(None, (row["text"], row.get("text_pair"))))


def named_label(word: str, labels: Sequence[str]) -> str | None:
    """The label that a word is: as it stands, else but for case, quotes and what ends a sentence."""
    word = word.strip()
    if word in labels:
        return word
    plain = word.strip(QUOTES).casefold()
    if not plain:
        return None
    return next((label for label in labels if label.strip(QUOTES).casefold() == plain), None)


class AskedLabel(Asked):
    """One of several labels."""

    most = MOST_TOKENS

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        return {**super().values(row, labels, lang), "text": one_or_two_texts(row)}

    def gold(self, row: Row) -> str:
        return str(row["label"])

    def answers(
        self, chat: Chat, rows: Sequence[Row], learned: Sequence[str], params: BaseModel, strict: bool = False
    ) -> list[Prediction]:
        top_k = getattr(params, "top_k", None)
        kinds = [self.labels(row, learned) for row in rows]
        chats = [self.question(row, labels) for row, labels in zip(rows, kinds, strict=True)]
        weights = chat.weigh(chats, kinds)
        if weights is None:
            found = super().answers(chat, rows, learned, params, strict)
            return [Prediction(one.output[:top_k], one.details) for one in found]
        found = []
        for turns, labels, logs in zip(chats, kinds, weights, strict=True):
            if logs is None:
                found.append(self.unusable("", strict, too_long=True))
                continue
            if not np.isfinite(logs.max()):
                raise PlaygroundError("model_not_finite")
            shares = np.exp(logs - logs.max())
            shares /= shares.sum()
            ranked = sorted(zip(labels, shares.tolist(), strict=True), key=lambda one: -one[1])[:top_k]
            output = [{"label": label, "score": score} for label, score in ranked]
            found.append(Prediction(output, {PROMPT: turns[0]["content"]}))
        return found

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        """1 for the label that was said, 0 for the others: how sure the model is, it does not tell."""
        text = answer_text(said)
        parts = [text, re.split(r"[:：]", text)[-1], (text.splitlines() or [""])[-1]]
        best = next(filter(None, (named_label(part, labels) for part in parts)), None)
        if best is None:
            return None
        output = [{"label": label, "score": float(label == best)} for label in [best, *labels]]
        return Prediction([output[0], *(one for one in output[1:] if one["label"] != best)], {"sure": False})

    def nothing(self) -> Any:
        return [{"label": "", "score": 0.0}]


HEAD = ChatTask("chat_label", AskedLabel("classification"))
