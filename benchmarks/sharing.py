"""Many adapters on one base, beside loading each model by itself: memory and time.

Each way runs in a process of its own, so that one's memory does not hide in the other's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch

from benchmarks.hardware import hardware
from playground.heads.loading import lease_model
from playground.heads.sequence_classification import HEAD
from playground.models.resolve import resolve
from playground.runs import TrainingParams

BASE = "sentence-transformers/all-MiniLM-L6-v2"
MODELS = 20
TEXT = "I have been waiting for my new card for two weeks now, what can I do about it?"


def save_models(folder: Path) -> list[Path]:
    """MODELS adapters of rank 8 with 2, 3, 4, ... classes."""
    base, folders = resolve(BASE), []
    for number in range(MODELS):
        labels = [f"class {label}" for label in range(2 + number)]
        model, tokenizer = HEAD.new_model(base, labels, TrainingParams(lora_r=8, seed=number))
        folders.append(folder / f"model-{number}")
        HEAD.save(
            model, folders[-1], tokenizer=tokenizer, task="classification", labels=labels, base=base, max_length=128
        )
    return folders


def shared(folders: list[Path]) -> tuple[float, float]:
    """All on one trunk: (MB of memory, seconds for one text through each, arriving together)."""
    from concurrent.futures import ThreadPoolExecutor

    def ask(folder: Path) -> None:
        with lease_model(str(folder)) as (head, loaded):
            loaded.logits(head, [{"text": TEXT}])

    before = psutil.Process().memory_info().rss
    for folder in folders:
        ask(folder)
    memory = psutil.Process().memory_info().rss - before
    with ThreadPoolExecutor(len(folders)) as threads:
        list(threads.map(ask, folders))
        start = time.perf_counter()
        for _ in range(5):
            list(threads.map(ask, folders))
    return memory / 2**20, (time.perf_counter() - start) / 5


def separate(folders: list[Path]) -> tuple[float, float]:
    """Each loaded by plain PEFT on a base of its own, asked one after the other."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = resolve(BASE)
    before = psutil.Process().memory_info().rss
    models = []
    for folder in folders:
        labels = resolve(str(folder)).labels
        model = AutoModelForSequenceClassification.from_pretrained(base.folder, num_labels=len(labels))
        models.append(PeftModel.from_pretrained(model, str(folder)).eval())
    tokenizer = AutoTokenizer.from_pretrained(base.folder)

    def ask_all() -> None:
        for model in models:
            with torch.no_grad():
                model(**tokenizer(TEXT, return_tensors="pt"))

    ask_all()
    memory = psutil.Process().memory_info().rss - before
    start = time.perf_counter()
    for _ in range(5):
        ask_all()
    return memory / 2**20, (time.perf_counter() - start) / 5


def main() -> None:
    if len(sys.argv) == 3:
        folders = sorted(Path(sys.argv[2]).iterdir(), key=lambda path: int(path.name.split("-")[1]))
        print(*(shared if sys.argv[1] == "shared" else separate)(folders))
        return
    print(hardware())
    with tempfile.TemporaryDirectory() as folder:
        files = save_models(Path(folder))
        size = sum(path.stat().st_size for path in files[0].iterdir())
        found = {}
        for way in ("separate", "shared"):
            command = [sys.executable, "-m", "benchmarks.sharing", way, folder]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            found[way] = float(out[-2]), float(out[-1])
            print(f"{way}: {found[way][0]:.0f} MB for {MODELS} models, {found[way][1] * 1000:.0f} ms for all")
        print(f"on disk: {size / 2**20:.2f} MB a model")
        print(f"memory, separate / shared: {found['separate'][0] / found['shared'][0]:.1f} x")
        print(f"time, separate / shared: {found['separate'][1] / found['shared'][1]:.1f} x")


if __name__ == "__main__":
    main()
