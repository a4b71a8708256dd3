"""`predict TASK --file IN --output OUT`: a whole file through a model."""

from __future__ import annotations

import argparse
import json
import signal
import time
from contextlib import suppress
from functools import partial
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

    task = get_task(options.task)
    if options.output is None:
        raise PlaygroundError("batch_no_output")
    fixed = {
        field.name: given(field, text)
        for field in (*task.inputs, *task.extra_inputs)
        if (text := getattr(options, field.name))
    }
    view = batch.predict_file(
        options.file, task.id, options.output, model=options.model, columns=columns(options.map),
        params=values(options.set), given=fixed, lang=options.lang, work=partial(_followed, lang=options.lang),
    )  # fmt: skip
    status, result = view.status, {**view.summary, "output": str(options.output)}
    if status.retries:
        shown.tell(translate(options.lang, "batch.retries", retries=status.retries))
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
    return result


def _followed(batch_id: str, lang: str) -> BatchStatus:
    """Work to the end, or until Ctrl-C asks it to stop; a second one ends the process."""
    from playground.services import batch

    rows = batch.view(batch_id, OWNER).rows
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
    if status.retries:
        words.append(translate(lang, "batch.retries", retries=status.retries))
    if status.seconds_left is not None:
        words.append(translate(lang, "cli.left", seconds=round(status.seconds_left)))
    return " · ".join(words)
