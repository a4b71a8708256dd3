"""The catalog: models known by name, pinned to a commit where that commit is known for certain."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from playground.errors import PlaygroundError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the catalog. `parameters` is a count; `sha256` is that of model.safetensors."""

    id: str
    licence: str
    languages: tuple[str, ...]
    parameters: int
    revision: str | None = None
    package: str | None = None
    package_folder: str = ""
    sha256: str | None = None


@lru_cache(maxsize=1)
def catalog() -> dict[str, Entry]:
    """{model id: Entry} of catalog.yaml."""
    text = (Path(__file__).parent / "catalog.yaml").read_text(encoding="utf-8")
    return {
        model_id: Entry(id=model_id, **{**data, "languages": tuple(data["languages"])})
        for model_id, data in yaml.safe_load(text).items()
    }


@lru_cache(maxsize=8)
def packaged_folder(entry: Entry) -> Path | None:
    """The folder an installed package carries the model in, its weights verified; None where there is none."""
    # find_spec looks the package up without running any of its code.
    spec = importlib.util.find_spec(entry.package) if entry.package else None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / entry.package_folder
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.sha256:
        raise PlaygroundError("model_checksum", model=entry.id, found=found[:12], expected=str(entry.sha256)[:12])
    return folder
