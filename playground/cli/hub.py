"""The commands around the Hugging Face Hub: a download with its size first, and what models there are."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from playground.cli.shown import tell
from playground.i18n import render, translate

OWNER = "local"
POLL_SECONDS = 0.2
TELL_SECONDS = 2.0
STOP_SECONDS = 15.0


def download(options: argparse.Namespace) -> dict[str, Any]:
    """Where a model lies, and what it stands on; what is not here yet is fetched (see playground.cli)."""
    from playground.models.resolve import resolve, resolve_base

    found = resolve(options.model)
    if found.base:
        resolve_base(found.base, found.revision)
    if not options.json:
        print(found.folder)
    return {"model": found.id, "folder": str(found.folder), "revision": found.revision}


def models(options: argparse.Namespace) -> dict[str, Any]:
    """What a task can be tried with, or with --search what the Hub has for it: {"models": [{"id", ...}]}."""
    from playground.services import hub_search, predict

    if options.search is None:
        offered = predict.offered(options.task)
        lines = [f"{info.id}  {render(predict.label(info), options.lang)}" for info in offered]
        found: list[dict[str, Any]] = [{"id": info.id, "title": info.title, "kind": info.kind} for info in offered]
    else:
        hits = hub_search.search(options.task, options.search)
        lines = [render(hub_search.line(hit), options.lang) for hit in hits] or [
            translate(options.lang, "ui.hub.nothing")
        ]
        found = [{**asdict(hit), "languages": list(hit.languages)} for hit in hits]
    if not options.json:
        print("\n".join(lines))
    return {"models": found}


def export(options: argparse.Namespace) -> dict[str, Any]:
    """A run's model as a folder or a zip; {"model", "path"}."""
    from playground.services.share import export as copy

    path = copy(options.model, options.target, OWNER)
    if not options.json:
        print(path)
    return {"model": options.model, "path": str(path)}


def publish(options: argparse.Namespace) -> dict[str, Any]:
    """The playground as a Space; {"space", "url", "commit"}."""
    os.environ.pop("TQDM_DISABLE", None)  # the uploader's own bars say how far it is, on standard error
    from playground.models.hub import size
    from playground.services import publish as service

    paths = service.files()
    told = {"count": len(paths), "size": size(sum(path.stat().st_size for path in paths)), "space": options.space}
    tell(translate(options.lang, "cli.publishing", **told))
    found = service.publish(options.space, private=options.private)
    if not options.json:
        print(translate(options.lang, "cli.published", url=found.url))
    return asdict(found)


def fetch(model: str, lang: str) -> None:
    """Say what a model of the Hub is, download it, and say how far it is. Ctrl-C stops it; whole files stay."""
    from playground.services.downloads import downloads, facts

    jobs = downloads()
    jobs.look(model)
    _wait(model, "looking")
    known = jobs.status(model)
    assert known
    if known.error:
        raise known.error
    tell(" · ".join(render(fact, lang) for fact in facts(known)))
    jobs.start(model)
    try:
        told = time.monotonic()
        while (known := jobs.status(model)) and known.state == "downloading":
            if time.monotonic() - told >= TELL_SECONDS:
                tell(" · ".join(render(fact, lang) for fact in facts(known)[1:]))
                told = time.monotonic()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        jobs.stop(model)
        tell(translate(lang, "hub.stopping"))
        with suppress(KeyboardInterrupt):
            _wait(model, "stopping", STOP_SECONDS)
        raise
    if known and known.error:
        raise known.error


def _wait(model: str, state: str, seconds: float = float("inf")) -> None:
    """Until a download is no longer in that state."""
    from playground.services.downloads import downloads

    deadline = time.monotonic() + seconds
    while (known := downloads().status(model)) and known.state == state and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
