"""A trunk: one base model in memory, the LoRA adapters on it, and the one thread that calls it.

PEFT's `adapter_names` (one adapter per row of a batch) registers hooks on the shared modules while
a forward runs; two threads would read each other's. So a trunk has one worker thread and one
queue: it alone adds and removes adapters and runs the model, and it joins the jobs that wait into
one batch (that is the app's dynamic batching).
"""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from peft import LoraConfig, PeftModel, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from playground.errors import PlaygroundError
from playground.models.device import Device
from playground.models.files import building

BASE = "__base__"
"""PEFT's name for "no adapter on this row"."""

MAX_BATCH_ROWS = 64
MAX_BATCH_TOKENS = 16_384
ONE_THREAD_TOKENS = 1024
"""Smaller batches run on one thread: a second one gains them little, and where training has taken its
core they would wait for it hundreds of times a forward. Five passages with a question took 0.3 s on one
thread beside a training run, and 3 s on two."""

IN_LINE = 2
"""Batches of one caller that wait at a time: the worker has its next one, and others are answered in between."""
LOOK_SECONDS = 0.1
"""How often a caller who may give up is asked whether it has."""

EXIT_SECONDS = 10.0
"""How long a process that ends waits for the work its trunks still have in hand."""

Features = dict[str, list[int]]
"""Unpadded model inputs of one row: input_ids, attention_mask, maybe token_type_ids; each [T] ints."""
Reader = Callable[[ModelOutput, Mapping[str, torch.Tensor]], torch.Tensor]
"""Makes a job's result, [rows, ...], of its rows of the trunk's output and inputs (both padded)."""


class Stopped(Exception):
    """Whoever asked no longer waits for what the trunk still has in hand."""


@dataclass
class Job:
    """Rows that want to go through the model with one adapter, read by one reader."""

    rows: list[Features]
    adapter: str
    read: Reader
    future: Future[torch.Tensor] = field(default_factory=Future)


class Trunk:
    """A base model with its tokenizer, adapters and worker thread.

    `whole` marks a model that cannot share its base (see heads.shell): its forward gives the
    head's output already, and no adapter is added to it. `mixes` tells whether rows of several
    adapters can go through in one batch; DeBERTa's cannot (it sends its position embeddings, one
    row, through the same layers as the batch), so there a batch has one adapter.
    """

    def __init__(
        self, model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, device: Device, whole: bool = False
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.device = device
        self.whole = whole
        self.mixes = True
        self.shells: OrderedDict[Any, Any] = OrderedDict()
        self.shells_lock = threading.Lock()
        self._queue: queue.Queue[Job | Callable[[], None] | None] = queue.Queue()
        self._waiting: Job | Callable[[], None] | None = None
        self._weigh()
        self._thread = threading.Thread(target=self._work, name="trunk", daemon=True)
        self._thread.start()
        _at_work.add(self)

    def _weigh(self) -> None:
        """Note the memory of all weights, adapters included. On the worker only: adapters come and go there."""
        here = [tensor for tensor in self.model.parameters() if not tensor.is_meta]  # the others lie on disk
        self.bytes = sum(tensor.numel() * tensor.element_size() for tensor in here)

    def run(
        self, rows: list[Features], adapter: str, read: Reader, stop: threading.Event | None = None
    ) -> list[torch.Tensor]:
        """Send rows through the model and wait; what `read` makes of each, on the CPU, same order.

        Where that is one value per token, those of the padding are behind the row's own.

        Long jobs are cut into batches of bounded size, rows of like length together. Raises Stopped once `stop` is set.
        """
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]["input_ids"]))
        jobs: list[tuple[list[int], Job]] = []
        for part in _bounded(order, [len(row["input_ids"]) for row in rows]):
            if len(jobs) >= IN_LINE:
                _result(jobs[-IN_LINE][1].future, stop)
            job = Job([rows[index] for index in part], adapter, read)
            jobs.append((part, job))
            self._queue.put(job)
        results: list[torch.Tensor | None] = [None] * len(rows)
        for part, job in jobs:
            for index, value in zip(part, _result(job.future, stop), strict=True):
                results[index] = value
        return [value for value in results if value is not None]

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a function on the worker thread, between batches, and wait for its result."""
        future: Future[Any] = Future()

        def guarded() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # a panic of native code must reach the caller too
                future.set_exception(error)

        self._queue.put(guarded)
        return future.result()

    def generate(self, inputs: Mapping[str, torch.Tensor], adapter: str, **options: Any) -> Any:
        """What the model's own `generate` gives for padded inputs on its device, with one adapter for all rows.

        On the worker only: see `call`.
        """
        try:
            with torch.no_grad(), self.free_cores(inputs["input_ids"].numel()):
                model: Any = self.model
                if not isinstance(model, PeftModel):
                    return model.generate(**inputs, **options)
                if self.mixes:
                    # PEFT repeats the names for the beams, whose number `options` must tell.
                    names = [adapter] * len(inputs["input_ids"])
                    return model.generate(**inputs, **options, adapter_names=names)
                with self._only(adapter):
                    return model.generate(**inputs, **options)
        except BaseException:
            self._remove_stale_hooks()
            raise

    def forward(self, inputs: Mapping[str, Any], adapter: str) -> ModelOutput:
        """The model's output for padded inputs on its device, with one adapter for all rows. On the worker only.

        The first of the inputs has a row for each row of the batch; a cache of earlier tokens may be among them.
        """
        try:
            with torch.no_grad(), self.free_cores(next(iter(inputs.values())).numel()):
                return self._forward(dict(inputs), [adapter] * len(next(iter(inputs.values()))))
        except BaseException:
            self._remove_stale_hooks()
            raise

    def add_adapter(self, name: str, config: LoraConfig, weights: dict[str, torch.Tensor]) -> None:
        """Put LoRA weights on the trunk. `weights` has PEFT's keys of the bare base model."""

        def add() -> None:
            refuse_offloaded(self.model)
            try:
                with building():
                    self._put(name, config, weights)
            except BaseException:
                self._take_off(name)
                raise
            finally:
                self._weigh()

        self.call(add)

    def _put(self, name: str, config: LoraConfig, weights: dict[str, torch.Tensor]) -> None:
        if isinstance(self.model, PeftModel):
            self.model.add_adapter(name, config)
        else:
            assert isinstance(self.model, PreTrainedModel)
            self.model = PeftModel(self.model, config, adapter_name=name)
        try:
            result = set_peft_model_state_dict(self.model, weights, adapter_name=name)
        except RuntimeError as error:  # tensors of another size
            raise PlaygroundError("adapter_mismatch", key=str(error).strip().splitlines()[-1][:200]) from error
        # Missing keys would leave lora_B at zero: a silently untuned model.
        missing = [key for key in result.missing_keys if f".{name}." in key]
        if missing or result.unexpected_keys:
            raise PlaygroundError("adapter_mismatch", key=(missing + result.unexpected_keys)[0])
        self.model.to(self.device.torch_device).eval()
        self.mixes = self.mixes and self._can_mix(name)

    def _take_off(self, name: str) -> None:
        """Remove an adapter. PEFT cannot go on from a model without any, so the last one gives the bare model back."""
        if not isinstance(self.model, PeftModel) or name not in self.model.peft_config:
            return
        if len(self.model.peft_config) > 1:
            self.model.delete_adapter(name)
        else:
            self.model = self.model.unload()

    def _can_mix(self, name: str) -> bool:
        """Try two rows of one token, with and without the adapter: the architectures that cannot refuse at once."""
        inputs = {
            key: torch.ones(2, 1, dtype=torch.long, device=self.device.torch_device)
            for key in ("input_ids", "attention_mask", *self._also_read())
        }
        try:
            with torch.no_grad():
                self.model(**inputs, adapter_names=[name, BASE])
        except ValueError:
            self._remove_stale_hooks()
            return False
        return True

    def _also_read(self) -> tuple[str, ...]:
        config: Any = self.model.config
        return ("decoder_input_ids",) if getattr(config, "is_encoder_decoder", False) else ()

    def remove_adapter(self, name: str) -> None:
        def remove() -> None:
            self._take_off(name)
            self._weigh()

        self.call(remove)

    def close(self) -> None:
        """End the worker once the queue is empty."""
        self._queue.put(None)

    def join(self, seconds: float) -> None:
        """Wait for a closed trunk's worker to end."""
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            item = self._waiting if self._waiting is not None else self._queue.get()
            self._waiting = None
            if item is None:
                return
            if isinstance(item, Job):
                self._run_batch(self._join(item))
            else:
                item()

    def _join(self, first: Job) -> list[Job]:
        """The first job and those already waiting behind it, as far as they fit one batch."""
        jobs, rows = [first], len(first.rows)
        longest = max(len(row["input_ids"]) for row in first.rows)
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return jobs
            if not isinstance(item, Job) or not (self.mixes or item.adapter == first.adapter):
                self._waiting = item
                if item is None:  # the closing mark; in _waiting None means that nothing waits
                    self._queue.put(None)
                return jobs
            rows += len(item.rows)
            longest = max(longest, *(len(row["input_ids"]) for row in item.rows))
            if rows > MAX_BATCH_ROWS or rows * longest > MAX_BATCH_TOKENS:
                self._waiting = item
                return jobs
            jobs.append(item)

    def _run_batch(self, jobs: list[Job]) -> None:
        try:
            rows = [row for job in jobs for row in job.rows]
            # inference_mode would give tensors that the heads' modules may not save for autograd; no_grad does.
            with torch.no_grad():
                inputs = self.tokenizer.pad(rows, return_tensors="pt").to(self.device.torch_device)
                adapters = [job.adapter for job in jobs for _ in job.rows]
                with self.free_cores(inputs["input_ids"].numel()):
                    output = self._forward(dict(inputs), adapters)
        except BaseException as error:
            self._remove_stale_hooks()
            self._fail(jobs, error)
            return
        start = 0
        for job in jobs:
            part = slice(start, start + len(job.rows))
            start += len(job.rows)
            try:
                with torch.no_grad():
                    mine = {name: value[part] for name, value in inputs.items()}
                    job.future.set_result(job.read(_rows_of(output, part), mine).float().cpu())
            except BaseException as error:
                job.future.set_exception(error)

    def _fail(self, jobs: list[Job], error: BaseException) -> None:
        """One bad row must not fail its neighbours: each job of a failed batch is tried alone."""
        if len(jobs) == 1:
            jobs[0].future.set_exception(error)
            return
        for job in jobs:
            self._run_batch([job])

    @contextmanager
    def free_cores(self, tokens: int) -> Iterator[None]:
        """As many threads as a batch of so many tokens gains by."""
        threads = torch.get_num_threads()
        if tokens <= ONE_THREAD_TOKENS:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def _forward(self, inputs: dict[str, Any], adapters: list[str]) -> ModelOutput:
        if self.whole or not isinstance(self.model, PeftModel):
            return self.model(**inputs)
        if self.mixes:
            return self.model(**inputs, adapter_names=adapters)
        with self._only(adapters[0]):
            return self.model(**inputs)

    @contextmanager
    def _only(self, adapter: str) -> Iterator[None]:
        """One adapter for whatever runs in the block, or none."""
        assert isinstance(self.model, PeftModel)
        if adapter == BASE:
            with self.model.disable_adapter():
                yield
        else:
            self.model.set_adapter(adapter, inference_mode=True)
            yield

    def _remove_stale_hooks(self) -> None:
        """Drop the hooks that PEFT's mixed-adapter forward leaves behind when it raises."""
        for module in self.model.modules():
            if isinstance(module, LoraLayer):
                module._forward_pre_hooks.clear()
                module._forward_pre_hooks_with_kwargs.clear()


_at_work: weakref.WeakSet[Trunk] = weakref.WeakSet()


@atexit.register
def _end_workers() -> None:
    """A thread that Python's shutdown finds inside torch's native code aborts the process (SIGABRT).

    The worker is still there a moment after it handed a result over, so even a process that has
    its answer would now and then end as if it had crashed.
    """
    trunks = list(_at_work)
    for trunk in trunks:
        trunk.close()
    for trunk in trunks:
        trunk.join(EXIT_SECONDS)


def refuse_offloaded(model: torch.nn.Module) -> None:
    """No adapter goes on layers that lie elsewhere: PEFT would put weights without numbers beside them."""
    if any(tensor.is_meta for tensor in model.parameters()):
        raise PlaygroundError("base_offloaded")


def _result(future: Future[torch.Tensor], stop: threading.Event | None) -> torch.Tensor:
    """What a job came to. Raises Stopped where `stop` is set before it is there."""
    while stop is not None and not wait([future], LOOK_SECONDS).done:
        if stop.is_set():
            raise Stopped
    return future.result()


def _bounded(order: list[int], lengths: list[int]) -> list[list[int]]:
    """Cut row numbers, sorted by length, into batches within MAX_BATCH_ROWS and MAX_BATCH_TOKENS."""
    parts: list[list[int]] = []
    for index in order:
        part = parts[-1] if parts else None
        if part is not None and len(part) < MAX_BATCH_ROWS and (len(part) + 1) * lengths[index] <= MAX_BATCH_TOKENS:
            part.append(index)
        else:
            parts.append([index])
    return parts


def _rows_of(output: ModelOutput, part: slice) -> ModelOutput:
    """Those rows of every tensor in a model output."""
    return type(output)(**{name: value[part] for name, value in output.items() if isinstance(value, torch.Tensor)})
