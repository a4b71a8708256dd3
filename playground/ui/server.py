"""Serve the page: every option of Gradio's server is passed explicitly, so that nothing outside can set one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
from starlette.middleware import Middleware

from playground.errors import PlaygroundError
from playground.i18n import terminal_language, translate
from playground.services import batch, trash
from playground.services.uploads import sweep
from playground.settings import settings
from playground.tasks import TASKS
from playground.ui import logs
from playground.ui.guard import Guard, is_loopback
from playground.ui.language import LanguageMiddleware
from playground.ui.loading import import_models, loader
from playground.ui.owners import OwnerMiddleware
from playground.ui.page import build
from playground.ui.sessions import keep_sessions
from playground.ui.theme import CSS_PATH, theme

PORTS_TRIED = 100
QUEUE_LOOK_SECONDS = 0.005
"""How often Gradio's queue looks for work. By itself it looks a thousand times a second, for a tenth of a core."""
CONCURRENT_CALLS = 8
"""Handlers at work at a time; predictions among them are answered in one batch by the model's worker."""
QUEUED_CALLS = 200
EVERYWHERE = ("0.0.0.0", "::")
"""Addresses to listen on that stand for all of this machine's; none to be opened."""
SPACE_FRAMES = "https://huggingface.co https://*.huggingface.co"
"""Where a Space is shown in a frame."""


def serve(host: str, port: int, lang: str, share: bool = False) -> None:
    """Open the page and print its address; returns when interrupted.

    Where other machines reach it, visitors are told apart and have limits. Raises PlaygroundError where no port is
    free.
    """
    logs.begin()
    if share or not is_loopback(host):
        # In the environment, so that what is started from here knows it too.
        os.environ["PLAYGROUND_PUBLIC"] = "1"
        settings.cache_clear()
    free_port(host, port)  # refused at once
    settings().uploads_dir.mkdir(parents=True, exist_ok=True)
    sweep()  # else only the next dataset would
    trash.sweep()
    blocks = build()
    blocks.queue(
        api_open=False, default_concurrency_limit=CONCURRENT_CALLS, max_size=QUEUED_CALLS, status_update_rate="auto"
    )
    blocks._queue.sleep_when_free = QUEUE_LOOK_SECONDS
    names = own_names()
    free = free_port(host, port)  # only now: another server may have begun in the seconds since
    blocks.launch(server_name=host, server_port=free, **launch_options(lang, names) | {"share": share})
    keep_sessions(blocks)
    words = terminal_language(lang)
    if port not in (0, free):
        print(translate(words, "app.port_taken", port=port), flush=True)
    print(translate(words, "app.address", address=address(host, free)), flush=True)
    if blocks.share_url:
        names.add(urlsplit(blocks.share_url).hostname or "")
        print(translate(words, "app.address", address=blocks.share_url), flush=True)
    if settings().public:
        print(translate(words, "app.public"), flush=True)
    # Only now: the page must not wait for torch.
    loader().start(TASKS[0].models[0])
    threading.Thread(target=_take_up, name="take-up", daemon=True).start()
    blocks.block_thread()


def _take_up() -> None:
    """Go on with files that were worked on when the last server ended."""
    import_models()
    batch.take_up()


def own_names() -> set[str]:
    """Names by which other machines may call this one."""
    told = {name.strip().lower() for name in settings().hosts.split(",")}
    return {*told, socket.gethostname().lower(), os.environ.get("SPACE_HOST", "").lower()} - {""}


def launch_options(lang: str, names: Collection[str] = ()) -> dict[str, Any]:
    """Arguments of Blocks.launch() but for host and port. `names`: see own_names."""
    upload_bytes = settings().max_upload_mb * 2**20
    public, space = settings().public, "SPACE_ID" in os.environ
    guards = [
        Middleware(
            Guard, upload_bytes=upload_bytes + 2**16, public=public, names=names, frames=SPACE_FRAMES if space else ""
        ),
        Middleware(OwnerMiddleware, apart=public, embedded=space),
        Middleware(LanguageMiddleware, lang=lang),
    ]
    return {
        "theme": theme(),
        "css_paths": CSS_PATH,
        "quiet": True,
        "prevent_thread_lock": True,
        "inline": False,
        "inbrowser": False,
        "share": False,
        "debug": False,
        "show_error": False,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "num_workers": 0,
        "allowed_paths": [],
        "blocked_paths": [],
        "root_path": "",
        "max_file_size": upload_bytes,
        "max_threads": 40,
        "state_session_capacity": 1000,
        "strict_cors": True,
        "app_kwargs": {"middleware": guards, "docs_url": None, "redoc_url": None, "openapi_url": None},
    }


def free_port(host: str, first: int) -> int:
    """The first free port from `first` on; any free one for 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(max(first, 0), min(first + PORTS_TRIED, 2**16)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise PlaygroundError("no_free_port", first=first, last=min(first + PORTS_TRIED, 2**16) - 1)


def _own_addresses() -> Iterator[str]:
    for found in psutil.net_if_addrs().values():
        yield from (one.address for one in found if one.family == socket.AF_INET)


def address(host: str, port: int) -> str:
    """What to open in a browser."""
    if host in EVERYWHERE:
        host = next((one for one in _own_addresses() if not is_loopback(one)), "127.0.0.1")
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"
