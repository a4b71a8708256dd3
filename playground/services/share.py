"""What a run has learned, to take away: its adapter (or network) with its card, as a folder or a zip."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import zipfile
from pathlib import Path

from playground.errors import PlaygroundError
from playground.models.resolve import Resolved, resolve
from playground.runs import OURS, find_run
from playground.settings import settings

NAME = re.compile(r"[^\w.-]+")
NAME_CHARS = 60


def export(model_id: str, target: Path, owner: str) -> Path:
    """Copy a run's or a starter's files to a folder that is not there yet, or into a zip where its name ends so.

    Standard PEFT adapters, or whole networks: safetensors that other programs load too. Raises PlaygroundError.
    """
    model = _own(model_id, owner)
    if target.exists():
        raise PlaygroundError("export_exists", target=str(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Aside, then renamed: nobody finds half of it.
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        if target.suffix == ".zip":
            _zip(model.folder, aside, target.stem)
        else:
            shutil.copytree(model.folder, aside)
        os.replace(aside, target)
    except OSError as error:
        raise PlaygroundError("export_failed", target=str(target), reason=error.strerror or str(error)) from error
    return target


def packed(run_id: str, owner: str) -> Path:
    """The zip of a run's model for the page, made once for each model a run leaves, in the folder of the page's files.

    Like an upload it goes after a day.
    """
    run = find_run(settings().runs_dir, run_id, owner)
    model = _own(f"run/{run.id}", owner)
    spec = run.spec()
    name = NAME.sub("-", spec.name or Path(spec.data).stem).strip("-.")[:NAME_CHARS] or "model"
    path = settings().uploads_dir / "web" / f"{run.id}-{model.version[1]:x}" / f"{name}.zip"
    return path if path.is_file() else export(model.id, path, owner)


def _own(model_id: str, owner: str) -> Resolved:
    if not model_id.startswith(OURS):
        raise PlaygroundError("export_not_ours", model=model_id[:80])
    return resolve(model_id, owner)


def _zip(folder: Path, path: Path, inside: str) -> None:
    """The folder's files below one folder of that name; weights do not get smaller, so they are only stored."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.iterdir()):
            if file.is_file():
                kind = zipfile.ZIP_STORED if file.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
                packed.write(file, f"{inside}/{file.name}", kind)
