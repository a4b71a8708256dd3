"""The commands that ask a document or search it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from playground.cli.shown import tell
from playground.i18n import translate

OWNER = "local"
TELL_SECONDS = 2.0


def ask(options: argparse.Namespace) -> dict[str, Any]:
    """Answers from a file, each where it stands; {"document", "answers"} as the endpoint gives it."""
    from playground.services import documents

    document = _indexed(options, options.question)
    answers = documents.ask(document, options.question, options.model, options.top_k, OWNER)
    if not options.json:
        for answer in answers:
            print(f"{_place(answer, options.lang)}  {_line(answer['answer'])}")
            print(f"    {_line(answer['passage']['text'])}")
        if not answers:
            print(translate(options.lang, "document.no_answer"))
    return {"document": document, "answers": answers}


def search(options: argparse.Namespace) -> dict[str, Any]:
    """The passages of a file nearest to a query; {"document", "passages"} as the endpoint gives it."""
    from playground.services import documents

    document = _indexed(options, options.query)
    passages = documents.find_passages(document, options.query, options.top_k, OWNER, options.model)
    if not options.json:
        for passage in passages:
            print(f"{_place(passage, options.lang)}  {_line(passage['text'])}")
    return {"document": document, "passages": passages}


def _indexed(options: argparse.Namespace, question: str) -> str:
    """The document id of the file, its passages embedded; says now and then how far it is.

    What is asked is checked first: nobody waits for a document to be read to hear that the question is empty.
    """
    from playground.services import documents

    documents.asked(question, options.top_k)
    document = documents.open_file(options.file, OWNER)
    told = time.monotonic()
    for done, total in documents.index(document, options.model, OWNER):
        if time.monotonic() - told >= TELL_SECONDS:
            tell(translate(options.lang, "document.indexing", done=done, total=total))
            told = time.monotonic()
    return document


def _place(found: Mapping[str, Any], lang: str) -> str:
    """Score, characters and, of a PDF, the page."""
    page = f"  {translate(lang, 'document.page', page=found['page'])}" if "page" in found else ""
    return f"{found['score']:.4f}  {found['start']}-{found['end']}{page}"


def _line(text: str) -> str:
    return " ".join(text.split())
