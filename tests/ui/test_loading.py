"""Models load in the background, and nothing else that wants torch at that moment breaks it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ui.server import ROOT

SCRIPT = """
import threading
from playground.ui.loading import import_models

def start_a_run():
    import_models()
    from playground.models.device import choose_device

def load_a_model():
    import_models()
    from transformers import BertModel

failures = []
threading.excepthook = lambda hook: failures.append(hook.exc_value)
threads = [threading.Thread(target=work) for work in (start_a_run, load_a_model) * 3]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(failures)
"""


@pytest.mark.slow
def test_threads_that_want_torch_at_once_all_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.slow
def test_the_page_is_built_without_torch() -> None:
    heavy = ("torch", "transformers", "datasets", "sklearn", "peft", "accelerate")
    script = (
        f"from playground.ui.page import build; build(); import sys; print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
