"""From a model's name to a folder on this machine. Safetensors only; no code from outside runs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playground.errors import PlaygroundError
from playground.models import endpoints, hub
from playground.models.catalog import catalog, check_offered, packaged_folder
from playground.runs import find_run
from playground.settings import settings

Kind = Literal["model", "adapter", "probe", "bare", "endpoint"]
STARTERS_DIR = Path(__file__).parent.parent / "starters"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
PEFT_TASK_HEADS = {
    "SEQ_CLS": "sequence_classification",
    "TOKEN_CLS": "token_classification",
    "QUESTION_ANS": "extractive_qa",
    "SEQ_2_SEQ_LM": "seq2seq",
    "CAUSAL_LM": "causal_lm",
}
ONE_LABEL, SEVERAL_LABELS = "single_label_classification", "multi_label_classification"
"""How a configuration says what its outputs are: shares of one, or each a yes or no; the loss goes with it."""
WITHOUT_WEIGHTS = ("embedding", "extractive_summary")
"""Heads whose models are a description, and maybe a base, alone."""
CHATS = {
    "chat_label": "classification", "chat_labels": "multi_label", "chat_spans": "ner", "chat_answer": "qa",
    "chat_translation": "translation", "chat_summary": "summarization",
}  # fmt: skip
"""Heads that ask a model with a chat template to do a task -> that task."""
CHATTING = "causal_lm"
FAMILIES = {"summarizing": "seq2seq", **dict.fromkeys(CHATS, CHATTING)}
"""Head that reads models whose files name another's -> that other: for what they were made, files do not say."""
MOST_TOKENS = 10**6
"""Tokenizers without a limit say 1e30."""
CLASS_HEADS = {
    "ForSequenceClassification": "sequence_classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "extractive_qa",
    "ForQuestionAnsweringSimple": "extractive_qa",
    "ForConditionalGeneration": "seq2seq",
    "MTModel": "seq2seq",
    "ForCausalLM": "causal_lm",
    "LMHeadModel": "causal_lm",
}
"""How the names of transformers' head classes end -> our head."""


@dataclass(frozen=True)
class Resolved:
    """A model whose files are here.

    id        the name it was asked for by
    folder    where its files lie
    kind      a whole model, a LoRA adapter, a probe (what reads a bare base, with few weights or none), bare: a model
              without a network, or an endpoint: a model that runs elsewhere
    head      name in playground.heads, "" for a base without a head
    labels    class names in the order of the outputs, () where the files do not say
    base      model id an adapter or probe stands on, "" for a whole model
    revision  full commit of the base (adapter, probe) or of the model itself, where known
    max_length  longest input in tokens, 0 where the files do not say
    task      id of the task it was made for, "" where the files do not say
    directions  (source, target) languages of what it was trained on, () where the files do not say
    inputs    names of the inputs that it was trained on, () where the files do not say
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
    directions: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def version(self) -> tuple[str, int]:
        """Differs when the files were replaced, as a resumed run does."""
        weights = sorted(self.folder.glob("*.safetensors"))
        return str(self.folder), max((path.stat().st_mtime_ns for path in weights), default=0)


def resolve(model_id: str, owner: str = "local") -> Resolved:
    """Find a model by any of the names of ARCHITECTURE ("Names of models"), or a PlaygroundError.

    Order: starter/<name>, run/<run id>, endpoint/<name>, the catalog's installed package, a folder (absolute, or
    beginning with a dot), the cache of what was downloaded from the Hub: nothing is downloaded here.
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
    if model_id.startswith(endpoints.ENDPOINT):
        endpoints.get(model_id.removeprefix(endpoints.ENDPOINT))
        return Resolved(id=model_id, folder=Path(), kind="endpoint", head=CHATTING)
    name, _, revision = model_id.partition("@")
    entry = catalog().get(name)
    check_offered(model_id)
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
    snapshot = hub.cached(*hub.version(model_id))
    if snapshot is None:
        raise PlaygroundError("model_not_here", model=model_id)
    # The folder of a snapshot is called by its full commit, also where a branch or nothing was asked for.
    return describe(name, snapshot, revision=snapshot.name)


def head_for(names: Sequence[str], resolved: Resolved) -> str:
    """The one of the heads by which a model answers: its own, else one that reads its family; "" for none."""
    if resolved.head in names:
        return resolved.head
    able = [name for name in names if FAMILIES.get(name) == resolved.head]
    name = able[0] if able else ""
    # Who can talk may do anything; of others only those whose files do not say what they were made for.
    return name if name and (has_chat_template(resolved) if name in CHATS else not resolved.task) else ""


def has_chat_template(resolved: Resolved) -> bool:
    """Whether a model says how it is talked to: its own files, or those of its base. Endpoints know it themselves."""
    if resolved.kind == "endpoint":
        return True
    if (resolved.folder / "chat_template.jinja").is_file():
        return True
    if _read_json(resolved.folder / "tokenizer_config.json").get("chat_template"):
        return True
    return resolved.kind == "adapter" and has_chat_template(resolve_base(resolved.base, resolved.revision))


def resolve_base(base: str, revision: str | None, owner: str = "local") -> Resolved:
    """The base of an adapter, probe or run, at the commit that is recorded beside its id, where one is."""
    if revision and HUB_ID.fullmatch(base):
        base = f"{base.partition('@')[0]}@{revision}"  # also where it was asked for by the name of a branch
    return resolve(base, owner)


def starters() -> list[str]:
    """Ids of the embedded models."""
    return [f"starter/{path.name}" for path in sorted(STARTERS_DIR.iterdir()) if (path / "playground.json").is_file()]


def describe(model_id: str, folder: Path, revision: str | None = None) -> Resolved:
    """What a model folder holds, told by its files. Raises PlaygroundError when it is no usable model."""
    own = _read_json(folder / "playground.json")
    if own.get("head") not in WITHOUT_WEIGHTS and not any(folder.glob("*.safetensors")):
        raise PlaygroundError("no_safetensors", model=model_id)
    if own:
        made: dict[str, Kind] = {"adapter_config.json": "adapter", "config.json": "model"}
        light: Kind = "probe" if own["base"] else "bare"
        kind: Kind = next((kind for file, kind in made.items() if (folder / file).is_file()), light)
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
            directions=tuple((str(source), str(target)) for source, target in own.get("directions", ())),
            inputs=tuple(map(str, own.get("inputs", ()))),
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
    if head == "sequence_classification" and config.get("problem_type") == SEVERAL_LABELS:
        head = "multi_label"
    # A chat model that also sees is a decoder alone, whatever its class is called: Gemma 3, Qwen 3.5.
    if head == "seq2seq" and "text_config" in config and not config.get("is_encoder_decoder"):
        head = CHATTING
    id2label = config.get("id2label") or {}
    named = head in ("sequence_classification", "multi_label", "token_classification")
    labels = tuple(str(id2label[key]) for key in sorted(id2label, key=int)) if named else ()
    return Resolved(id=model_id, folder=folder, kind="model", head=head, labels=labels, revision=revision)


def longest_input(base: Resolved) -> int:
    """Most tokens a base reads, as its files tell; 0 where they do not."""
    config = _read_json(base.folder / "config.json")
    config = config.get("text_config") or config  # of models that also see
    tokenizer = _read_json(base.folder / "tokenizer_config.json")
    positions = config.get("max_position_embeddings") or config.get("n_positions") or 0
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
