"""A server with OpenAI's chat API that answers as it is told, and fails as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


def piece(text: str, reason: str | None = None, logs: bool = False) -> dict[str, Any]:
    """A part of an answer as servers send it; `reason`: why it is the last."""
    told = {"content": [{"token": text, "logprob": -0.5, "top_logprobs": []}]} if logs else None
    delta = {"role": "assistant", "content": text}
    choice = {"index": 0, "delta": delta, "logprobs": told, "finish_reason": reason}
    return {"id": "1", "created": 1, "model": "m", "system_fingerprint": "", "choices": [choice]}


class Moody(BaseHTTPRequestHandler):
    """A status for each request, then the words.

    raw       what is sent in place of the words, answer by answer
    excuse    what goes with another status than 200, `patience` with 429: how long to wait
    at_once   requests now, and at most
    """

    plan: ClassVar[list[int]] = []
    seen: ClassVar[list[tuple[str | None, dict[str, Any]]]] = []
    words = "positive"
    raw: ClassVar[list[list[dict[str, Any]]]] = []
    excuse, patience = b"not now", "0"
    at_once: ClassVar[list[int]] = [0, 0]
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.seen.append((self.headers["Authorization"], body))
            self.at_once[0] += 1
            self.at_once[1] = max(self.at_once)
            status = self.plan.pop(0) if self.plan else 200
            raw = self.raw.pop(0) if self.raw and status == 200 else None
        time.sleep(0.05)
        with self.lock:
            self.at_once[0] -= 1
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", self.patience)
        self.send_header("Content-Type", "text/event-stream" if status == 200 else "text/plain")
        self.end_headers()
        if status != 200:
            self.wfile.write(self.excuse)
            return
        for one in raw if raw is not None else [piece(self.words, logs=bool(body.get("logprobs"))), piece("", "stop")]:
            self.wfile.write(b"data: " + json.dumps(one).encode() + b"\n\n")
        if raw is None:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def running_moody() -> Iterator[str]:
    """The address of one that was asked nothing yet."""
    Moody.plan, Moody.seen, Moody.raw, Moody.at_once = [], [], [], [0, 0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
