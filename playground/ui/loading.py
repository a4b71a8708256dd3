"""Models load behind the page: one background thread, and what can be said about each model meanwhile."""

from __future__ import annotations

import importlib
import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from playground.errors import PlaygroundError
from playground.i18n import Message, msg
from playground.services import predict

log = logging.getLogger("playground")

_importing = threading.Lock()

REMEMBERED = 100


@dataclass(frozen=True)
class Facts:
    """Where a loaded model runs, whose base it stands on, and which languages it can be told."""

    device: Message
    sharing: Message
    languages: tuple[str, ...]


class Loader:
    """Loads models one after the other and remembers how each went. Safe to use from any thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-model")
        self._lock = threading.Lock()
        self._jobs: OrderedDict[tuple[str, str], Future[Facts]] = OrderedDict()

    def start(self, model: str, owner: str = "local") -> None:
        """Begin to load a model, or to look at it again where it is in memory already."""
        with self._lock:
            job = self._jobs.get((model, owner))
            if job is None or job.done():
                self._jobs[model, owner] = self._thread.submit(_load, model, owner)
            while len(self._jobs) > REMEMBERED:
                self._jobs.popitem(last=False)

    def look(self, model: str, owner: str = "local") -> tuple[bool, Message, Facts | None]:
        """(whether it is settled, what to say, what is known of it once it is loaded), all of the same moment.

        To say: that it still loads, that it is ready and where it runs, or why it cannot be.
        """
        with self._lock:
            job = self._jobs.get((model, owner))
        if job is None or not job.done():
            return job is None, msg("ui.model.loading" if job else "ui.model.absent"), None
        error = job.exception()
        if error is None:
            return True, msg("ui.model.ready", device=job.result().device), job.result()
        if isinstance(error, PlaygroundError):
            return True, msg("ui.model.failed", message=error.message, hint=error.hint), None
        return True, msg("ui.model.broken", kind=type(error).__name__), None


def import_models() -> None:
    """Import torch and what stands on it, before anything in this process uses them; later calls are free.

    accelerate and transformers import each other in circles. Two threads that begin that at the same
    time (a model that loads, a click on Start) get half a module each, and it stays broken.
    """
    with _importing:
        importlib.import_module("playground.heads.loading")


def _load(model: str, owner: str) -> Facts:
    """What is told of the model, once it is in memory."""
    try:
        import_models()
        facts = predict.runtime(model, owner), predict.sharing(model, owner), predict.languages(model, owner)
        return Facts(*facts)
    except PlaygroundError:
        raise
    except BaseException:
        log.exception("loading %s", model)
        raise


@lru_cache(maxsize=1)
def loader() -> Loader:
    """The loader of this process."""
    return Loader()
