"""A fine-tune as it was asked for: a recipe file, options, or both; options win."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground.data import TABLES
from playground.errors import PlaygroundError, first_fault
from playground.fields import Field, Messages
from playground.i18n import Message
from playground.runs import RUN_ID, RunSpec, TrainingParams
from playground.tasks import NAMES

RECIPE_ENDINGS = (".yaml", ".yml")
CHOICES = ("task", "base", "method", "preset", "name")


def run_named(files: list[Path]) -> str:
    """The id of run/<id> where that stands in place of a dataset; "" elsewhere, also where there is such a file."""
    match = re.fullmatch(rf"run/({RUN_ID.pattern})", files[0].as_posix())
    return match.group(1) if match and len(files) == 1 and not files[0].exists() else ""


def changed(spec: RunSpec, options: argparse.Namespace) -> RunSpec:
    """The spec with what the options say otherwise, or with --rows-only what they say alone.

    Another base brings the method that goes with it; a fix is added to the others.
    """
    if options.rows_only:
        return _spec({"task": spec.task, "data": spec.data}, options)
    asked = spec.model_dump()
    if options.fix:
        options.fix = list(dict.fromkeys([*spec.fixes, *options.fix]))
    if options.base and not options.method:
        del asked["method"]
    if options.method and not options.base:
        del asked["base"]
    return _spec(asked, options)


def read_spec(options: argparse.Namespace) -> tuple[RunSpec, list[Path]]:
    """The spec, and the dataset's files. A file named in a recipe is looked for beside the recipe."""
    first = options.data[0]
    is_recipe = first.suffix.lower() in RECIPE_ENDINGS and len(options.data) == 1
    recipe = _read_recipe(first) if is_recipe else {"data": " + ".join(map(str, options.data))}
    spec = _spec({"task": NAMES[0], **recipe}, options)
    if not is_recipe:
        return spec, options.data
    beside = first.parent / os.path.expandvars(spec.data)
    return spec, [beside if beside.exists() or not hub_dataset([Path(spec.data)]) else Path(spec.data)]


def hub_dataset(paths: list[Path]) -> str:
    """`datasets/owner/name` where that is what is named, and no file of this machine; else ""."""
    from playground.services.downloads import is_dataset

    name = paths[0].as_posix()
    is_file = paths[0].exists() or paths[0].suffix.lower() in (*TABLES, ".txt")
    return name if len(paths) == 1 and is_dataset(name) and not is_file else ""


def _spec(recipe: dict[str, Any], options: argparse.Namespace) -> RunSpec:
    given = {key: getattr(options, key) for key in CHOICES if getattr(options, key)}
    numbers = values(options.set)
    if "method" in numbers:  # as the page prints it
        given.setdefault("method", numbers.pop("method"))
    if mapped := columns(options.map):
        given["columns"] = mapped
    if options.fix:
        given["fixes"] = options.fix
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


def given(field: Field, text: str) -> Any:
    """An input as it was typed: a conversation as JSON, all else as it is."""
    if not isinstance(field, Messages) or not text:
        return None if isinstance(field, Messages) else text
    try:
        return json.loads(text)
    except ValueError as error:
        raise PlaygroundError("messages_form", field=field.word) from error


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
