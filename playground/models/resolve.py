"""From a model's name to a folder on this machine. Safetensors only; no code from outside runs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playground.errors import PlaygroundError
from playground.models.catalog import catalog, packaged_folder
from playground.runs import find_run
from playground.settings import settings

Kind = Literal["model", "adapter", "probe"]
STARTERS_DIR = Path(__file__).parent.parent / "starters"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
PEFT_TASK_HEADS = {
    "SEQ_CLS": "sequence_classification",
    "TOKEN_CLS": "token_classification",
    "QUESTION_ANS": "extractive_qa",
}
WITHOUT_WEIGHTS = ("embedding",)
"""Heads whose models are a base and a description alone."""
MOST_TOKENS = 10**6
"""Tokenizers without a limit say 1e30."""
CLASS_HEADS = {
    "ForSequenceClassification": "sequence_classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "extractive_qa",
}
"""How the names of transformers' head classes end -> our head."""


@dataclass(frozen=True)
class Resolved:
    """A model whose files are here.

    id        the name it was asked for by
    folder    where its files lie
    kind      a whole model, a LoRA adapter, or a probe: what reads a bare base, with few weights or none
    head      name in playground.heads, "" for a base without a head
    labels    class names in the order of the outputs, () where the files do not say
    base      model id an adapter or probe stands on, "" for a whole model
    revision  full commit of the base (adapter, probe) or of the model itself, where known
    max_length  longest input in tokens, 0 where the files do not say
    task      id of the task it was made for, "" where the files do not say
    """

    id: str
    folder: Path
    kind: Kind
    head: str = ""
    labels: tuple[str, ...] = ()
    base: str = ""
    revision: str | None = None
    max_length: int = 0
    task: str = ""

    @property
    def version(self) -> tuple[str, int]:
        """Differs when the files were replaced, as a resumed run does."""
        weights = sorted(self.folder.glob("*.safetensors"))
        return str(self.folder), max((path.stat().st_mtime_ns for path in weights), default=0)


def resolve(model_id: str, owner: str = "local") -> Resolved:
    """Find a model by any of the names of ARCHITECTURE ("Names of models"), or a PlaygroundError.

    Order: starter/<name>, run/<run id>, the catalog's installed package, a folder (absolute, or
    beginning with a dot), the local Hub cache, the Hub.
    """
    if model_id.startswith("starter/"):
        folder = STARTERS_DIR / model_id.removeprefix("starter/")
        if not re.fullmatch(r"starter/[a-z0-9-]+", model_id) or not folder.is_dir():
            raise PlaygroundError("unknown_starter", model=model_id[:80], starters=starters())
        return describe(model_id, folder)
    if model_id.startswith("run/"):
        run = find_run(settings().runs_dir, model_id.removeprefix("run/"), owner)
        if not run.usable:
            raise PlaygroundError("run_not_usable", run=run.id)
        return describe(model_id, run.model_dir)
    name, _, revision = model_id.partition("@")
    entry = catalog().get(name)
    packaged = packaged_folder(entry) if entry and revision in ("", entry.revision) else None
    if entry and packaged:
        return describe(name, packaged, revision=entry.revision)
    if model_id.startswith(("/", "./", "../")) or re.match(r"[A-Za-z]:\\", model_id):
        folder = Path(model_id)
        if not folder.is_dir():
            raise PlaygroundError("no_model_folder", folder=model_id[:200])
        return describe(model_id, folder)
    if not HUB_ID.fullmatch(model_id):
        raise PlaygroundError("bad_model_id", model=model_id[:80])
    folder = _from_hub(name, revision or (entry.revision if entry else None))
    # The folder of a snapshot is called by its full commit, also where a branch or nothing was asked for.
    return describe(name, folder, revision=folder.name)


def resolve_base(base: str, revision: str | None) -> Resolved:
    """The base of an adapter, probe or run, at the commit that is recorded beside its id, where one is."""
    return resolve(f"{base}@{revision}" if revision and HUB_ID.fullmatch(base) else base)


def starters() -> list[str]:
    """Ids of the embedded models."""
    return [f"starter/{path.name}" for path in sorted(STARTERS_DIR.iterdir()) if (path / "playground.json").is_file()]


def describe(model_id: str, folder: Path, revision: str | None = None) -> Resolved:
    """What a model folder holds, told by its files. Raises PlaygroundError when it is no usable model."""
    own = _read_json(folder / "playground.json")
    if own.get("head") not in WITHOUT_WEIGHTS and not any(folder.glob("*.safetensors")):
        raise PlaygroundError("no_safetensors", model=model_id)
    if own:
        kind: Kind = "adapter" if (folder / "adapter_config.json").is_file() else "probe"
        return Resolved(
            id=model_id,
            folder=folder,
            kind=kind,
            head=str(own["head"]),
            labels=tuple(own["labels"]),
            base=str(own["base"]),
            revision=own.get("base_revision"),
            max_length=int(own.get("max_length", 0)),
            task=str(own.get("task", "")),
        )
    adapter = _read_json(folder / "adapter_config.json")
    if adapter:
        head = PEFT_TASK_HEADS.get(str(adapter.get("task_type")), "")
        base = str(adapter.get("base_model_name_or_path") or "")
        return Resolved(
            id=model_id, folder=folder, kind="adapter", head=head, base=base, revision=adapter.get("revision")
        )
    config = _read_json(folder / "config.json")
    if not config:
        raise PlaygroundError("no_model_config", model=model_id)
    classes = [str(name) for name in config.get("architectures") or []]
    head = next((head for end, head in CLASS_HEADS.items() if any(name.endswith(end) for name in classes)), "")
    id2label = config.get("id2label") or {}
    named = head and head != "extractive_qa"
    labels = tuple(str(id2label[key]) for key in sorted(id2label, key=int)) if named else ()
    return Resolved(id=model_id, folder=folder, kind="model", head=head, labels=labels, revision=revision)


def longest_input(base: Resolved) -> int:
    """Most tokens a base reads, as its files tell; 0 where they do not."""
    config = _read_json(base.folder / "config.json")
    tokenizer = _read_json(base.folder / "tokenizer_config.json")
    positions = config.get("max_position_embeddings") or 0
    # RoBERTa's first position numbers stand for padding.
    positions -= (config.get("pad_token_id") or 0) + 1 if "roberta" in str(config.get("model_type")) else 0
    limits = [positions, tokenizer.get("model_max_length") or 0]
    return min((int(limit) for limit in limits if 0 < limit < MOST_TOKENS), default=0)


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object, {} where the file is absent; PlaygroundError where it is no JSON object."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        data = None
    if not isinstance(data, dict):
        raise PlaygroundError("bad_model_file", file=path.name)
    return data


def _from_hub(name: str, revision: str | None) -> Path:
    """The snapshot folder of a Hub model: from the local cache, else downloaded (HF_ENDPOINT is honoured)."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=HUB_FILES)
        )
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=HUB_FILES))
    except RepositoryNotFoundError as error:
        raise PlaygroundError("not_on_hub", model=name) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise PlaygroundError("model_offline", model=name) from error
