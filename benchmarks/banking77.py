"""banking77 uploaded in a browser with nothing changed but the file: minutes, and scores on its test file.

The bar: 0.935 accuracy within 15 minutes on 2 otherwise idle cores, and never below the probe.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.browser import Trained, trained_in_the_browser
from benchmarks.hardware import hardware

BAR_ACCURACY = 0.935
BAR_SECONDS = 15 * 60


def main() -> int:
    folder = Path(os.environ["PLAYGROUND_DATA"]) / "train" / "banking77"
    print(hardware(), flush=True)
    with trained_in_the_browser(folder / "train.csv", 3600) as trained:
        seconds = trained.since_click()
        report = json.loads((trained.server.home / "runs" / trained.run / "report.json").read_text())
        print(f"from the click to the result: {seconds / 60:.1f} minutes (bar: {BAR_SECONDS / 60:.0f})")
        print("seconds:", json.dumps(report["seconds"]))
        print("held-out part of train.csv:", json.dumps(report["metrics"]), flush=True)
        tuned = evaluate(trained, f"run/{trained.run}", folder / "test.csv")
        probe = evaluate(trained, train_probe(trained, folder / "train.csv"), folder / "test.csv")
    print("test.csv, tuned:", json.dumps(tuned))
    print("test.csv, linear probe:", json.dumps(probe))
    accuracy, baseline = tuned["metrics"]["accuracy"], probe["metrics"]["accuracy"]
    reached = accuracy >= BAR_ACCURACY and accuracy >= baseline and seconds <= BAR_SECONDS
    print("bar reached" if reached else "bar NOT reached")
    return 0 if reached else 1


def evaluate(trained: Trained, model: str, path: Path) -> dict:
    return command(trained, "evaluate", model, str(path))


def train_probe(trained: Trained, path: Path) -> str:
    return str(command(trained, "finetune", str(path), "--set", "method=linear_probe")["model"])


def command(trained: Trained, *words: str) -> dict:
    """The JSON that the command line prints, with the server's runs."""
    environment = {**os.environ, "PLAYGROUND_HOME": str(trained.server.home)}
    call = [sys.executable, "-m", "playground", *words, "--json"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
