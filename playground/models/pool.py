"""Loaded trunks, bounded by memory: least recently used out first, one load at a time per model."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from playground.errors import PlaygroundError
from playground.models.device import pool_memory
from playground.models.trunk import EXIT_SECONDS, Trunk
from playground.settings import settings

State = Literal["ready", "loading", "absent"]


@dataclass
class _Slot:
    trunk: Trunk | None = None
    loading: Future[Trunk] | None = None
    expected_bytes: int = 0
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

        Raises PlaygroundError where the load takes longer than the setting `load_seconds`; it goes on behind, since a
        thread cannot be ended, and who asks again waits for that same load.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            trunk = slot.trunk or self._loaded(key, slot, load, expected_bytes)
            self._make_room()
            yield trunk
        finally:
            with self._lock:
                slot.users -= 1
                self._forget(key, slot)
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

    def _loaded(self, key: str, slot: _Slot, load: Callable[[], Trunk], expected_bytes: int) -> Trunk:
        with self._lock:
            if slot.trunk:
                return slot.trunk
            loading = slot.loading
            if loading is None:
                loading = Future()
                work = threading.Thread(target=self._load, args=(key, slot, load), daemon=True)
                slot.loading, slot.expected_bytes = loading, expected_bytes
                try:
                    work.start()
                except BaseException:
                    slot.loading = None
                    raise
                _loads.add(work)
        limit = settings().load_seconds
        if not wait([loading], limit).done:
            raise PlaygroundError("model_load_slow", seconds=limit)
        return loading.result()

    def _load(self, key: str, slot: _Slot, load: Callable[[], Trunk]) -> None:
        """Behind a lease: whatever it ends with is told to all who wait."""
        loading = slot.loading
        assert loading is not None
        try:
            self._make_room()
            trunk = load()
        except BaseException as error:
            with self._lock:
                slot.loading = None
                self._forget(key, slot)
            loading.set_exception(error)
            return
        with self._lock:
            slot.trunk, slot.loading = trunk, None
        loading.set_result(trunk)
        # Also where nobody waits any more.
        self._make_room(keep=key)

    def _forget(self, key: str, slot: _Slot) -> None:
        """A slot in which nothing is, nor will be. The caller has the lock."""
        if not (slot.users or slot.trunk or slot.loading) and self._slots.get(key) is slot:
            del self._slots[key]

    def _make_room(self, keep: str = "") -> None:
        """Drop trunks that nobody uses, but for `keep`, until what is loaded or being loaded fits, or none is left."""
        with self._lock:
            total = sum(slot.trunk.bytes for slot in self._slots.values() if slot.trunk)
            total += sum(slot.expected_bytes for slot in self._slots.values() if slot.loading)
            for key, slot in list(self._slots.items()):
                if total <= self.max_bytes:
                    return
                if slot.trunk and slot.users == 0 and key != keep:
                    total -= slot.trunk.bytes
                    slot.trunk.close()
                    del self._slots[key]


_loads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


@atexit.register
def _await_loads() -> None:
    """As for the workers of trunks: a thread that is found in native code aborts the process."""
    for work in list(_loads):
        work.join(EXIT_SECONDS)


@lru_cache(maxsize=1)
def pool() -> Pool:
    """The process's pool; without a setting it may hold a good part of the memory that is free now where models run."""
    return Pool(pool_memory())
