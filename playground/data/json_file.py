"""A file that is one JSON value: SQuAD's form (v1, v2, CMRC's too), or a list of objects. Runs in the child only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.data.records import write_objects
from playground.errors import PlaygroundError

CONTEXT = ("context", "context_text")
QUESTION = ("question", "query_text", "query")
ENTRIES = ("data", "rows", "examples")


def read_json(path: Path, part: Path, encoding: str, max_rows: int) -> dict[str, Any]:
    """Rows of questions with their contexts and answers, or the objects of the list. Raises PlaygroundError."""
    try:
        value = json.loads(path.read_text(encoding=encoding), parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise PlaygroundError("data_json_broken", line=error.lineno) from None
    except RecursionError:
        raise PlaygroundError("data_json_broken", line=1) from None
    named = [value[name] for name in ENTRIES if name in value] if isinstance(value, dict) else [value]
    entries = named[0] if named else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PlaygroundError("data_json_shape")
    if any("paragraphs" in entry or "qas" in entry for entry in entries):
        entries = list(_questions(entries))
    return write_objects(entries, part, max_rows)


def _questions(articles: list[Any]) -> Iterator[dict[str, Any]]:
    """A row a question; `answers` is [{"text", "answer_start"}], [] where the context does not tell."""
    for number, article in enumerate(articles, 1):
        try:
            for paragraph in article.get("paragraphs", [article]):
                context = _first(paragraph, CONTEXT)
                for question in paragraph["qas"]:
                    yield _row(question, context, article.get("title"))
        except (KeyError, TypeError, AttributeError):
            raise PlaygroundError("data_squad_broken", entry=number) from None


def _row(question: dict[str, Any], context: str, title: Any) -> dict[str, Any]:
    answers = [one if isinstance(one, dict) else {"text": one} for one in question.get("answers") or []]
    kept = [] if question.get("is_impossible") is True else [_answer(one) for one in answers]
    identity = question.get("id", question.get("query_id"))
    named = {"title": title} if title else {}
    return {"question": _first(question, QUESTION), "context": context, "answers": kept, **named, "id": identity}


def _answer(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("text", "answer_start") if name in answer}


def _first(entry: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the names that is there. Raises KeyError."""
    return entry[next((name for name in names if name in entry), names[0])]
