"""A small HTTP server that speaks the part of the Hub's API that downloading a model needs."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves {"owner/name": folder}."""

    def __init__(self, repositories: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = repositories


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.split("?")[0]
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", path):
            self._describe(found[1])
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+", path):
            self._list(found[1])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            self._file(found[1], found[2])
        else:
            self._missing("RepoNotFound")

    def _files(self, name: str) -> list[Path]:
        return sorted(self.server.repositories[name].iterdir()) if name in self.server.repositories else []

    def _describe(self, name: str) -> None:
        files = [{"rfilename": path.name} for path in self._files(name)]
        info = {"id": name, "modelId": name, "sha": COMMIT, "siblings": files, "tags": [], "private": False}
        self._send_json(info) if files else self._missing("RepoNotFound")

    def _list(self, name: str) -> None:
        entries = [
            {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}
            for path in self._files(name)
        ]
        self._send_json(entries) if entries else self._missing("RepoNotFound")

    def _file(self, name: str, file: str) -> None:
        found = [path for path in self._files(name) if path.name == file]
        self._send(found[0].read_bytes(), "application/octet-stream") if found else self._missing("EntryNotFound")

    def _send_json(self, data: object) -> None:
        self._send(json.dumps(data).encode(), "application/json")

    def _send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing: the test's output is the test's."""


@contextmanager
def serve_hub(repositories: dict[str, Path]) -> Iterator[str]:
    """Serve {"owner/name": folder} as a Hub would; gives its endpoint."""
    server = Hub(repositories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
