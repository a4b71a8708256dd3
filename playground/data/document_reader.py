"""The child that reads a document: `python -m playground.data.document_reader FILE LIMITS`.

LIMITS is JSON: {"memory_mb", "seconds", "max_chars"}. It prints {"text", "pages", "encoding"}, where `pages` are
the places at which a PDF's pages begin, or {"refused": code, "values": ...}.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from playground.data import sniff
from playground.data.reader import limit_this_process
from playground.data.table import shown_name
from playground.errors import PlaygroundError

PDF = b"%PDF-"
BETWEEN_PAGES = "\n\n"
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff]")


def plain(text: str) -> str:
    """The text with one kind of line break and without what is no character."""
    return NO_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_pdf(path: Path, max_chars: int) -> dict[str, Any]:
    """The text of every page, in order. Raises PlaygroundError."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    logging.disable()  # pypdf tells of every oddity; the parent reads standard error only where the child died
    try:
        reader = PdfReader(path)
        # Many files are encrypted with no password to open them, only one to change them.
        if reader.is_encrypted and not reader.decrypt(""):
            raise PlaygroundError("document_encrypted", file=shown_name(path))
        found = _joined([page.extract_text() for page in _bounded(reader, max_chars)], max_chars)
        if not found["text"].strip():
            raise PlaygroundError("document_scanned", file=shown_name(path))
        return found
    except PlaygroundError:
        raise
    except DependencyError:  # a way to encrypt that needs a package which is not here
        raise PlaygroundError("document_encrypted", file=shown_name(path)) from None
    except MemoryError:
        raise
    except Exception:  # a broken file can make pypdf fail in any way
        raise PlaygroundError("document_damaged", file=shown_name(path)) from None


def _bounded(reader: Any, max_chars: int) -> list[Any]:
    """The pages; more than there may be characters is a bomb, whatever stands on them."""
    if len(reader.pages) > max_chars:
        raise PlaygroundError("document_too_long", max_chars=max_chars)
    return list(reader.pages)


def _joined(pages: list[str], max_chars: int) -> dict[str, Any]:
    texts = [plain(page).strip() for page in pages]
    starts, place = [], 0
    for text in texts:
        starts.append(place)
        place += len(text) + len(BETWEEN_PAGES)
    if place > max_chars:
        raise PlaygroundError("document_too_long", max_chars=max_chars)
    return {"text": BETWEEN_PAGES.join(texts), "pages": starts, "encoding": "PDF"}


def read_text(path: Path, head: bytes, max_chars: int) -> dict[str, Any]:
    """A text file in whatever encoding. Raises PlaygroundError."""
    sniff.refuse_other_formats(head, path.suffix.lower())
    encoding = sniff.detect_encoding(path, head)
    text = plain(path.read_text(encoding=encoding))
    if not text.strip():
        raise PlaygroundError("data_empty")
    if len(text) > max_chars:
        raise PlaygroundError("document_too_long", max_chars=max_chars)
    return {"text": text, "pages": [], "encoding": encoding.removesuffix("-sig")}


def read_file(path: Path, max_chars: int) -> dict[str, Any]:
    """A PDF or a text, as its first bytes tell."""
    with path.open("rb") as file:
        head = file.read(sniff.SAMPLE_BYTES)
    return read_pdf(path, max_chars) if head.lstrip().startswith(PDF) else read_text(path, head, max_chars)


def main(arguments: list[str]) -> None:
    path, limits = Path(arguments[0]), json.loads(arguments[1])
    limit_this_process(limits["memory_mb"], limits["seconds"])
    try:
        answer = read_file(path, limits["max_chars"])
    except PlaygroundError as error:
        answer = {"refused": error.code, "values": error.message.to_json()["values"]}
    except MemoryError:
        answer = {"refused": "data_memory", "values": {"mb": limits["memory_mb"]}}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
