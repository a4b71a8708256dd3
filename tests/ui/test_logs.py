"""What the server logs holds no secret, whoever logs it and however it came into the text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.ui.server import ROOT

TOKEN, KEY, KEPT = "hf_AbCdEfGh", "sk-settings-key", "sk-kept-by-the-page"
SCRIPT = f"""
import logging
from playground.models import endpoints
from playground.ui import logs

logs.begin()
endpoints.add("there", url="http://127.0.0.1:9/v1", model="m", key="{KEPT}")
try:
    raise ValueError("Illegal header value b'Bearer {KEY}'")
except ValueError:
    logging.getLogger("httpx").exception("asked with %s and %s", "{TOKEN}", "{KEPT}")
"""


def test_no_line_and_no_traceback_shows_a_token_or_a_key(tmp_path: Path) -> None:
    endpoint = {"here": {"url": "http://127.0.0.1:9/v1", "model": "m", "key": KEY}}
    ours = {"PLAYGROUND_HOME": str(tmp_path), "PLAYGROUND_ENDPOINTS": json.dumps(endpoint), "HF_TOKEN": TOKEN}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, check=True
    )
    assert "asked with *** and ***" in done.stderr
    assert "Bearer ***" in done.stderr and "Traceback" in done.stderr
    assert not [secret for secret in (TOKEN, KEY, KEPT) if secret in done.stderr]
