"""A file that is one JSON value: SQuAD's form (v1, v2, CMRC's too), or a list of objects. Runs in the child only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import ijson  # type: ignore[import-untyped]

from playground.data.records import write_objects
from playground.errors import PlaygroundError

CONTEXT = ("context", "context_text")
QUESTION = ("question", "query_text", "query")
ENTRIES = ("data", "rows", "examples")


def read_json(path: Path, part: Path, encoding: str, max_rows: int) -> dict[str, Any]:
    """Rows of questions with their contexts and answers, or the objects of the list, read one at a time.

    Raises PlaygroundError.
    """
    try:
        place = _place(path, encoding)
        return write_objects(lambda: _rows(_streamed(path, encoding, place)), part, max_rows)
    except ijson.JSONError:
        # A strict reader refuses NaN, which Python writes, and does not say in which line a file is broken.
        entries = _read_whole(path, encoding)
        return write_objects(lambda: _rows(entries), part, max_rows)
    except RecursionError:
        raise PlaygroundError("data_json_broken", line=1) from None


def _place(path: Path, encoding: str) -> str:
    """Where the entries are, as ijson says it: those of the list, or of the first of ENTRIES that is one."""
    with path.open(encoding=encoding) as file:
        for prefix, event, _ in ijson.parse(_Utf8(file)):
            if event == "start_array" and prefix in ("", *ENTRIES):
                return f"{prefix}.item".removeprefix(".")
    raise PlaygroundError("data_json_shape")


def _streamed(path: Path, encoding: str, place: str) -> Iterator[Any]:
    with path.open(encoding=encoding) as file:
        for entry in ijson.items(_Utf8(file), place):
            yield _as_written(entry)


class _Utf8:
    """A text file as the bytes that ijson reads."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def read(self, size: int) -> bytes:
        return self.file.read(size).encode("utf-8")


def _as_written(value: Any) -> Any:
    """Numbers as text, so that 1.10 keeps its zero."""
    if isinstance(value, dict):
        return {name: _as_written(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    return str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value


def _read_whole(path: Path, encoding: str) -> list[Any]:
    try:
        value = json.loads(path.read_text(encoding=encoding), parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise PlaygroundError("data_json_broken", line=error.lineno) from None
    except RecursionError:
        raise PlaygroundError("data_json_broken", line=1) from None
    named = [value[name] for name in ENTRIES if name in value] if isinstance(value, dict) else [value]
    if not named or not isinstance(named[0], list):
        raise PlaygroundError("data_json_shape")
    return named[0]


def _rows(entries: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """An object a row; of an article a row a question, its `answers` [{"text", "answer_start"}], [] where there is
    none."""
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise PlaygroundError("data_json_shape")
        if "paragraphs" not in entry and "qas" not in entry:
            yield entry
            continue
        try:
            for paragraph in entry.get("paragraphs", [entry]):
                context = _first(paragraph, CONTEXT)
                for question in paragraph["qas"]:
                    yield _row(question, context, entry.get("title"))
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
