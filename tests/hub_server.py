"""A small HTTP server that speaks the parts of the Hub's API that huggingface_hub calls here.

Models and datasets are served from local folders: their facts, sizes, files (with ETag, commit and ranges) and a
search. A Space can be created and filled: preupload, LFS batch, upload and commit. As on the Hub, binary files go
through LFS alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 2**14
MODELS = r"/api/(?:models/)?((?:datasets/)?[^/]+/[^/]+)"
SPACES = r"/api/spaces/([^/]+/[^/]+)"


@dataclass(frozen=True)
class Repository:
    """A model, or a version of a dataset: its files, and what the Hub tells of it."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        return self.facts.get("sha", COMMIT)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


class Hub(ThreadingHTTPServer):
    """Serves {"owner/name": folder or Repository}, "datasets/owner/name" and "…@branch"; Spaces are in `spaces_folder`.

    seen              (method, path, Authorization) of every request
    bytes_per_second  how fast files are sent; 0: as fast as it goes
    answers           whether it does: a machine without network sees connections that break
    """

    daemon_threads = True

    def __init__(self, repositories: dict[str, Path | Repository], spaces_folder: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {
            name: found if isinstance(found, Repository) else Repository(found) for name, found in repositories.items()
        }
        self.spaces_folder = spaces_folder
        self.objects: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.bytes_per_second = 0
        self.answers = True
        self.url = f"http://127.0.0.1:{self.server_port}"

    def paths(self, method: str) -> list[str]:
        return [path for seen, path, _ in self.seen if seen == method]

    def handle_error(self, *args: object) -> None:
        """Nothing: a client that cancels closes the connection in the middle of a file."""


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self.server.answers:
            return
        self._note()
        path = unquote(urlsplit(self.path).path)
        if path == "/api/models":
            self._search()
        elif found := re.fullmatch(rf"{MODELS}(?:/revision/(.+))?", path):
            self._describe(found[1], found[2])
        elif found := re.fullmatch(rf"{SPACES}/tree/[^/]+", path):
            self._list_files(self._space(found[1]))
        elif found := re.fullmatch(rf"{MODELS}/tree/(.+)", path):
            repository = self._version(found[1], found[2])
            self._list_files(repository) if repository else self._missing("RevisionNotFound")
        elif found := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(self._version(found[1], found[2]), found[3])
        else:
            self._missing("RepoNotFound")

    def do_POST(self) -> None:
        self._note()
        path, body = urlsplit(self.path).path, self._body()
        if not self.headers.get("Authorization"):
            self._json({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif found := re.fullmatch(rf"{SPACES}/preupload/main", path):
            self._preupload(json.loads(body))
        elif found := re.fullmatch(r"/spaces/(.+)\.git/info/lfs/objects/batch", path):
            self._batch(json.loads(body))
        elif found := re.fullmatch(rf"{SPACES}/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._missing("RepoNotFound")

    def do_PUT(self) -> None:
        self._note()
        data, oid = self._body(), self.path.rpartition("/")[2]
        if hashlib.sha256(data).hexdigest() != oid:
            self._json({"error": "wrong content"}, 400)
            return
        self.server.objects[oid] = data
        self._send(b"", "text/plain")

    # Models

    def _search(self) -> None:
        """As the Hub: by task, by library and by a part of the name, most downloads first."""
        wished = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        filters = [part for text in parse_qs(urlsplit(self.path).query).get("filter", []) for part in text.split(",")]
        found = []
        for name, repository in self.server.repositories.items():
            if name.startswith("datasets/"):
                continue
            info = self._info(name, repository)
            tags = [*info["tags"], info.get("pipeline_tag")]
            if (
                wished.get("search", "").lower() in name.lower()
                and wished.get("pipeline_tag") in (None, info.get("pipeline_tag"))
                and all(part in tags for part in filters)
            ):
                found.append(info)
        found.sort(key=lambda info: -info.get("downloads", 0))
        self._json(found[: int(wished.get("limit", 100))])

    def _info(self, name: str, repository: Repository) -> dict[str, Any]:
        files = [
            {"rfilename": repository.name(path), "size": path.stat().st_size, "blobId": "0" * 40}
            for path in repository.files()
        ]
        common = {"id": name, "modelId": name, "sha": repository.commit, "private": False, "gated": False, "tags": []}
        return {**common, "siblings": files, **repository.facts}

    def _describe(self, name: str, revision: str | None) -> None:
        if name not in self.server.repositories:
            self._missing("RepoNotFound")
        elif repository := self._version(name, revision):
            self._json(self._info(name, repository))
        else:
            self._missing("RevisionNotFound")

    def _version(self, name: str, revision: str | None) -> Repository | None:
        """By branch or commit."""
        known = self.server.repositories
        if revision in (None, "main"):
            return known.get(name)
        versions = [found for called, found in known.items() if called.partition("@")[0] == name]
        return known.get(f"{name}@{revision}") or next((one for one in versions if one.commit == revision), None)

    def _list_files(self, repository: Repository) -> None:
        self._json(
            [
                {"type": "file", "path": repository.name(path), "size": path.stat().st_size, "oid": "0" * 40}
                for path in repository.files()
            ]
        )

    def _file(self, repository: Repository | None, file: str) -> None:
        found = [path for path in repository.files() if repository.name(path) == file] if repository else []
        if not found:
            self._missing("EntryNotFound")
            return
        assert repository
        data = found[0].read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": repository.commit,
            "Accept-Ranges": "bytes",
        }
        wished = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wished:
            start = int(wished[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data = data[start:]
        self._send(data, "application/octet-stream", headers=headers, status=206 if wished else 200)

    # Spaces

    def _create(self, wished: dict[str, Any]) -> None:
        assert (wished["type"], wished["sdk"]) == ("space", "gradio")
        name = f"{wished.get('organization') or 'someone'}/{wished['name']}"
        if name.startswith("other/"):
            self._json({"error": "You don't have the rights to create a Space there"}, 403)
            return
        self._space(name).folder.mkdir(parents=True, exist_ok=True)
        self._json({"url": f"{self.server.url}/spaces/{name}", "name": name, "id": name})

    def _space(self, name: str) -> Repository:
        assert self.server.spaces_folder
        return Repository(self.server.spaces_folder / name)

    def _preupload(self, wished: dict[str, Any]) -> None:
        """What is no text goes through LFS, whatever its size."""
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if _binary(base64.b64decode(file["sample"])) else "regular",
                "shouldIgnore": False,
            }
            for file in wished["files"]
        ]
        self._json({"files": modes})

    def _batch(self, wished: dict[str, Any]) -> None:
        """Where to put each object that is not here yet."""
        objects = []
        for item in wished["objects"]:
            there = item["oid"] in self.server.objects
            actions = {"actions": {"upload": {"href": f"{self.server.url}/objects/{item['oid']}", "header": {}}}}
            objects.append({**item, **({} if there else actions)})
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        folder = self._space(name).folder
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                data = base64.b64decode(value["content"])
                if _binary(data):
                    self._json({"error": f"{value['path']}: binary files go through LFS"}, 400)
                    return
            elif line["key"] == "lfsFile":
                data = self.server.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                (folder / value["path"]).unlink()
                continue
            else:
                assert line["key"] == "header"
                continue
            path = folder / value["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self._json({"commitUrl": f"{self.server.url}/spaces/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    # Answers

    def _note(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _json(self, data: object, status: int = 200) -> None:
        self._send(json.dumps(data).encode(), "application/json", status=status)

    def _missing(self, code: str) -> None:
        self._send(b"", "text/plain", headers={"X-Error-Code": code}, status=404)

    def _send(self, data: bytes, kind: str, *, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(data), CHUNK):
            self.wfile.write(data[start : start + CHUNK])
            if self.server.bytes_per_second and kind == "application/octet-stream":
                time.sleep(CHUNK / self.server.bytes_per_second)

    def log_message(self, *args: object) -> None:
        """Nothing: the test's output is the test's."""


def _binary(data: bytes) -> bool:
    """As git tells it."""
    return b"\0" in data


def use_hub(patch: pytest.MonkeyPatch, hub: Hub, cache: Path) -> None:
    """Have huggingface_hub, which reads its environment once, ask that Hub and keep its files in that folder."""
    patch.setattr(constants, "ENDPOINT", hub.url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@contextmanager
def running_hub(repositories: dict[str, Path | Repository], spaces_folder: Path | None = None) -> Iterator[Hub]:
    """A Hub at work, on a free port."""
    hub = Hub(repositories, spaces_folder)
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join(10)
