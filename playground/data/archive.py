"""Zip files, of which workbooks are a kind: what is in them, and whether it is more than a file of its size holds."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path

from playground.errors import PlaygroundError

CHUNK_BYTES = 1_048_576
WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin")
SHEETS = "application/vnd.oasis.opendocument.spreadsheet"
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, RuntimeError)
"""What reading a damaged zip file raises, or one that is packed in a way that zipfile does not know."""
ENCRYPTED = 1
LEAST_BYTES = 50_000_000
MOST_BYTES = 1_000_000_000
RATIO = 20
"""A sheet is packed to a tenth; a bomb to a thousandth."""


def is_workbook(path: Path) -> bool:
    """Whether a zip file is an Excel or OpenDocument workbook, whatever it is called."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name in WORKBOOKS for name in names):
                return True
            return "mimetype" in names and SHEETS.encode() in archive.open("mimetype").read(100)
    except BROKEN:
        return False


def refuse_bomb(path: Path) -> None:
    """Raises PlaygroundError where what is packed is too much. It is unpacked and counted: what a zip file says of
    its own sizes may be a lie."""
    most = min(MOST_BYTES, max(LEAST_BYTES, RATIO * path.stat().st_size))
    if not zipfile.is_zipfile(path):
        return
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.flag_bits & ENCRYPTED:
                    raise PlaygroundError("data_workbook_locked")
                info.file_size = MOST_BYTES  # where reading stops
                with archive.open(info) as member:
                    while chunk := member.read(CHUNK_BYTES):
                        total += len(chunk)
                        if total > most:
                            raise PlaygroundError("data_bomb", mb=most // 1_000_000)
    except BROKEN:
        raise PlaygroundError("data_workbook_damaged") from None
