"""What a model's base costs in memory: nothing more, where others stand on it too, or a copy of its own."""

from __future__ import annotations

from playground.heads.base import Trunkless
from playground.heads.loading import lease_model, tunable_head
from playground.i18n import Message, msg
from playground.models.resolve import Resolved, resolve


def sharing(model_id: str, owner: str = "local") -> Message:
    """With how many others in memory a model shares its base, or why it needs one of its own. Loads the model."""
    resolved = resolve(model_id, owner)
    with lease_model(model_id, owner) as (_, loaded):
        if isinstance(loaded, Trunkless):
            return loaded.memory
        if loaded.trunk.whole or not resolved.base:
            return msg("sharing.own", reason=_why(resolved))
        others = len(loaded.trunk.shells) - 1
    if others > 1:
        return msg("sharing.many", base=resolved.base, count=others)
    return msg("sharing.one" if others else "sharing.none", base=resolved.base)


def _why(resolved: Resolved) -> Message:
    own = tunable_head(resolved).why_own_base(resolved) if resolved.kind == "adapter" else None
    return own or msg("sharing.why.whole")
