"""Time to the first page, beside importing gradio and torch in the same run. The bar is 1.5 times."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.hardware import hardware
from tests.ui.server import Server

ROUNDS = 3
BAR = 1.5


def imports() -> float:
    """Seconds that importing gradio and torch takes in a fresh process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio, torch"], check=True)
    return time.perf_counter() - start


def first_page() -> float:
    """Seconds from `python app.py` to a whole page."""
    with tempfile.TemporaryDirectory() as home:
        server = Server(Path(home))
        start = time.perf_counter()
        server.start()
        with urllib.request.urlopen(server.url + "/en") as response:
            assert b"gradio" in response.read()
        seconds = time.perf_counter() - start
        server.stop()
        return seconds


def main() -> int:
    print(hardware())
    imports()  # warms the disk cache for both
    pairs = [(imports(), first_page()) for _ in range(ROUNDS)]
    ratio = statistics.median(page / base for base, page in pairs)
    for base, page in pairs:
        print(f"import gradio, torch: {base:.1f} s; first page: {page:.1f} s; {page / base:.2f} x")
    print(f"median {ratio:.2f} x (bar {BAR})")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
