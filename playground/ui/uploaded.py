"""Files that were uploaded here, told from those that somebody only names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from playground.errors import PlaygroundError


def uploaded_file(value: Any) -> Path:
    """The file of an upload, from what Gradio's clients send for it; only files that were uploaded here."""
    path = value.get("path") if isinstance(value, dict) else None
    if isinstance(path, str) and "\0" not in path:
        found, folder = Path(path).resolve(), Path(get_upload_folder()).resolve()
        if found.is_relative_to(folder) and found.is_file():
            return found
    raise PlaygroundError("no_upload")
