"""The real server as a process of its own, on a free port, with its data in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playground.i18n import translate

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def app(home: Path, *arguments: str, more: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """`python app.py …` with what it prints in home/server.log (standard error in home/server.err).

    `more` is set in its environment.
    """
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYGROUND_")}
    # Features that Gradio switches on by environment must stay off.
    hostile = {
        "GRADIO_SHARE": "true",
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_RUN_HISTORY": "true",
        "GRADIO_MCP_SERVER": "true",
    }
    environment = {**kept, **hostile, "PLAYGROUND_HOME": str(home), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    environment |= more or {}
    with (home / "server.log").open("w") as out, (home / "server.err").open("a") as err:
        return subprocess.Popen(
            [sys.executable, "app.py", *arguments], cwd=ROOT, env=environment, stdout=out, stderr=err, text=True
        )


class Server:
    """One port and one home; the process behind them comes and goes."""

    def __init__(self, home: Path, more: dict[str, str] | None = None) -> None:
        self.home = home
        self.more = more
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = app(self.home, "--port", str(self.port), more=self.more)
        wait_for(lambda: self.url in self.printed() or self.ended(), START_SECONDS, "the server's address")
        assert not self.ended(), self.errors()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        """As if the machine's memory had run out: kill -9, no farewell."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def end_runs(self) -> None:
        """No training process outlives the tests."""
        for path in (*self.home.glob("runs/*/status.json"), *self.home.glob("dry/*/status.json")):
            status = json.loads(path.read_text())
            if status["state"] in ("queued", "running") and status["pid"]:
                try:
                    os.killpg(os.getpgid(status["pid"]), signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def printed(self) -> str:
        return (self.home / "server.log").read_text()

    def errors(self) -> str:
        return (self.home / "server.err").read_text()

    def status(self, run: str) -> dict[str, Any]:
        return json.loads((self.home / "runs" / run / "status.json").read_text())

    def metrics(self, run: str) -> list[dict[str, Any]]:
        path = self.home / "runs" / run / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Public(Server):
    """What other machines reach, too: visitors are told apart and have limits."""

    def start(self) -> None:
        self.process = app(self.home, "--host", "0.0.0.0", "--port", str(self.port), more=self.more)
        wait_for(lambda: translate("en", "app.public") in self.printed() or self.ended(), START_SECONDS, "the server")
        assert not self.ended(), self.errors()


@contextmanager
def server_beside(hub: str, home: Path) -> Iterator[Server]:
    """A server that asks the Hub at that address."""
    own = Server(home, {"HF_ENDPOINT": hub, "HF_HUB_CACHE": str(home / "cache"), "HF_HUB_OFFLINE": "0"})
    own.start()
    yield own
    own.stop()


def answer(
    url: str, *, data: bytes | None = None, headers: dict[str, str] | None = None, seconds: float = 30
) -> tuple[int, dict[str, str], str]:
    """(status, headers, body) of a request; no redirect is followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with opener.open(request, timeout=seconds) as response:
            return response.status, dict(response.headers.items()), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers.items()), error.read().decode()


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.2)
    return value


def addresses(text: str) -> list[str]:
    return re.findall(r"https?://\S+", text)
