"""Downloads from the Hub: asked for by name, shown with size and licence, begun by a click, followed and stopped.

What stands here is of this process alone: a download that ends with it goes on where its last whole file ended.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from playground.errors import PlaygroundError
from playground.i18n import Message, duration, msg
from playground.models import hub
from playground.models.catalog import check_offered
from playground.models.hub import Offer, size
from playground.models.resolve import resolve, resolve_base
from playground.runs import SCRATCH
from playground.settings import settings

log = logging.getLogger("playground")

State = Literal["looking", "offered", "downloading", "stopping", "done", "failed"]
REMEMBERED = 100
MENTIONED = 10**5
"""Fewer bytes that are here already (a small file) are not worth a word."""
WAIT_SECONDS = 0.2
SHOWN_PARTS = 10
PAGES = ("viewer", "tree", "blob", "raw", "resolve", "discussions", "commits")
"""Pages below that of a dataset."""
DATASET = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?(:[\w./-]+)?(@[\w./-]+)?")
"""Old datasets of the Hub have no owner."""
AT_ONCE = 2
"""Downloads that share the line; further ones wait."""


@dataclass(frozen=True)
class Download:
    """Where the download of a model or a dataset stands. `done` and the offer's bytes count from what was here before.

    folder  where its files are, once they are here
    owners  who has asked for it: it ends only where none of them waits any more
    """

    state: State
    offer: Offer | None = None
    done: int = 0
    begun: float = 0.0
    here_before: int = 0
    error: PlaygroundError | None = None
    folder: Path | None = None
    owners: frozenset[str] = frozenset()

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.offer.bytes) if self.offer and self.offer.bytes else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the speed so far; None until there is one."""
        came = self.done - self.here_before
        if self.state != "downloading" or self.offer is None or came <= 0:
            return None
        return (self.offer.bytes - self.done) * (time.monotonic() - self.begun) / came


def needed(model: str, owner: str = "local") -> str:
    """What has to be downloaded before a model can be used: itself, or the base it stands on; "" for nothing."""
    if model.startswith(SCRATCH):
        return ""
    try:
        resolved = resolve(model, owner)
        if resolved.base and not resolved.base.startswith(SCRATCH):
            resolve_base(resolved.base, resolved.revision)
    except PlaygroundError as error:
        return str(error.message.values["model"]) if error.code == "model_not_here" else ""
    return ""


def dataset_id(name: str) -> str:
    """`datasets/owner/name` of a dataset as people name it: owner/name, or its address on the Hub. "" for nothing."""
    name, is_address = re.subn(r"^https?://[^/]+/", "", re.sub(r"[?#].*", "", name.strip()))
    name = name.strip("/").removeprefix(hub.DATASETS)
    if is_address:  # of a page below that of the dataset, too
        owner, _, rest = name.partition("/")
        below = rest.partition("/")[0]
        name = owner if below in ("", *PAGES) else f"{owner}/{below}"
    if name and not DATASET.fullmatch(name):
        raise PlaygroundError("bad_dataset_id", model=name[:80])
    return hub.DATASETS + name if name else ""


def is_dataset(name: str) -> bool:
    """Whether a name has the form `datasets/owner/name`."""
    return name.startswith(hub.DATASETS) and DATASET.fullmatch(name.removeprefix(hub.DATASETS)) is not None


def rows_here(dataset: str) -> list[Path]:
    """The files of a dataset that was downloaded in this process; [] where it was not."""
    known = downloads().status(dataset)
    if known is None or known.folder is None or known.offer is None:
        return []
    paths = [known.folder / file for file in known.offer.files]
    return paths if all(path.is_file() for path in paths) else []


def facts(download: Download) -> list[Message]:
    """What is to be known of a model before it is downloaded; how far the download is, once it goes on."""
    offer = download.offer
    if download.state == "failed" and download.error:
        return [download.error.message, download.error.hint]
    if offer is None:
        return []
    if download.state in ("downloading", "stopping"):
        return _progress(download, offer)
    told = [msg("hub.offer", model=offer.id, size=size(offer.bytes))]
    here = hub.bytes_here(offer)
    told += [msg("hub.here", size=size(here))] if here >= MENTIONED else []
    told.append(msg("hub.licence", licence=offer.licence) if offer.licence else msg("hub.no_licence"))
    told += [msg("hub.parameters", count=hub.short_count(offer.parameters))] if offer.parameters else []
    told += [msg("hub.gated")] if offer.gated else []
    if offer.is_dataset:
        return [*told, *_parts(offer)]
    return [*told, msg("hub.own_code" if offer.own_code else "hub.safe")]


def _parts(offer: Offer) -> list[Message]:
    """Which part of a dataset it is, where there are several."""
    if not offer.others:
        return [msg("hub.rows")]
    others = ", ".join(offer.others[:SHOWN_PARTS]) + (" …" if len(offer.others) > SHOWN_PARTS else "")
    return [msg("hub.part", part=offer.part, others=others, dataset=offer.id.partition("@")[0].partition(":")[0])]


def _progress(download: Download, offer: Offer) -> list[Message]:
    told = [msg("hub.offer", model=offer.id, size=size(offer.bytes))]
    if download.state == "stopping":
        return [*told, msg("hub.stopping")]
    if not download.begun:
        return [*told, msg("hub.waiting")]
    told.append(msg("hub.progress", done=size(download.done), total=size(offer.bytes)))
    left = download.seconds_left
    return told if left is None else [*told, msg("hub.left", time=duration(left))]


class Stopped(Exception):
    """Somebody stopped the download."""


@dataclass
class Downloads:
    """The downloads of this process, by model id. Safe to use from any thread."""

    _known: OrderedDict[str, Download] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))

    def status(self, model: str) -> Download | None:
        with self._lock:
            return self._known.get(model)

    def look(self, model: str) -> None:
        """Begin to ask the Hub what a model is, unless that is known or on its way."""
        check_offered(model)
        with self._lock:
            known = self._known.get(model)
            if known is not None and known.state not in ("failed", "done"):
                return
            self._put(model, Download("looking"))
        self._begin(self._look, model)

    def start(self, model: str, owner: str = "local") -> None:
        """Begin the download of what was offered. Raises PlaygroundError where nothing was."""
        with self._lock:
            known = self._known.get(model)
            if known is None or known.offer is None:
                raise PlaygroundError("download_not_offered", model=model)
            if known.state in ("downloading", "stopping"):
                self._put(model, replace(known, owners=known.owners | {owner}))
                return
            self._put(model, Download("downloading", known.offer, owners=frozenset({owner})))
        self._begin(self._download, model)

    def stop(self, model: str, owner: str = "local") -> None:
        """Have a download end soon; whole files of it stay. Raises PlaygroundError where others wait for it, too."""
        with self._lock:
            known = self._known.get(model)
            if known is None or known.state != "downloading":
                return
            left = known.owners - {owner}
            self._put(model, replace(known, owners=left, state="downloading" if left else "stopping"))
        if left:
            raise PlaygroundError("download_wanted", model=model)

    def _begin(self, work: Callable[[str], Download], model: str) -> None:
        """In a thread that does not keep the process alive."""

        def run() -> None:
            try:
                end = work(model)
            except PlaygroundError as error:
                end = Download("failed", error=error)
            except BaseException:
                log.exception("the download of %s", model)
                code = "dataset_offline" if model.startswith(hub.DATASETS) else "model_offline"
                end = Download("failed", error=PlaygroundError(code, model=model))
            with self._lock:
                self._put(model, end)

        threading.Thread(target=run, name="download", daemon=True).start()

    def _look(self, model: str) -> Download:
        offer = hub.offer(model)
        if offer.is_dataset and offer.bytes > settings().max_upload_mb * 1_000_000:
            raise PlaygroundError(
                "dataset_too_large", dataset=model, size=size(offer.bytes), most=settings().max_upload_mb
            )
        return Download("offered", offer)

    def _download(self, model: str) -> Download:
        offer = self._known[model].offer
        assert offer
        try:
            while not self._turn.acquire(timeout=WAIT_SECONDS):
                self._count(model, 0)
            try:
                here = hub.bytes_here(offer)
                with self._lock:
                    waited = self._known[model]
                    self._put(model, replace(waited, done=here, here_before=here, begun=time.monotonic()))
                self._count(model, 0)
                folder = hub.download(offer, lambda more: self._count(model, more))
            finally:
                self._turn.release()
        except Stopped:
            return Download("offered", offer)
        return Download("done", offer, done=offer.bytes, folder=folder)

    def _count(self, model: str, more: int) -> None:
        """Note bytes that came; raises Stopped where nobody wants them any more."""
        with self._lock:
            known = self._known[model]
            if known.state == "stopping":
                raise Stopped
            self._put(model, replace(known, done=known.done + more))

    def _put(self, model: str, download: Download) -> None:
        self._known[model] = download
        self._known.move_to_end(model)
        settled = [name for name, known in self._known.items() if known.state in ("offered", "done", "failed")]
        for name in settled[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[name]


@lru_cache(maxsize=1)
def downloads() -> Downloads:
    """The downloads of this process."""
    return Downloads()
