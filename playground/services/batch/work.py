"""The work on a batch: a piece of its rows after the other, the rows of a piece by length, half a second at a time.

So others are answered in between, a stop is seen within a second, and no more than a piece is in memory. What is
found goes to the batch's folder at once; whoever goes on later finds there what is done.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError, full_disk
from playground.fields import Row
from playground.i18n import Message, msg
from playground.services import metrics
from playground.services.batch.job import Batch, BatchStatus, Result, State
from playground.services.batch.rows import Asked, asked_rows
from playground.services.evaluate import check_labels, labels_of, likelihoods
from playground.services.predict import checked_params, extras, ready
from playground.tasks import get_task

if TYPE_CHECKING:
    from playground.heads.base import Prediction

log = logging.getLogger("playground")

PIECE_ROWS = 1_000
PIECE_CHARS = 1_000_000
PART_SECONDS = 0.4
PART_ROWS = 512
FIRST_CHARS = 2_000
ROW_CHARS = 20
"""What a row costs besides its characters, in characters."""
TELL_SECONDS = 0.5
SCORED_ROWS = 10_000
"""Right answers of more rows are compared for so many of them, drawn at random: an interval is narrow by then."""
SEED = 0

GONE = ("endpoint_silent", "endpoint_key", "endpoint_missing", "endpoint_unready")
"""Faults of a model that runs elsewhere, for which no row is to blame: the batch waits for the remedy, and goes on."""

Told = Callable[[BatchStatus], None]


@dataclass
class Pace:
    """How much the model is given at once, so that it takes about PART_SECONDS; found out on the way."""

    chars: float = FIRST_CHARS

    def take(self, rows: Sequence[Asked], least: int = 1) -> int:
        """How many of the rows, so many at least."""
        total, count = 0.0, 0
        for row in rows[:PART_ROWS]:
            total += row.chars + ROW_CHARS
            if count >= least and total > self.chars:
                break
            count += 1
        return count

    def learn(self, rows: Sequence[Asked], seconds: float) -> None:
        """At most twice as much next time: what is fast for a few rows may be slow for many."""
        done = sum(row.chars + ROW_CHARS for row in rows)
        self.chars = min(done * PART_SECONDS / max(seconds, 1e-3), 2 * max(self.chars, done))


def work(batch: Batch, told: Told) -> BatchStatus:
    """Do what is left of a batch, whose lock the caller holds: how it stands then. `told` hears of the way there.

    What stops it is in the status, as are faults of the model and the disk; only an interrupt is raised.
    """
    return _Work(batch, told).run()


@dataclass(frozen=True)
class Found:
    """What a model gave for a row.

    reason   what a chat model said in place of an answer that can be used; None for one that can
    retries  how often a server was asked again, after a failure
    """

    output: Any
    reason: Message | None = None
    retries: int = 0


def _found(prediction: Prediction) -> Found:
    why, retries = prediction.unusable, prediction.details.get("retries", 0)
    return Found(prediction.output, why.message if why else None, retries)


class _Work:
    def __init__(self, batch: Batch, told: Told) -> None:
        self.batch, self.told = batch, told
        self.spec, self.table = batch.spec(), batch.table()
        self.task = get_task(self.spec.task)
        self.params = checked_params(self.task, self.spec.params)
        self.stop = batch.stop_event()
        self.status = BatchStatus(state="running")
        self.pace = Pace()
        self.seen: set[int] = set()
        self.scored = _drawn(self.table.rows)
        self.began = self.wrote = time.monotonic()
        self.broke = False

    def run(self) -> BatchStatus:
        try:
            self._count()
            self._write()
            # In memory, and one of the owner's calls, from the first row to the last.
            given = [self.spec.given] if extras(self.task.id, self.spec.model, self.spec.owner) else []
            with ready(self.task, given, self.spec.model, self.spec.owner) as (_, self.head, self.loaded):
                self.began, before = time.monotonic(), self.status.done
                for piece in _pieces(self._left()):
                    self._piece(piece, before)
            if not self.stop.is_set():
                self._score()
            return self._end("stopped" if self.stop.is_set() else "done")
        except PlaygroundError as error:
            return self._end("failed", error.message, error.hint)
        except KeyboardInterrupt:
            self._end("stopped")
            raise
        except BaseException as error:  # a panic of native code is no Exception
            if full := full_disk(error):
                return self._end("failed", full.message, full.hint)
            log.exception("batch %s", self.batch.id)
            return self._end("failed", msg("batch.broke", kind=type(error).__name__), msg("batch.broke.hint"))

    def _count(self) -> None:
        self.batch.mend_results()
        for result in self.batch.results():
            self._note(result)

    def _note(self, result: Result) -> None:
        self.seen.add(result["row"])
        self.status.done += 1
        self.status.failed += "reason" in result
        self.status.retries += result.get("retries", 0)

    def _left(self) -> Iterator[Asked]:
        for row in asked_rows(self.table, self.task, self.spec.columns, self.spec.given):
            if self.stop.is_set():
                return
            if row.number not in self.seen:
                yield row

    def _piece(self, piece: list[Asked], before: int) -> None:
        left = sorted(piece, key=lambda row: row.chars)
        while left and not self.stop.is_set():
            # What is worked on at once must not wait for more: of an endpoint, two rows for each place.
            part = left[: self.pace.take(left, 2 * self.loaded.at_once if self.loaded.at_once > 1 else 1)]
            left = left[len(part) :]
            started = time.monotonic()
            results = self._results(part)
            if self.stop.is_set():  # what was cut short does not count
                return
            self.pace.learn(part, time.monotonic() - started)
            self.batch.add_results(results)
            for result in results:
                self._note(result)
            self._tell(before)

    def _results(self, part: Sequence[Asked]) -> list[Result]:
        asked = [row for row in part if row.inputs is not None]
        found = dict(
            zip((row.number for row in asked), self._predict([row.inputs or {} for row in asked]), strict=True)
        )
        learned = self._likelihoods([row for row in asked if row.gold and row.number in self.scored])
        results = []
        for row in part:
            one = row.reason or found[row.number]
            if isinstance(one, Message):
                results.append(Result(row=row.number, reason=one.to_json()))
                continue
            result = Result(row=row.number, output=one.output)
            if one.reason:  # it counts as wrong, where the right answer is known
                result["reason"] = one.reason.to_json()
            if one.retries:
                result["retries"] = one.retries
            if row.gold and row.number in self.scored:
                result["gold"] = row.gold[self.task.output.name]
            if row.number in learned:
                result["likelihood"] = learned[row.number]
            results.append(result)
        return results

    def _predict(self, rows: list[Row]) -> list[Found | Message]:
        """What is found for each row, or a Message why there is none: what one row breaks is tried alone."""
        try:
            found = self.loaded.predict(self.head, rows, self.params, self.stop) if rows else []
            return [_found(one) for one in found]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self.stop.is_set():
                return [Found(None)] * len(rows)
            if isinstance(error, PlaygroundError) and error.code in GONE:
                raise
            if len(rows) > 1:
                return [one for row in rows for one in self._predict([row])]
            if isinstance(error, PlaygroundError):
                return [error.message]
            if not self.broke:  # once: a model that is broken is so for every row
                log.exception("batch %s", self.batch.id)
                self.broke = True
            return [msg("batch.row.broke", kind=type(error).__name__)]

    def _likelihoods(self, rows: Sequence[Asked]) -> dict[int, Any]:
        if not rows or not metrics.by_likelihood(self.task.metrics) or self.stop.is_set():
            return {}
        golds = [row.gold or {} for row in rows]
        try:
            found = likelihoods(self.task, golds, self.head, self.loaded)
        except PlaygroundError:  # one that the model cannot be asked about; the prediction says so
            return {}
        return dict(zip((row.number for row in rows), found, strict=True))

    def _score(self) -> None:
        """The scores of the rows whose right answers are known."""
        by_likelihood = metrics.by_likelihood(self.task.metrics)
        found: list[tuple[int, Any, Any]] = []
        for result in self.batch.results():
            if "gold" in result and (not by_likelihood or "likelihood" in result):
                value = result["likelihood"] if by_likelihood else self.task.output.compared(result["output"])
                found.append((result["row"], result["gold"], value))
        if not found:
            return
        found.sort(key=lambda one: one[0])  # the bootstrap draws by place
        gold, predicted = [one[1] for one in found], [one[2] for one in found]
        try:
            if not extras(self.task.id, self.spec.model, self.spec.owner):
                check_labels(self.task.output, labels_of(self.task.output, gold), self.spec.model, self.spec.owner)
        except PlaygroundError as error:
            self.status.unscored = error.message.to_json()
            return
        self.status.score = {
            "rows": len(gold),
            "of": self.table.rows,
            "metrics": metrics.score(self.task.metrics, gold, predicted),
            "intervals": metrics.intervals(self.task.metrics, gold, predicted),
        }

    def _tell(self, before: int) -> None:
        now = time.monotonic()
        if now - self.wrote < TELL_SECONDS:
            return
        self.status.rows_per_second = (self.status.done - before) / (now - self.began)
        self.status.seconds_left = (self.table.rows - self.status.done) / self.status.rows_per_second
        self._write()

    def _write(self) -> None:
        self.wrote = time.monotonic()
        try:
            self.batch.write_status(self.status)
        except OSError as error:
            # What stands there says that it is at work: once its lock is free, that is taken for interrupted.
            if self.status.state == "running" or not full_disk(error):
                raise
        self.told(self.status)

    def _end(self, state: State, reason: Message | None = None, hint: Message | None = None) -> BatchStatus:
        self.status.state, self.status.seconds_left = state, None
        self.status.reason = reason.to_json() if reason else None
        self.status.hint = hint.to_json() if hint else None
        self._write()
        return self.status


def _pieces(rows: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Rows as they come, as many together as may be in memory."""
    piece: list[Asked] = []
    chars = 0
    for row in rows:
        piece.append(row)
        chars += row.chars
        if len(piece) >= PIECE_ROWS or chars >= PIECE_CHARS:
            yield piece
            piece, chars = [], 0
    if piece:
        yield piece


def _drawn(rows: int) -> frozenset[int] | range:
    """The numbers of the rows that are scored, the same every time."""
    every = range(1, rows + 1)
    return every if rows <= SCORED_ROWS else frozenset(random.Random(SEED).sample(every, SCORED_ROWS))
