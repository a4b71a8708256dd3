"""What the server logs holds no secret, whoever logs it and however it came into the text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from tests.ui.server import ROOT

TOKEN, KEY, KEPT, PASSWORD = "hf_AbCdEfGh", "sk-settings-key", "sk-kept-by-the-page", "pass word"
SCRIPT = f"""
import logging, sys, threading, traceback
import huggingface_hub, transformers  # with handlers of their own, made earlier
from playground.models import endpoints
from playground.ui import logs

logs.begin()
endpoints.add("there", url="http://127.0.0.1:9/v1", model="m", key="{KEPT}")
try:
    raise ValueError("Illegal header value b'Bearer {KEY}'")
except ValueError:
    for name in ("httpx", "huggingface_hub.inference", "transformers.modeling_utils"):
        logging.getLogger(name).exception("asked with %s and %s", "{TOKEN}", "{KEPT}")
    logging.error("one value for two: %s %s", "{KEY}")
    traceback.print_exc()
    sys.stderr.writelines(["{PASSWORD}"])
thread = threading.Thread(target=lambda: int("{TOKEN}"))
thread.start()
thread.join()
"""


def test_no_line_and_no_traceback_shows_a_token_or_a_key(tmp_path: Path) -> None:
    address = f"http://me:{quote(PASSWORD)}@127.0.0.1:9/v1"
    endpoint = {"here": {"url": address, "model": "m", "key": KEY}}
    ours = {"PLAYGROUND_HOME": str(tmp_path), "PLAYGROUND_ENDPOINTS": json.dumps(endpoint), "HF_TOKEN": TOKEN}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, check=True
    )
    for name in ("httpx", "huggingface_hub.inference"):
        assert re.search(rf"{name}.*asked with \*\*\* and \*\*\*", done.stderr)
    assert done.stderr.count("Bearer ***") >= 3 and "invalid literal for int() with base 10: '***'" in done.stderr
    assert "--- Logging error ---" in done.stderr
    assert not [secret for secret in (TOKEN, KEY, KEPT, PASSWORD) if secret in done.stderr]
