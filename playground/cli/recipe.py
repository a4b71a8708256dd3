"""A fine-tune as it was asked for: a recipe file, options, or both; options win."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground.errors import PlaygroundError, first_fault
from playground.i18n import Message
from playground.runs import RunSpec, TrainingParams
from playground.tasks import NAMES

RECIPE_ENDINGS = (".yaml", ".yml")
CHOICES = ("task", "base", "method", "preset", "name")


def read_spec(options: argparse.Namespace) -> tuple[RunSpec, Path]:
    """The spec, and the dataset file. A file named in a recipe is looked for beside the recipe."""
    is_recipe = options.data.suffix.lower() in RECIPE_ENDINGS
    recipe = _read_recipe(options.data) if is_recipe else {"data": str(options.data)}
    spec = _spec({"task": NAMES[0], **recipe}, options)
    path = options.data.parent / os.path.expandvars(spec.data) if is_recipe else options.data
    return spec, path


def _spec(recipe: dict[str, Any], options: argparse.Namespace) -> RunSpec:
    given = {key: getattr(options, key) for key in CHOICES if getattr(options, key)}
    numbers = values(options.set)
    if "method" in numbers:  # as the page prints it
        given.setdefault("method", numbers.pop("method"))
    if mapped := columns(options.map):
        given["columns"] = mapped
    try:
        spec = RunSpec.model_validate({**recipe, **given})
        training = TrainingParams.model_validate({**spec.training.model_dump(), **numbers})
    except ValidationError as error:
        place, _, why = first_fault(error)
        raise PlaygroundError("bad_spec", place=place, reason=why) from error
    # A recipe may be the spec.json of a run, as YAML: who it was and what it became is not asked for.
    return spec.model_copy(update={"training": training, "id": "", "created": "", "reasons": {}})


def pairs(words: list[str]) -> dict[str, str]:
    """{"k": "v"} of ["k=v"]; the last one counts."""
    found = [word.partition("=") for word in words]
    for key, equals, value in found:
        if not equals or not key:
            raise PlaygroundError("not_a_pair", word=key + equals + value)
    return {key: value for key, _, value in found}


def values(words: list[str]) -> dict[str, Any]:
    """{"epochs": 3} of ["epochs=3"], each value as YAML reads it."""
    found = {}
    for key, text in pairs(words).items():
        try:
            found[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise PlaygroundError("bad_spec", place=key, reason=Message("invalid.form")) from error
    return found


def columns(words: list[str]) -> dict[str, list[str]]:
    """{"text": ["title", "body"]} of ["text=title", "text=body"]."""
    found: dict[str, list[str]] = {}
    for word in words:
        for name, column in pairs([word]).items():
            found.setdefault(name, []).append(column)
    return found


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlaygroundError("bad_recipe", file=path.name) from error
    if not isinstance(recipe, dict):
        raise PlaygroundError("bad_recipe", file=path.name)
    return recipe
