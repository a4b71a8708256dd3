"""A text that is being written, as it grows: shown several times a second, and ended when nobody waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from playground.fields import Row
from playground.services.predict import checked_params, checked_row, ready
from playground.settings import settings
from playground.tasks import get_task

if TYPE_CHECKING:
    from playground.heads.base import Prediction

LOOK_SECONDS = 0.15
"""A value comes this often: whoever closes the stream is noticed at the next one."""


def stream(
    task_id: str, inputs: Row, *, model: str = "", params: dict[str, Any] | None = None, owner: str = "local"
) -> Iterator[Prediction | None]:
    """What is there so far (None: nothing yet), again and again until the text is whole; the last is the answer.

    A value comes every LOOK_SECONDS, a new one or the last again. Closing the stream stops the model.
    Raises PlaygroundError before the first value, as `predict` does, or where the model fails on the way.
    """
    from playground.heads.generating import Bounds, Streaming

    task = get_task(task_id)
    row, knobs = checked_row(task, inputs), checked_params(task, params or {})
    stopped = threading.Event()
    found: queue.Queue[Prediction | BaseException | None] = queue.Queue()

    def work() -> None:
        try:
            with ready(task, [row], model or task.models[0], owner) as (rows, head, loaded):
                # The clock starts once the model is there.
                most = int(getattr(knobs, "max_new_tokens", 1))
                bounds = Bounds(most, settings().generate_seconds, stop=stopped)
                writer: Any = loaded if isinstance(loaded, Streaming) else None
                many = writer.stream(rows[0], knobs, bounds) if writer else [loaded.answer(head, rows[0], knobs)]
                for prediction in many:
                    found.put(prediction)
            found.put(None)
        except BaseException as error:  # a panic of native code must reach the reader too
            found.put(error)

    threading.Thread(target=work, name="stream", daemon=True).start()
    try:
        yield from _read(found)
    finally:
        stopped.set()


def changes(found: Iterator[Prediction | None]) -> Iterator[Prediction]:
    """Each value of a stream once."""
    last = None
    for prediction in found:
        if prediction is not None and prediction is not last:
            yield prediction
        last = prediction


def _read(found: queue.Queue[Prediction | BaseException | None]) -> Iterator[Prediction | None]:
    last: Prediction | None = None
    while True:
        for item in _arrived(found):
            if item is None or isinstance(item, BaseException):
                # What came just before the end is shown too.
                yield last
                if item is not None:
                    raise item
                return
            last = item
        yield last


def _arrived(found: queue.Queue[Prediction | BaseException | None]) -> Iterator[Prediction | BaseException | None]:
    """All that comes within LOOK_SECONDS: a page that is drawn anew at every token hears no click on Stop."""
    end = time.monotonic() + LOOK_SECONDS
    with suppress(queue.Empty):
        while (left := end - time.monotonic()) > 0:
            yield found.get(timeout=left)
