"""From a model id to a Loaded model: which trunk it stands on, and its shell on that trunk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from transformers import AutoConfig, AutoModel

from playground.errors import PlaygroundError
from playground.heads import get_head
from playground.heads.base import Head, Loaded, Opening
from playground.heads.tunable import TunableHead
from playground.models.device import choose_device
from playground.models.files import building, load_pretrained, load_tokenizer, name_padding
from playground.models.pool import State, pool
from playground.models.resolve import CHATS, Resolved, head_for, resolve, resolve_base
from playground.models.trunk import BASE, Trunk, refuse_offloaded

_adapter_numbers = itertools.count()
TRUNKLESS = ("bare", "endpoint")
"""Kinds of models that take no memory here."""
MAX_SHELLS = 100
"""Models that stay on one trunk: of a small base an adapter is a few MB, and taking one off is a moment's work."""


@contextmanager
def lease_model(model_id: str, owner: str = "local", head_name: str = "") -> Iterator[tuple[Head, Loaded]]:
    """The model of that id, ready to answer, kept in memory while the block runs.

    head_name  by which it answers, where that is not the one that its files name
    """
    resolved = resolve(model_id, owner)
    if head_name:
        resolved = replace(resolved, head=head_name)
    if not resolved.head:
        load_pretrained(AutoConfig, resolved)  # refuses what needs code of its own, which nobody can fine-tune either
        raise PlaygroundError("model_has_no_head", model=model_id)
    head = get_head("endpoint" if resolved.kind == "endpoint" else resolved.head)
    if resolved.kind in TRUNKLESS:
        assert isinstance(head, Opening)
        yield head, head.open(resolved)
        return
    with lease_trunk(resolved) as trunk:
        loaded = _hold(trunk, resolved, head)
        try:
            yield head, loaded
        finally:
            with trunk.shells_lock:
                loaded.users -= 1


def _hold(trunk: Trunk, resolved: Resolved, head: Head) -> Loaded:
    """The model on its trunk, put there if it is not yet; counted as in use."""
    with trunk.shells_lock:
        # Keyed by files, not by id: a resumed run replaces its model under the same id.
        key = (*resolved.version, resolved.head)
        loaded = trunk.shells.get(key)
        if loaded is None:
            loaded = trunk.shells[key] = head.load(trunk, resolved, f"m{next(_adapter_numbers)}")
        trunk.shells.move_to_end(key)
        loaded.users += 1
        # After the load: a failed one leaves the older files' model serving.
        _drop_unused(trunk, resolved)
        return loaded


def _drop_unused(trunk: Trunk, newest: Resolved) -> None:
    """Take off what nobody uses: models whose files were replaced, and the least recently used beyond MAX_SHELLS."""
    idle = [version for version, loaded in trunk.shells.items() if not loaded.users]
    older = [key for key in idle if key[0] == newest.version[0] and key[:2] != newest.version]
    excess = len(trunk.shells) - len(older) - MAX_SHELLS
    others = [version for version in idle if version not in older]
    for version in [*older, *others[: max(0, excess)]]:
        adapter = trunk.shells.pop(version).adapter
        if adapter != BASE:
            trunk.remove_adapter(adapter)


@contextmanager
def lease_trunk(resolved: Resolved) -> Iterator[Trunk]:
    """The trunk that a model stands on: its base, shared, or the model's own where it cannot share."""
    key, source = trunk_key(resolved)

    def load() -> Trunk:
        kind = key.partition(":")[0]
        return {"whole": _load_whole, "base": load_trunk, "writer": _load_writer}[kind](source)

    with pool().lease(key, load, _weight_bytes(source)) as trunk:
        yield trunk


def trunk_key(resolved: Resolved) -> tuple[str, Resolved]:
    """The pool's key of a model's trunk, and what to load for it.

    base:    a bare base, for adapters and probes of any task
    writer:  a base with its language model head, for adapters that write text
    whole:   a model of its own
    """
    if resolved.kind == "model" and not resolved.head:
        return f"base:{resolved.folder}", resolved
    head = tunable_head(resolved) if resolved.kind != "probe" else None
    if resolved.kind == "model":
        writes = head is not None and not head.bare
        return f"{'writer' if writes else 'whole'}:{resolved.version}", resolved
    if head is not None and head.why_own_base(resolved):
        return f"whole:{resolved.version}", resolved
    base = resolve_base(resolved.base, resolved.revision)
    return (f"base:{base.folder}" if head is None or head.bare else f"writer:{base.version}"), base


def load_trunk(base: Resolved) -> Trunk:
    """The bare base model with its tokenizer, on the device that suits it."""
    device = choose_device(_weight_bytes(base))
    model = load_pretrained(AutoModel, base, **device.placement)
    return Trunk(model, load_tokenizer(base), device)


def load_apart(resolved: Resolved) -> tuple[Head, Loaded]:
    """A whole model, ready to answer outside of the pool; whoever asked for it closes its trunk."""
    head, trunk = tunable_head(resolved), _load_whole(resolved)
    loaded = head.load(trunk, resolved, BASE)
    return get_head(resolved.head), loaded


def model_state(model_id: str, owner: str = "local") -> State:
    """Whether the trunk of a model is in memory."""
    resolved = resolve(model_id, owner)
    return "ready" if resolved.kind in TRUNKLESS else pool().state(trunk_key(resolved)[0])


def tunable_head(resolved: Resolved) -> TunableHead:
    """The head of a whole model or an adapter."""
    head = get_head(resolved.head) if resolved.head else None
    if not isinstance(head, TunableHead):
        raise PlaygroundError("model_has_no_head", model=resolved.id)
    return head


def head_to_tune(names: Sequence[str], base: Resolved | None) -> TunableHead | None:
    """The head that a base is tuned with, of those a task names: the one by which it answers, else the task's first.

    base: None for a network from nothing
    """
    name = head_for(names, base) if base else ""
    head = get_head(name or names[0])
    if not isinstance(head, TunableHead):
        return None
    if head.bare:
        # A fresh output layer fits any base, whatever that said before; a decoder that is not there does not.
        head = get_head(names[0])
        assert isinstance(head, TunableHead)
        return head
    if name in CHATS:  # of several the task's own, whatever it was tuned for before
        head = get_head(next(one for one in names if one in CHATS))
        assert isinstance(head, TunableHead)
    return head if name or not base or not base.head else None


def _load_whole(resolved: Resolved) -> Trunk:
    """A model with a base of its own: a whole checkpoint, or an adapter that changes its base."""
    head = tunable_head(resolved)
    base = resolved if resolved.kind == "model" else resolve_base(resolved.base, resolved.revision)
    device = choose_device(_weight_bytes(base))
    if resolved.kind == "model":
        model = load_pretrained(head.auto_class, resolved, **device.placement)
    else:
        with building():
            model = head.load_whole(resolved, base, **device.placement)
        refuse_offloaded(model)
    tokenizer = load_tokenizer(base)
    name_padding(model.config, tokenizer)
    return Trunk(model, tokenizer, device, whole=True)


def _load_writer(base: Resolved) -> Trunk:
    """A model that writes text: its head has no weights of a task, so adapters and the model itself share it."""
    device = choose_device(_weight_bytes(base))
    model = load_pretrained(tunable_head(base).auto_class, base, **device.placement)
    return Trunk(model, load_tokenizer(base), device)


def _weight_bytes(resolved: Resolved) -> int:
    """Size of the weights in float32; half-precision files are counted as they lie."""
    return sum(path.stat().st_size for path in resolved.folder.glob("*.safetensors"))
