"""PDF files, made by the library that reads them in the app, with text as a printer would place it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject


def make_pdf(
    pages: Sequence[str],
    *,
    password: str = "",
    owner_password: str = "",
    algorithm: str = "AES-256",
    compressed: bool = False,
) -> bytes:
    """A PDF with a line of text for each line of each page; a page without text has a grey box."""
    writer = PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica", "/Encoding": "/WinAnsiEncoding"}
    fonts = DictionaryObject({NameObject(name): NameObject(value) for name, value in font.items()})
    for text in pages:
        page = writer.add_blank_page(595, 842)
        resources = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): fonts})})
        page[NameObject("/Resources")] = resources
        stream = DecodedStreamObject()
        stream.set_data(_operators(text))
        page[NameObject("/Contents")] = writer._add_object(stream.flate_encode() if compressed else stream)
    if password or owner_password:
        writer.encrypt(password, owner_password or None, algorithm=algorithm)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _operators(text: str) -> bytes:
    if not text:
        return b"0.5 g 50 50 400 600 re f"
    lines = (line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.split("\n"))
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    return f"BT /F1 11 Tf 14 TL 50 780 Td {shown} ET".encode("cp1252")
