"""`predict TASK --file IN --output OUT`: a whole file through a model."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.cli import shown
from playground.cli.recipe import columns, given, values
from playground.errors import PlaygroundError
from playground.i18n import Message, render, translate
from playground.tasks import get_task

if TYPE_CHECKING:
    from playground.services.batch.job import BatchStatus

OWNER = "local"
TELL_SECONDS = 5.0


def predict_file(options: argparse.Namespace) -> dict[str, Any]:
    """Predict every row, telling how it gets on; Ctrl-C keeps what there is, and the same command goes on from there.

    {"task", "model", "state", "rows", "done", "failed", "output"}, and {"metrics", "intervals"} where the file has
    right answers.
    """
    from playground.services import batch
    from playground.services.uploads import mapped

    task = get_task(options.task)
    ending = _ending(options.output, options.file)
    upload = batch.inspect(options.file, task.id, OWNER)
    fixed = {
        field.name: given(field, text)
        for field in (*task.inputs, *task.extra_inputs)
        if (text := getattr(options, field.name))
    }
    wished = {**columns(options.map), **{name: [] for name in fixed if name not in task.extras}}
    batch_id = batch.begin(
        upload.id,
        model=options.model,
        columns=mapped(batch.proposed(task, upload.proposals), wished),
        params=values(options.set),
        given=fixed,
        owner=OWNER,
    )
    status = _followed(batch_id, upload.table.rows, options.lang)
    if status.done:
        batch.save(batch_id, OWNER, options.output, ending, options.lang)
    view = batch.view(batch_id, OWNER)
    if status.state == "failed":
        raise PlaygroundError("batch_failed", **shown.why(status))
    result = {
        "task": task.id, "model": view.spec.model, "state": status.state, "rows": view.rows, "done": status.done,
        "failed": status.failed, "output": str(options.output),
    }  # fmt: skip
    score = status.score or {}
    result |= {name: score[name] for name in ("metrics", "intervals") if name in score}
    if status.state == "stopped":
        shown.tell(translate(options.lang, "cli.batch.stopped", done=status.done, rows=view.rows))
        if options.json:
            print(json.dumps(result, ensure_ascii=False))
        raise KeyboardInterrupt
    shown.tell(
        translate(options.lang, "cli.batch.done", file=str(options.output), done=status.done, failed=status.failed)
    )
    if status.unscored:
        shown.tell(render(Message.from_json(status.unscored), options.lang))
    if status.score and not options.json:
        for line in shown.evaluation(status.score, options.lang):
            print(line)
    batch.discard(batch_id, OWNER)  # the file has it all
    return result


def _ending(output: Path | None, files: list[Path]) -> str:
    """What the output is to be; refused before anything is read where it could not be written."""
    from playground.services.batch import ENDINGS

    if output is None:
        raise PlaygroundError("batch_no_output")
    ending = output.suffix.removeprefix(".").lower()
    if ending not in ENDINGS:
        raise PlaygroundError("batch_ending", found=output.name, endings=[f".{one}" for one in ENDINGS])
    if any(file.exists() and output.exists() and file.samefile(output) for file in files):
        raise PlaygroundError("batch_same_file", file=output.name)
    if not os.access(output.parent, os.W_OK) or output.is_dir():
        raise PlaygroundError("batch_no_folder", folder=str(output.parent))
    return ending


def _followed(batch_id: str, rows: int, lang: str) -> BatchStatus:
    """Work to the end, or until Ctrl-C asks it to stop; a second one ends the process."""
    from playground.services import batch

    told_at = time.monotonic()

    def told(status: BatchStatus) -> None:
        nonlocal told_at
        if status.state == "running" and time.monotonic() - told_at >= TELL_SECONDS:
            told_at = time.monotonic()
            shown.tell(_progress(status, rows, lang))

    def ask_to_stop(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        shown.tell(translate(lang, "cli.batch.stopping"))
        with suppress(PlaygroundError):  # it may have ended just now
            batch.stop(batch_id, OWNER)

    before = signal.signal(signal.SIGINT, ask_to_stop)
    try:
        return batch.work_on(batch_id, OWNER, told)
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(status: BatchStatus, rows: int, lang: str) -> str:
    words = [translate(lang, "batch.progress", done=status.done, rows=rows)]
    words.append(translate(lang, "batch.speed", speed=f"{status.rows_per_second:.3g}"))
    if status.seconds_left is not None:
        words.append(translate(lang, "cli.left", seconds=round(status.seconds_left)))
    return " · ".join(words)
