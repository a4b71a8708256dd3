"""The server's memory while visitors come and go: `python -m benchmarks.soak [MINUTES]`, half an hour unless said.

Every task is asked over HTTP in turn, each visitor with a token of its own, and the page is opened in between. The bar:
behind a third of the time, in which models are loaded and caches fill, memory grows by less than 1 MB a minute.
"""

from __future__ import annotations

import itertools
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.hardware import hardware
from playground.tasks import TASKS
from tests.ui.server import ROOT, Public, Server, answer

MINUTES = 30.0
BAR_MB = 1.0
ASKED_EACH = 5
"""Requests of a visitor before the next one comes."""
LOOK_SECONDS = 5.0
PATIENCE = 120


def asked() -> list[tuple[str, bytes]]:
    """(task, request) of an example of each task."""
    found = []
    for task in TASKS:
        line = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()[0]
        row = {name: value for name, value in json.loads(line).items() if name != "lang"}
        short = {"max_new_tokens": 16} if "max_new_tokens" in task.params.model_fields else {}
        found.append((task.id, json.dumps({**row, **short}).encode()))
    return found


def soak(server: Server, minutes: float) -> tuple[int, list[tuple[float, float]]]:
    """(requests, [(minutes, MB of the server)])."""
    assert server.process is not None
    process, began, looked = psutil.Process(server.process.pid), time.monotonic(), 0.0
    seen, token = list[tuple[float, float]](), ""
    for number, (task, body) in enumerate(itertools.cycle(asked())):
        if number % ASKED_EACH == 0:
            token = secrets.token_hex(16)
            answer(f"{server.url}/en", headers={"Authorization": f"Bearer {token}"}, seconds=PATIENCE)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        _, _, said = answer(f"{server.url}/gradio_api/call/v2/{task}", data=body, headers=headers, seconds=PATIENCE)
        event = json.loads(said)["event_id"]
        _, _, said = answer(f"{server.url}/gradio_api/call/{task}/{event}", headers=headers, seconds=PATIENCE)
        assert "event: complete" in said, said[:300]
        passed = time.monotonic() - began
        if passed - looked >= LOOK_SECONDS:
            looked = passed
            seen.append((passed / 60, process.memory_info().rss / 2**20))
        if passed > 60 * minutes:
            return number + 1, seen
    raise AssertionError("there are tasks")


def main(minutes: float = MINUTES) -> int:
    print(hardware())
    with tempfile.TemporaryDirectory() as home:
        server = Public(Path(home))
        server.start()
        try:
            requests, seen = soak(server, minutes)
        finally:
            server.stop()
    late = np.array([one for one in seen if one[0] > minutes / 3])
    slope = float(np.polyfit(late[:, 0], late[:, 1], 1)[0])
    print(f"{requests} requests in {minutes:g} minutes; {seen[0][1]:.0f} MB at first, {seen[-1][1]:.0f} MB in the end")
    print(f"behind a third of the time {slope:+.2f} MB a minute (bar: {BAR_MB:g})")
    return 0 if slope < BAR_MB else 1


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2])))
