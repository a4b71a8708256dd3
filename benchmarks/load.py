"""Fifty visitors at once ask the public page while a fine-tune runs: all are answered, or told that it is busy.

`python -m benchmarks.load`. Each visitor has a token and asks twenty times, one after another: a text is classified,
every fourth time the page is opened instead. The bar: no request without an answer or a clear "busy", 95 of 100 pages
within 300 ms.
"""

from __future__ import annotations

import json
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import environ
from pathlib import Path

from benchmarks.hardware import hardware
from playground.i18n import translate
from tests.ui.server import ROOT, Public, Server, answer, wait_for

USERS, REQUESTS = 50, 20
PAGE_EVERY = 4
BAR_MS = 300
PATIENCE = 120
DATASET = ROOT / "examples/datasets/classification/support-tickets.csv"
STARTER = "starter/sentiment-en"
START_SECONDS = 240
BUSY = re.compile(
    "|".join(
        re.escape(translate("en", key, most=0)).replace("0", r"\d+")
        for key in ("error.busy_with_yours", "error.queue_full")
    )
)
"""How the page says that it is busy."""


@dataclass
class Load:
    """What became of the requests.

    answers  {"answered" | "busy" | what else was said: how often}
    asked    seconds until each answer; pages: until each page
    """

    answers: Counter[str] = field(default_factory=Counter)
    asked: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)

    @property
    def unanswered(self) -> dict[str, int]:
        return {said: count for said, count in self.answers.items() if said not in ("answered", "busy")}


def ask(server: Server, token: str, text: str) -> str:
    """The text of the last event of a classification."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = json.dumps({"text": text, "model": STARTER}).encode()
    address = f"{server.url}/gradio_api/call/v2/classification"
    status, _, body = answer(address, data=data, headers=headers, seconds=PATIENCE)
    if status != 200:
        return body
    event = json.loads(body)["event_id"]
    try:
        return answer(f"{server.url}/gradio_api/call/classification/{event}", headers=headers, seconds=PATIENCE)[2]
    except TimeoutError:
        return f"nothing within {PATIENCE} s"


def kind(said: str) -> str:
    """ "answered", "busy", or the words themselves."""
    if "event: complete" in said:
        return "answered"
    return "busy" if BUSY.search(said) else said[:200] or "nothing"


def put_under_load(server: Server, users: int = USERS, requests: int = REQUESTS) -> Load:
    """So many visitors at once, each asking so often."""
    load, lock = Load(), threading.Lock()

    def visit(user: int) -> None:
        token = secrets.token_hex(16)
        for number in range(requests):
            page = number % PAGE_EVERY == PAGE_EVERY - 1
            began = time.monotonic()
            if page:
                status, _, body = answer(
                    server.url + "/en", headers={"Authorization": f"Bearer {token}"}, seconds=PATIENCE
                )
                said = "answered" if status == 200 and "gradio" in body else f"page: {status}"
            else:
                said = kind(ask(server, token, f"Visitor {user} was here {number} times, and liked it."))
            with lock:
                load.answers[said] += 1
                (load.pages if page else load.asked).append(time.monotonic() - began)

    with ThreadPoolExecutor(users) as pool:
        list(pool.map(visit, range(users)))
    return load


def start_a_run(server: Server) -> str:
    """A fine-tune in the server's folder that goes on for longer than the load."""
    numbers = [word for number in ("epochs=200", "batch_size=1", "max_length=16") for word in ("--set", number)]
    started = subprocess.run(
        [sys.executable, "-m", "playground", "finetune", str(DATASET), *numbers, "--detach", "--json"],
        cwd=ROOT, env={**environ, "PLAYGROUND_HOME": str(server.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    run = json.loads(started.stdout.splitlines()[-1])["run"]
    wait_for(lambda: server.status(run)["step"], START_SECONDS, "a step of training")
    return run


def main() -> int:
    print(hardware())
    with tempfile.TemporaryDirectory() as home:
        server = Public(Path(home))
        server.start()
        try:
            run = start_a_run(server)
            ask(server, secrets.token_hex(16), "The model is loaded before the clock starts.")
            step, began = server.status(run)["step"], time.monotonic()
            load = put_under_load(server)
            seconds, steps = time.monotonic() - began, server.status(run)["step"] - step
        finally:
            server.stop()
            server.end_runs()
    pages, asked = ([1000 * value for value in values] for values in (load.pages, load.asked))
    slow, late = (statistics.quantiles(values, n=20)[-1] for values in (pages, asked))
    print(f"{USERS} visitors, {USERS * REQUESTS} requests in {seconds:.0f} s, while a fine-tune took {steps} steps")
    print(f"answered {load.answers['answered']}, busy {load.answers['busy']}, neither {load.unanswered}")
    print(f"pages: median {statistics.median(pages):.0f} ms, 95 of 100 within {slow:.0f} ms (bar: {BAR_MS} ms)")
    print(f"answers: median {statistics.median(asked):.0f} ms, 95 of 100 within {late:.0f} ms")
    return 0 if not load.unanswered and slow <= BAR_MS and steps else 1


if __name__ == "__main__":
    sys.exit(main())
