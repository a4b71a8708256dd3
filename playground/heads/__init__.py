"""The model families: the torch code that loads, trains, saves and reads them."""

from __future__ import annotations

from importlib import import_module

from playground.heads.base import Head

NAMES: tuple[str, ...] = (
    "sequence_classification",
    "linear_probe",
    "embedding",
    "token_classification",
    "extractive_qa",
)


def get_head(name: str) -> Head:
    """The head of that name; a name that is not in NAMES raises KeyError: it is a fault of ours."""
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"{__name__}.{name}").HEAD
