"""The endpoints that ask a document or search it."""

from __future__ import annotations

from typing import Any

from playground.services import documents
from playground.ui.loading import import_models
from playground.ui.uploaded import uploaded_file
from playground.ui.wrapper import Visitor


def ask_document(
    visitor: Visitor,
    question: str,
    text: str = "",
    data: dict | None = None,
    document: str = "",
    model: str = "",
    top_k: int = documents.TOP_K,
) -> dict[str, Any]:
    """Answers from a document, best first: {"document", "answers"}.

    An answer is {"answer", "score", "start", "end", "passage", and of a PDF "page"}. The document is a text,
    an uploaded txt, md or pdf file, or the `document` that an earlier call gave; places are code points of
    its text. `top_k` passages are read.
    """
    documents.asked(question, top_k)
    import_models()
    document_id = opened(visitor, text, data, document)
    return {"document": document_id, "answers": documents.ask(document_id, question, model, top_k, visitor.owner)}


def find_passages(
    visitor: Visitor,
    query: str,
    text: str = "",
    data: dict | None = None,
    document: str = "",
    model: str = "",
    top_k: int = documents.TOP_K,
) -> dict[str, Any]:
    """The passages nearest to a query, best first: {"document", "passages"}.

    A passage is {"text", "start", "end", "score", and of a PDF "page"}. The document is given as for /ask_document.
    """
    documents.asked(query, top_k)
    import_models()
    document_id = opened(visitor, text, data, document)
    found = documents.find_passages(document_id, query, top_k, visitor.owner, model)
    return {"document": document_id, "passages": found}


def opened(visitor: Visitor, text: Any, data: Any, document: Any) -> str:
    """The id of the document that somebody sent in one of three ways."""
    if isinstance(text, str) and text.strip():
        return documents.open_text(text, visitor.owner)
    if data:
        return documents.open_file(uploaded_file(data), visitor.owner)
    return documents.known(str(document or ""), visitor.owner)
