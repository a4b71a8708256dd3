"""The model families: the torch code that loads, trains, saves and reads them."""

from __future__ import annotations

from importlib import import_module

import playground.heads.scratch  # noqa: F401  makes the Auto classes know its networks before any model is loaded
from playground.heads.base import Head

NAMES: tuple[str, ...] = (
    "sequence_classification",
    "linear_probe",
    "multi_label",
    "multi_label_probe",
    "embedding",
    "token_classification",
    "extractive_qa",
    "seq2seq",
    "summarizing",
    "extractive_summary",
    "causal_lm",
    "chat_label",
    "chat_labels",
    "chat_spans",
    "chat_answer",
    "chat_translation",
    "chat_summary",
    "endpoint",
)


def get_head(name: str) -> Head:
    """The head of that name; a name that is not in NAMES raises KeyError: it is a fault of ours."""
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"{__name__}.{name}").HEAD
