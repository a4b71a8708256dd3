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


@contextmanager
def serve_hub(repositories: dict[str, Path]) -> Iterator[str]:
    """Serve {"owner/name": folder} as a Hub would; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", path):
                self._info(found[1], body)
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+", path):
                self._tree(found[1], body)
            elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
                self._file(found[1], found[2], body)
            else:
                self._missing()

        def _info(self, name: str, body: bool) -> None:
            if name not in repositories:
                return self._missing()
            files = [{"rfilename": path.name} for path in sorted(repositories[name].iterdir())]
            info = {"id": name, "modelId": name, "sha": COMMIT, "siblings": files, "tags": [], "private": False}
            self._send(json.dumps(info).encode(), "application/json", body)

        def _tree(self, name: str, body: bool) -> None:
            if name not in repositories:
                return self._missing()
            entries = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}
                for path in sorted(repositories[name].iterdir())
            ]
            self._send(json.dumps(entries).encode(), "application/json", body)

        def _file(self, name: str, file: str, body: bool) -> None:
            path = repositories.get(name, Path("/nonexistent")) / file
            if not path.is_file():
                return self._missing("EntryNotFound" if name in repositories else "RepoNotFound")
            self._send(path.read_bytes(), "application/octet-stream", body)

        def _send(self, data: bytes, kind: str, body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def _missing(self, code: str = "RepoNotFound") -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
