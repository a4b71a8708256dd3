"""What this machine has, and whether it is enough."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from playground.errors import PlaygroundError
from playground.i18n import Message, msg
from playground.models.catalog import Entry, catalog, packaged_folder
from playground.models.resolve import resolve, starters
from playground.settings import settings

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "gradio")


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether all is well with what it says."""

    message: Message
    fine: bool = True


def examine() -> list[Finding]:
    """Versions, device, folders, port and models of this machine."""
    found = [Finding(msg("doctor.python", version=platform.python_version()), sys.version_info >= (3, 11))]
    installed = {name: _version(name) for name in PACKAGES}
    versions = ", ".join(f"{name} {number}" for name, number in installed.items() if number)
    found.append(Finding(msg("doctor.packages", versions=versions)))
    if missing := [name for name, number in installed.items() if not number]:
        found.append(Finding(msg("doctor.packages_missing", names=missing), False))
    else:
        found += _devices()
    return [*found, _home(), _port(), *(_base(entry) for entry in catalog().values() if entry.package), *_starters()]


def _version(package: str) -> str:
    """ "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


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


def _port() -> Finding:
    """A taken port is no fault: the server moves on."""
    port = settings().port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding(msg("doctor.port_taken", port=port))
    return Finding(msg("doctor.port", port=port))


def _base(entry: Entry) -> Finding:
    try:
        folder = packaged_folder(entry)
    except PlaygroundError as error:
        return Finding(error.message, False)
    return Finding(msg("doctor.base" if folder else "doctor.base_missing", model=entry.id), folder is not None)


def _starters() -> Iterator[Finding]:
    for model_id in starters():
        try:
            weights = sorted(resolve(model_id).folder.glob("*.safetensors"))
        except PlaygroundError as error:
            yield Finding(error.message, False)
            continue
        if not weights:
            yield Finding(msg("doctor.starter_without_weights", model=model_id))
            continue
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in weights)).hexdigest()
        yield Finding(msg("doctor.starter", model=model_id, sha256=digest[:12]))
