"""--share: a tunnel's address is answered, others are not, and the page is public. The tunnel itself is Gradio's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playground.i18n import translate
from tests.ui.server import ROOT, START_SECONDS, answer, free_port, wait_for

TUNNEL = "0123456789abcdef.gradio.live"
SCRIPT = f"""
from gradio import networking

networking.setup_tunnel = lambda *_, **__: "https://{TUNNEL}"
import sys

from playground.ui.server import serve

serve("127.0.0.1", int(sys.argv[1]), "en", share=True)
"""


def test_a_shared_page_is_public_and_answers_to_its_tunnel(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "server.log"
    environment = {**os.environ, "PLAYGROUND_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(port)], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for(
            lambda: translate("en", "app.public") in log.read_text() or server.poll() is not None, START_SECONDS, "it"
        )
        assert f"https://{TUNNEL}" in log.read_text()
        url = f"http://127.0.0.1:{port}"
        assert answer(f"{url}/en", headers={"Host": TUNNEL})[0] == 200
        assert answer(f"{url}/en", headers={"Host": "evil.example"})[0] >= 400
        # A guest keeps nothing.
        status, _, said = answer(
            f"{url}/gradio_api/call/v2/runs", data=b"{}", headers={"Host": TUNNEL, "Content-Type": "application/json"}
        )
        assert status == 200 and "event_id" in said
    finally:
        server.terminate()
        server.wait(30)
