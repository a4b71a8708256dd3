"""Several labels a text by a chat model: see prompted.py."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from playground.fields import Row
from playground.heads.base import Prediction
from playground.heads.chat_label import named_label, one_or_two_texts
from playground.heads.chat_tasks import ChatTask
from playground.heads.prompted import Asked, Chat, Said, answer_text

MOST_TOKENS = 256


class AskedLabels(Asked):
    """Any number of labels."""

    most = MOST_TOKENS

    def values(self, row: Row, labels: Sequence[str], lang: str) -> dict[str, str]:
        return {**super().values(row, labels, lang), "text": one_or_two_texts(row)}

    def gold(self, row: Row) -> str:
        return json.dumps(list(row["labels"]), ensure_ascii=False)

    def answers(
        self, chat: Chat, rows: Sequence[Row], learned: Sequence[str], params: BaseModel, strict: bool = False
    ) -> list[Prediction]:
        """The best labels, and all that apply; `details` names these."""
        top_k = getattr(params, "top_k", len(learned))
        found = []
        for one in super().answers(chat, rows, learned, params, strict):
            count = len(one.details.setdefault("applying", []))
            found.append(Prediction(one.output[: max(top_k, count)], one.details))
        return found

    def read(self, said: Said, row: Row, labels: Sequence[str]) -> Prediction | None:
        """1 for the labels that were said, 0 for the others: how sure the model is, it does not tell."""
        lists = listed(answer_text(said))
        known = [{label for one in named if (label := named_label(one, labels))} for named in lists]
        # The last list that names one; nothing applies where one is empty, and none names anything else.
        found = next((named for named in reversed(known) if named), None if any(lists) or not lists else set())
        if found is None:
            return None
        applying = [label for label in labels if label in found]
        output = [{"label": label, "score": 1.0} for label in applying]
        output += [{"label": label, "score": 0.0} for label in labels if label not in applying]
        return Prediction(output, {"applying": applying, "sure": False})

    def nothing(self) -> Any:
        return []


def listed(text: str) -> list[list[str]]:
    """The words of each list in a text: as JSON, as Python or without quotes."""
    found, place = [], 0
    while (start := text.find("[", place)) >= 0:
        try:
            value, place = json.JSONDecoder().raw_decode(text, start)
            found.append([str(one) for one in value])
            continue
        except (ValueError, RecursionError):
            place = text.find("]", start) + 1
        if not place:
            break
        inside = text[start + 1 : place - 1]
        try:
            found.append([str(one) for one in ast.literal_eval(f"[{inside}]")])
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            found.append([part.strip() for part in re.split("[,，、]", inside) if part.strip()])
    return found


HEAD = ChatTask("chat_labels", AskedLabels("multi_label"))
