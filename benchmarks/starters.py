"""Train the embedded models again from their recipes, and put what came out into playground/starters.

`make starters`, with PLAYGROUND_DATA naming the data folder. The cards are written by hand and
stay; the figures printed here belong into them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.hardware import hardware
from playground.models.resolve import STARTERS_DIR
from playground.settings import settings

RECIPES = Path(__file__).parent.parent / "examples" / "recipes"
FILES = ("adapter_model.safetensors", "adapter_config.json", "playground.json")
SHOWN_LABELS = {"sentiment-en": {"neg": "negative", "pos": "positive"}}
"""Labels of a dataset that are abbreviations, in words."""


def main() -> None:
    print(hardware())
    for recipe in sorted(RECIPES.glob("*.yaml")):
        call = [sys.executable, "-m", "playground", "finetune", str(recipe), "--json"]
        done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
        result = json.loads(done.stdout.splitlines()[-1])
        print(recipe.stem, json.dumps(result["report"]["metrics"]), json.dumps(result["report"]["intervals"]))
        install(settings().runs_dir / result["run"] / "model", recipe.stem)


def install(model: Path, name: str) -> None:
    """Copy a run's model into its starter's folder, its labels in words."""
    folder = STARTERS_DIR / name
    folder.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copyfile(model / file, folder / file)
    description = json.loads((folder / "playground.json").read_text(encoding="utf-8"))
    words = SHOWN_LABELS.get(name, {})
    description["labels"] = [words.get(label, label) for label in description["labels"]]
    (folder / "playground.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
