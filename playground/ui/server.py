"""Serve the page: every option of Gradio's server is passed explicitly, so that nothing outside can set one."""

from __future__ import annotations

import logging
import socket
from typing import Any

from starlette.middleware import Middleware

from playground.errors import PlaygroundError
from playground.i18n import terminal_language, translate
from playground.services.uploads import sweep
from playground.settings import settings
from playground.tasks import TASKS
from playground.ui.guard import Guard
from playground.ui.language import LanguageMiddleware
from playground.ui.loading import loader
from playground.ui.page import build
from playground.ui.theme import CSS_PATH, theme

PORTS_TRIED = 100
CONCURRENT_CALLS = 8
"""Handlers at work at a time; predictions among them are answered in one batch by the model's worker."""
QUEUED_CALLS = 200


def serve(host: str, port: int, lang: str) -> None:
    """Open the page and print its address; returns when interrupted.

    Raises PlaygroundError where no port is free. The host is loopback (guard.check_host).
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    free = free_port(host, port)
    settings().uploads_dir.mkdir(parents=True, exist_ok=True)
    sweep()  # else only the next dataset would
    blocks = build()
    blocks.queue(
        api_open=False, default_concurrency_limit=CONCURRENT_CALLS, max_size=QUEUED_CALLS, status_update_rate="auto"
    )
    blocks.launch(server_name=host, server_port=free, **launch_options(lang))
    words = terminal_language(lang)
    if port not in (0, free):
        print(translate(words, "app.port_taken", port=port), flush=True)
    print(translate(words, "app.address", address=address(host, free)), flush=True)
    # Only now: the page must not wait for torch.
    loader().start(TASKS[0].models[0])
    blocks.block_thread()


def launch_options(lang: str) -> dict[str, Any]:
    """Arguments of Blocks.launch() but for host and port."""
    upload_bytes = settings().max_upload_mb * 2**20
    guards = [Middleware(Guard, upload_bytes=upload_bytes + 2**16), Middleware(LanguageMiddleware, lang=lang)]
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


def address(host: str, port: int) -> str:
    """What to open in a browser."""
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"
