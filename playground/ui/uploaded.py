"""Files that were uploaded here, told from those that somebody only names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from playground.data import SHARD, TABLES
from playground.errors import PlaygroundError
from playground.services.uploads import several
from playground.tasks.spec import Task


def uploaded_files(value: Any, task: Task) -> Path | list[Path]:
    """One file, or the texts that belong together, as `uploaded_file` tells them.

    Gradio adds what is uploaded to what is there already: a table takes the place of what was there, and so does a
    text that would be a third one of two parallel ones. Of other texts there may be many, and of pieces of a table
    in parquet.
    """
    if not isinstance(value, list):
        return uploaded_file(value)
    files = [uploaded_file(item) for item in value]
    pieces = {file.name: file for file in files if _whole(file) == _whole(files[-1]) is not None}
    if len(pieces) > 1:
        return [pieces[name] for name in sorted(pieces)]
    are_texts = [file.suffix.lower() not in TABLES for file in files]
    if several(task) != "parallel":
        together = [file for file, is_text in zip(files, are_texts, strict=True) if is_text]
        return together if are_texts[-1] and len(together) > 1 else files[-1]
    return files if len(files) == 2 and all(are_texts) else files[-1]


def _whole(file: Path) -> str | None:
    """The name of the table in parquet that a file is a piece of; None for what is whole."""
    name, is_piece = SHARD.subn("", file.stem)
    return name if is_piece and file.suffix.lower() == ".parquet" else None


def uploaded_file(value: Any) -> Path:
    """The file of an upload, from what Gradio's clients send for it; only files that were uploaded here."""
    path = value.get("path") if isinstance(value, dict) else None
    if isinstance(path, str) and "\0" not in path:
        found, folder = Path(path).resolve(), Path(get_upload_folder()).resolve()
        if found.is_relative_to(folder) and found.is_file():
            return found
    raise PlaygroundError("no_upload")
