"""Starting a run: a process of its own, in a session of its own, that knows its directory and no secret."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, get_args

import psutil
from pydantic import BaseModel, SecretStr

from playground.runs import Run, process_started
from playground.settings import Settings, settings

ROOT = Path(__file__).parent.parent.parent
LAUNCH_CONFIG = ROOT / "playground" / "training" / "launch.yaml"

PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "HF_HOME", "HF_HUB_CACHE",
    "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "XDG_CACHE_HOME",
    # Without these Python does not start on Windows.
    "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA",
)  # fmt: skip
"""The environment is an allow-list: a token or a cloud key of the server must not reach a training."""

SET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    # The base was resolved before the start: the run itself needs no network.
    "HF_HUB_OFFLINE": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    # Threads that wait give their core to the page instead of spinning on it.
    "OMP_WAIT_POLICY": "passive",
    # glibc asks the kernel for each large array anew, and the kernel clears its pages: large pages are cleared faster.
    # A step of scratch/seq2seq (128 rows of 24 tokens, 8,000 words): 0.71 s, with them 0.51 s. (Keeping the memory
    # between steps, MALLOC_MMAP_MAX_=0, takes 0.46 s, and within ten minutes 12 GB.)
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # The log is for people: no progress bars, and no report that the new head is not in the base.
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore::FutureWarning",
    "PYTHONUTF8": "1",
}


def launch(run: Run, *words: str) -> None:
    """Start the training process of a run, detached from this one, and note who it is in status.json.

    `words` are handed to it, such as DRY_RUN.
    """
    with run.log_path.open("ab") as log:
        process = subprocess.Popen(
            [*command_line(run), *words],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,  # a file, not a pipe: the run outlives the server
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Waited for in the background, or it would stay a zombie for as long as the server runs.
    threading.Thread(target=process.wait, name=f"reap-{run.id}", daemon=True).start()
    try:
        started = process_started(psutil.Process(process.pid))
    except psutil.NoSuchProcess:
        started = 0.0
    status = run.status()
    # Until the training process writes its own, the launcher's: a launch that fails shows as a failed run.
    run.write_status(
        status.model_copy(
            update={
                "state": "queued", "phase": "queued", "pid": process.pid, "pid_started": started,
                "seconds_left": None, "reason": None, "hint": None,
            }
        )
    )  # fmt: skip


def command_line(run: Run) -> list[str]:
    """`accelerate launch` for one process, with settings of ours: neither a prompt nor a user's file decides."""
    from playground.models.device import choose_device

    device = choose_device().torch_device
    return [
        sys.executable, "-m", "accelerate.commands.launch",
        "--config_file", str(LAUNCH_CONFIG),
        # One process uses one GPU: the Trainer would split each batch over all it sees (nn.DataParallel).
        "--gpu_ids", _gpu(device.index or 0),
        "--num_processes", "1", "--num_machines", "1", "--num_cpu_threads_per_process", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no",
        *(["--cpu"] if device.type == "cpu" else []),
        "--quiet", "--module", "playground.training", str(run.dir.resolve()),
    ]  # fmt: skip


def _gpu(index: int) -> str:
    """The machine's number of the GPU that is called so here: CUDA_VISIBLE_DEVICES may show some of them only."""
    shown = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    return shown[index] if index < len(shown) else str(index)


def environment() -> dict[str, str]:
    """What the training process may know."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    ours = {
        f"PLAYGROUND_{name.upper()}": os.environ[f"PLAYGROUND_{name.upper()}"]
        for name, info in Settings.model_fields.items()
        # A run is no visitor: what it may use was checked before, and its own folder is not among the models offered.
        if not _holds_secret(info.annotation) and name != "public" and f"PLAYGROUND_{name.upper()}" in os.environ
    }
    if settings().device.startswith("cuda"):
        ours["PLAYGROUND_DEVICE"] = "cuda"  # it is shown one GPU, whose number is 0 there
    return {**passed, **ours, **SET, "PLAYGROUND_HOME": str(settings().home.resolve()), "PYTHONPATH": str(ROOT)}


def _holds_secret(kind: Any) -> bool:
    """Whether a value of a type is a secret, or may have one anywhere within, as an endpoint has its key."""
    within = list(get_args(kind))
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        within += [info.annotation for info in kind.model_fields.values()]
    return kind is SecretStr or any(map(_holds_secret, within))
