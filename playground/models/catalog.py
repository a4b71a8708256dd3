"""The catalog: models known by name, pinned to a commit where that commit is known for certain."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from playground.errors import PlaygroundError
from playground.settings import settings


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the catalog; catalog.yaml says what each part means. "", 0 and None: not known for certain.

    chat  whether it is one that one can talk to, which every task is offered
    verified  day on which `make pin` had the Hub confirm it, "" for never. `sha256` is that of model.safetensors.
    """

    id: str
    languages: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    licence: str = ""
    parameters: int = 0
    megabytes: int = 0
    revision: str | None = None
    branch: str | None = None
    chat: bool = False
    verified: str = ""
    package: str | None = None
    package_folder: str = ""
    sha256: str | None = None

    @property
    def wanted(self) -> str | None:
        """The version to use: the commit, or the branch until that is known; None is the main one."""
        return self.revision or self.branch

    @property
    def slug(self) -> str:
        """Its id as a part of keys."""
        return re.sub(r"[^a-z0-9]+", "_", self.id.lower())


@lru_cache(maxsize=1)
def catalog() -> dict[str, Entry]:
    """{model id: Entry} of catalog.yaml, with what the Hub told `make pin` (pins.yaml)."""
    folder = Path(__file__).parent
    written, pinned = (read_yaml(folder / name) for name in ("catalog.yaml", "pins.yaml"))
    return {model_id: _entry(model_id, {**data, **pinned.get(model_id, {})}) for model_id, data in written.items()}


def offered_for(task_id: str) -> list[Entry]:
    """The models of the Hub that are offered for a task, in the catalog's order: specialists."""
    return [entry for entry in catalog().values() if task_id in entry.tasks]


def chat_models() -> list[Entry]:
    """Those that any task can be asked of."""
    return [entry for entry in catalog().values() if entry.chat]


def check_offered(model_id: str) -> None:
    """Refuse visitors who are told apart what the catalog lacks: neither folders of this machine nor any download."""
    name, _, revision = model_id.partition("@")
    entry = catalog().get(name)
    if settings().public and (entry is None or revision not in ("", entry.revision)):
        raise PlaygroundError("model_not_offered", model=model_id[:80])


def read_yaml(path: Path) -> dict[str, dict[str, Any]]:
    """{model id: its values}; {} where there is no such file."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}


def _entry(model_id: str, data: Mapping[str, Any]) -> Entry:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Entry(id=model_id, **values)


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
