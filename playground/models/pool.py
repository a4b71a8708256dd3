"""Loaded trunks, bounded by memory: least recently used out first, one load at a time per model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from playground.models.device import pool_memory
from playground.models.trunk import Trunk

State = Literal["ready", "loading", "absent"]


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    trunk: Trunk | None = None
    users: int = 0


class Pool:
    """Trunks by key. A trunk in use is never dropped; a failed load leaves the others serving."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, key: str, load: Callable[[], Trunk], expected_bytes: int = 0) -> Iterator[Trunk]:
        """The trunk of that key, loaded by `load` if it is not here, kept while the block runs.

        Room for `expected_bytes` is made before the load, so that both are never in memory together.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            with slot.lock:
                if slot.trunk is None:
                    self._make_room(expected_bytes)
                    slot.trunk = load()
            self._make_room()
            yield slot.trunk
        finally:
            with self._lock:
                slot.users -= 1
                if slot.users == 0 and slot.trunk is None:
                    self._slots.pop(key, None)
            # Two that were in use at once may be more than fits, and an adapter makes a trunk grow.
            self._make_room(keep=key)

    def state(self, key: str) -> State:
        with self._lock:
            slot = self._slots.get(key)
            return "absent" if slot is None else "ready" if slot.trunk else "loading"

    def keys(self) -> list[str]:
        """Keys of the loaded trunks, least recently used first."""
        with self._lock:
            return [key for key, slot in self._slots.items() if slot.trunk]

    def _make_room(self, more: int = 0, keep: str = "") -> None:
        """Drop trunks that nobody uses, but for `keep`, until what is loaded and `more` bytes fit, or none is left."""
        with self._lock:
            total = more + sum(slot.trunk.bytes for slot in self._slots.values() if slot.trunk)
            for key, slot in list(self._slots.items()):
                if total <= self.max_bytes:
                    return
                if slot.trunk and slot.users == 0 and key != keep:
                    total -= slot.trunk.bytes
                    slot.trunk.close()
                    del self._slots[key]


@lru_cache(maxsize=1)
def pool() -> Pool:
    """The process's pool; without a setting it may hold a good part of the memory that is free now where models run."""
    return Pool(pool_memory())
