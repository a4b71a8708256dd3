"""`make pin`: ask the Hub about every model of the catalog, and note what it says in pins.yaml.

A model whose commit is written in catalog.yaml is confirmed at that commit; of the others the newest one is noted.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from playground.errors import PlaygroundError
from playground.i18n import terminal_language
from playground.models import hub
from playground.models.catalog import Entry, catalog, read_yaml
from playground.runs import write_atomic

PINS = Path(__file__).parent / "pins.yaml"
HEAD = "# Written by `make pin`: what the Hub said of the models of catalog.yaml, and when.\n"


def pin(path: Path = PINS) -> list[PlaygroundError]:
    """Write what the Hub says of each model; the refusals. A refused model keeps what was known of it before."""
    pinned = read_yaml(path)
    refused = []
    for entry in catalog().values():
        if entry.package:  # its files come with the install, and are compared with their checksum
            continue
        try:
            pinned[entry.id] = _asked(entry)
        except PlaygroundError as error:
            refused.append(error)
    write_atomic(path, HEAD + yaml.safe_dump(pinned, sort_keys=False, allow_unicode=True))
    return refused


def _asked(entry: Entry) -> dict[str, Any]:
    offer = hub.offer(entry.id)
    told = {
        "licence": offer.licence,
        "parameters": offer.parameters,
        "megabytes": round(offer.bytes / 10**6),
    }
    known = {name: value for name, value in told.items() if value}
    return {"revision": offer.revision, **known, "verified": f"{datetime.now(UTC):%Y-%m-%d}"}


if __name__ == "__main__":
    refusals = pin()
    for refusal in refusals:
        print(refusal.text(terminal_language()), file=sys.stderr)
    sys.exit(1 if refusals else 0)
