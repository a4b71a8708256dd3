"""What this machine has, and whether it is enough."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version

from playground.errors import PlaygroundError
from playground.i18n import Message, msg
from playground.models.catalog import catalog, packaged_folder
from playground.models.resolve import resolve, starters
from playground.settings import settings

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "gradio")


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether all is well with what it says."""

    message: Message
    fine: bool = True


def examine() -> list[Finding]:
    """Versions, device, models and folders of this machine."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    found = [
        Finding(msg("doctor.python", version=platform.python_version()), sys.version_info >= (3, 11)),
        Finding(msg("doctor.packages", versions=versions)),
        *_devices(),
        _home(),
    ]
    for entry in catalog().values():
        found.append(_model(entry.id, lambda entry=entry: packaged_folder(entry)))  # type: ignore[misc]
    for model_id in starters():
        found.append(_model(model_id, lambda model_id=model_id: resolve(model_id)))  # type: ignore[misc]
    return found


def _devices() -> list[Finding]:
    from playground.models.device import choose_device

    device = choose_device()
    return [
        Finding(msg("doctor.predicts", device=device.reason)),
        Finding(msg("doctor.trains", device=device.training_reason)),
    ]


def _home() -> Finding:
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    return Finding(msg("doctor.home" if writable else "doctor.home_unwritable", folder=str(home)), writable)


def _model(model_id: str, look: object) -> Finding:
    try:
        found = look()  # type: ignore[operator]
    except PlaygroundError as error:
        return Finding(error.message, False)
    return Finding(msg("doctor.model" if found else "doctor.model_missing", model=model_id), bool(found))
