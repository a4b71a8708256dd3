"""Predictions: plain values in, the Hub's inference schemas out."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from playground.data.tokens import MOSTLY, UNSPACED
from playground.errors import PlaygroundError, first_fault
from playground.fields import PLACE, Field, Row
from playground.i18n import LanguageName, Message, msg, render, translate
from playground.models import endpoints, hub
from playground.models.catalog import catalog, chat_models, offered_for
from playground.models.resolve import CHATS, CHATTING, STARTERS_DIR, Resolved, head_for, resolve
from playground.runs import OURS, find_run, list_runs
from playground.services import limits
from playground.services.cards import known_card
from playground.settings import settings
from playground.tasks import LEARNED, get_task
from playground.tasks.spec import PROMPT, Task

if TYPE_CHECKING:
    from playground.heads.base import Head, Loaded, Prediction

WORDS = re.compile(r"[^\W\d_]{2,}")
LEAST_WORDS = 3
"""Of a text in another language: a Chinese one may be "OK" or "666"."""


log = logging.getLogger("playground")
REASON_CHARS = 200


@dataclass(frozen=True)
class ModelInfo:
    """A line of a model picker."""

    id: str
    title: str
    kind: Literal["starter", "run", "endpoint", "hub"]


def predict(
    task_id: str,
    inputs: Row,
    *,
    model: str = "",
    params: dict[str, Any] | None = None,
    owner: str = "local",
    details: bool = False,
) -> Any:
    """The task's output for one input, or with `details` {"output": ..., "details": {"model", "device"}}.

    Everything is checked before a model sees it. Raises PlaygroundError.
    """
    task = get_task(task_id)
    row, knobs = checked_row(task, inputs), checked_params(task, params or {})
    model = model or task.models[0]
    with ready(task, [row], model, owner) as ([asked], head, loaded):
        found = loaded.answer(head, asked, knobs)
    if not details:
        return found.output
    told = with_model(found, model, owner)
    told["details"] |= foreign(task, row, model, owner)
    return told


def foreign(task: Task, row: Row, model: str, owner: str = "local") -> dict[str, str]:
    """{"base", "instead"} where a model has not read what a text is written in; of any other {}.

    A text in Chinese or Japanese at what stands on a model of English, the base; or one without a Chinese character at
    a model whose card names Chinese alone: then the base is "".

    instead  a model known for the task that reads it, the first or the model's twin; "" where none is
    """
    text = " ".join(value for value in row.values() if isinstance(value, str))
    resolved = resolve(model, owner)
    if resolved.kind != "endpoint" and _languages_of_card(resolved.folder) == ("zh",):
        twin = f"{model.removesuffix('-zh')}-en"
        others = sorted((known for known in task.models if known.endswith("-en")), key=lambda known: known != twin)
        strange = not UNSPACED.search(text) and len(WORDS.findall(text)) >= LEAST_WORDS
        return {"base": "", "instead": next(iter(others), "")} if strange else {}
    if len(UNSPACED.findall(text)) <= MOSTLY * len(text):
        return {}
    entry = catalog().get(resolved.base or resolved.id)
    if entry is None or list(entry.languages) != ["en"]:
        return {}
    ours = [known for known in task.models if known.endswith("-zh")]
    known = [*ours, *(listed.id for listed in offered_for(task.id) if "zh" in listed.languages)]
    return {"base": entry.id.rpartition("/")[2], "instead": next(iter(known), "")}


@lru_cache(maxsize=256)
def _languages_of_card(folder: Path) -> tuple[str, ...]:
    """Those that the front matter of a model's card names; () where it names none, or there is no card."""
    from huggingface_hub import ModelCard

    try:
        found = ModelCard.load(folder / "README.md").data.language or ()
    except Exception:  # a stranger's card may hold anything
        return ()
    return (found,) if isinstance(found, str) else tuple(map(str, found))


def with_model(found: Prediction, model: str, owner: str = "local") -> dict[str, Any]:
    """{"output", "details"} of a prediction, and on what it was made."""
    device = render(runtime(model, owner), "en")
    return {"output": found.output, "details": {**found.details, "model": model, "device": device}}


def checked_row(task: Task, inputs: Row) -> Row:
    """The task's inputs, each parsed; those that only some models take stay as they are. Raises PlaygroundError."""
    row = {}
    for field in task.inputs:
        value = inputs.get(field.name)
        lacks = field.name in task.needless and (value is None or (isinstance(value, str) and not value.strip()))
        row[field.name] = "" if lacks else field.parse(value)
    return row | {field.name: inputs.get(field.name) for field in task.extra_inputs}


def predict_rows(
    task_id: str, rows: Sequence[Row], *, model: str, params: dict[str, Any] | None = None, owner: str = "local"
) -> list[Any]:
    """The task's output for many rows, same order."""
    task = get_task(task_id)
    knobs = checked_params(task, params or {})
    return [found.output for found in predictions(task, rows, model=model, params=knobs, owner=owner)]


def model_labels(model_id: str, owner: str = "local") -> tuple[str, ...]:
    """The classes or tags that a model can give; () where it has none. Loads the model."""
    from playground.heads.loading import lease_model

    with lease_model(model_id, owner) as (_, loaded):
        return loaded.labels


def languages(model_id: str, owner: str = "local") -> tuple[str, ...]:
    """The languages that a translation model can be told, as BCP-47 codes; () where it has none. Loads the model."""
    from playground.heads.loading import lease_model

    with lease_model(model_id, owner) as (_, loaded):
        return tuple(getattr(loaded, "languages", ()))


def offered(task_id: str, owner: str = "local") -> list[ModelInfo]:
    """The models a task can be tried with: starters, the owner's usable runs, newest first, and the catalog's."""
    task = get_task(task_id)
    found = [ModelInfo(model, model.removeprefix("starter/"), "starter") for model in task.models]
    for run in list_runs(settings().runs_dir, owner):
        spec = run.spec()
        if task.id in (spec.task, get_task(spec.task).tab) and run.usable:
            found.append(ModelInfo(f"run/{run.id}", spec.name or spec.data, "run"))
    if CHATTING in task.heads or set(CHATS) & set(task.heads):
        found += [ModelInfo(endpoints.ENDPOINT + name, name, "endpoint") for name in endpoints.known()]
    listed = [*offered_for(task.id), *(chat_models() if set(CHATS) & set(task.heads) else [])]
    return [*found, *(ModelInfo(entry.id, entry.id.rpartition("/")[2], "hub") for entry in listed)]


def label(info: ModelInfo) -> Message:
    """What a picker calls a model; of the Hub's with its languages."""
    if info.kind != "hub":
        return msg(f"ui.model.{info.kind}", title=info.title)
    codes = catalog()[info.id].languages
    names = [LanguageName(code) for code in codes] if len(codes) < 3 else msg("ui.languages", count=len(codes))
    return msg("ui.model.hub", title=info.title, languages=names)


def task_for(model_id: str, task_id: str = "", owner: str = "local") -> Task:
    """The task, which that model must fit; without an id the one that the model is for. Raises PlaygroundError."""
    resolved = resolve(model_id, owner)
    task_id = task_id or resolved.task
    # Of two that share a tab the one that the head is first in.
    fitting = sorted(
        (task for task in LEARNED if resolved.head in task.heads), key=lambda task: task.heads.index(resolved.head)
    )
    if not fitting:
        raise PlaygroundError("model_has_no_head", model=resolved.id)
    task = get_task(task_id) if task_id else fitting[0]
    _check_head(task, resolved, owner)
    return task


def misfit(task_id: str, model_id: str, owner: str = "local") -> PlaygroundError | None:
    """Why a task cannot be done by a model that is on this machine; None where it can be."""
    try:
        task_for(model_id, task_id, owner)
    except PlaygroundError as error:
        return error
    return None


def extras(task_id: str, model_id: str, owner: str = "local") -> tuple[Field, ...]:
    """What a model takes besides the task's inputs; () for one that is not there."""
    task = get_task(task_id)
    try:
        resolved = resolve(model_id, owner)
        return _extras(task, resolved, head_for(task.heads, resolved))
    except PlaygroundError:
        return ()  # there is no such model, which is said where it loads


def chats(task_id: str, model_id: str, owner: str = "local") -> bool:
    """Whether a model does a task by being talked to; False for one that is not there."""
    try:
        return head_for(get_task(task_id).heads, resolve(model_id, owner)) in CHATS
    except PlaygroundError:
        return False


def _extras(task: Task, resolved: Resolved, head_name: str) -> tuple[Field, ...]:
    """What was learned need not be given."""
    return () if resolved.labels and head_name in CHATS else task.extras.get(head_name, ())


def card(model_id: str, lang: str, owner: str = "local") -> str:
    """The model's card as Markdown written by us; "" where it has none."""
    if model_id.startswith("run/"):
        folder = find_run(settings().runs_dir, model_id.removeprefix("run/"), owner).model_dir
    elif model_id.startswith("starter/"):
        folder = resolve(model_id).folder
        assert folder.parent == STARTERS_DIR
    else:
        entry = catalog().get(hub.version(model_id)[0])
        return known_card(entry, lang) if entry and entry.tasks else ""
    for name in (f"README.{lang}.md", "README.md"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            return text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    return ""


def runtime(model_id: str, owner: str = "local") -> Message:
    """Device and dtype of a model, with the reason. Loads the model if it is not in memory."""
    from playground.heads.loading import lease_model

    with lease_model(model_id, owner) as (_, loaded):
        return loaded.where


def sharing(model_id: str, owner: str = "local") -> Message:
    """With how many others in memory a model shares its base, or why it needs one of its own. Loads the model."""
    from playground.heads.sharing import sharing

    return sharing(model_id, owner)


def model_state(model_id: str, owner: str = "local") -> Literal["ready", "loading", "absent"]:
    """Whether a model is in memory. Loads nothing."""
    from playground.heads.loading import model_state

    return model_state(model_id, owner)


def predictions(
    task: Task,
    rows: Sequence[Row],
    *,
    model: str,
    params: BaseModel,
    owner: str = "local",
    stop: threading.Event | None = None,
) -> list[Prediction]:
    """Predictions with their details for rows whose inputs were parsed, same order; of some there may be no answer.

    stop  as of Loaded.predict
    """
    with ready(task, rows, model or task.models[0], owner) as (rows, head, loaded):
        return loaded.predict(head, rows, params, stop)


@contextmanager
def ready(task: Task, rows: Sequence[Row], model: str, owner: str) -> Iterator[tuple[Sequence[Row], Head, Loaded]]:
    """A model that fits the task, kept in memory while the block runs, and the rows with what else it takes."""
    # torch comes in here, not with the module: the page opens before models are needed.
    from playground.heads.loading import lease_model
    from playground.models.trunk import Stopped

    _touch_in_use()
    resolved = resolve(model, owner)
    head_name = _check_head(task, resolved, owner)
    check_inputs(task, resolved, {name for row in rows for name, value in row.items() if value})
    for field in _extras(task, resolved, head_name):
        rows = [{**row, field.name: field.parse(row.get(field.name))} for row in rows]
    with limits.turn(owner), lease_model(model, owner, head_name) as (head, loaded):
        try:
            yield rows, head, loaded
        except (PlaygroundError, Stopped):
            raise
        except Exception as error:
            if model.startswith(OURS):
                raise
            # A stranger's files may be of a family that wants more than a text, or damaged in a way that loads.
            log.exception("model %s", resolved.id)
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:REASON_CHARS]
            raise PlaygroundError("model_cannot_run", model=resolved.id, reason=reason) from error


def _check_head(task: Task, resolved: Resolved, owner: str) -> str:
    """The head by which a model does a task; "" where its files name none. Raises PlaygroundError."""
    head_name = head_for(task.heads, resolved)
    if resolved.head and not head_name:
        models = [info.id for info in offered(task.id, owner) if info.kind != "hub"]
        if resolved.head == CHATTING and set(CHATS) & set(task.heads):
            raise PlaygroundError("not_a_chat_model", model=resolved.id, models=models)
        raise PlaygroundError("wrong_model_for_task", model=resolved.id, task=task.id, models=models)
    return head_name


def check_inputs(task: Task, resolved: Resolved, given: Collection[str]) -> None:
    """Refuse an input that the model has never seen: it would only be a longer text to it. Raises PlaygroundError."""
    for field in task.inputs:
        if field.optional and field.name in given and resolved.inputs and field.name not in resolved.inputs:
            raise PlaygroundError("input_not_learned", model=resolved.id, field=field.word)


def checked_params(task: Task, values: dict[str, Any]) -> BaseModel:
    """A task's knobs, or a PlaygroundError that names the first one that is not valid."""
    try:
        knobs = task.params.model_validate(values)
    except ValidationError as error:
        name, _, why = first_fault(error)
        raise PlaygroundError("bad_param", param=name, reason=why) from error
    _check_prompt(task, str(getattr(knobs, PROMPT, "")))
    return knobs


def _check_prompt(task: Task, prompt: str) -> None:
    """Refuse a prompt that would not tell a chat model what it is asked about."""
    if not prompt.strip():
        return
    usual = set(PLACE.findall(translate("en", task.prompt)))
    asked = {field.name for field in task.inputs if not field.optional} - set(task.needless)
    needed = usual & (asked | {"labels"})
    known = usual | {field.name for field in task.inputs}
    found = set(PLACE.findall(prompt))
    if needed - found or found - known:
        told = {"missing": needed - found, "unknown": found - known, "needed": needed, "known": known - needed}
        listed = {name: ", ".join(f"{{{place}}}" for place in sorted(places)) or "–" for name, places in told.items()}
        raise PlaygroundError("bad_prompt", **listed)


def _touch_in_use() -> None:
    """Tell a training process on this machine that the page is in use: it leaves a core to us."""
    settings().home.mkdir(parents=True, exist_ok=True)
    (settings().home / "in_use").touch()
