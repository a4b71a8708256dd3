"""Models that run elsewhere (vLLM, TGI, `transformers serve`, providers), asked by huggingface_hub's InferenceClient.

What any chat model does here, they do there: see prompted.py. They are asked several rows at a time, within a limit.
A failure that may pass (no connection, too busy, an error of the server's) is tried again, waiting longer each time.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import httpx2
import numpy as np
from huggingface_hub import InferenceClient
from huggingface_hub.errors import (
    HfHubHTTPError,
    InferenceTimeoutError,
    OverloadedError,
    RepositoryNotFoundError,
    TextGenerationError,
)
from pydantic import BaseModel

from playground.errors import PlaygroundError
from playground.fields import USER, Row, Turn
from playground.heads import get_head
from playground.heads.base import Head, Prediction, Trunkless
from playground.heads.chat_tasks import ChatTask, Plainly, asked_rows
from playground.heads.generating import Bounds
from playground.heads.prompted import Asked, AskedText, Said, mean_probability
from playground.i18n import Message, msg
from playground.models import endpoints
from playground.models.resolve import Resolved
from playground.settings import Endpoint, settings

TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0
"""Seconds before the second try, and at most; the others double, give or take a quarter."""
PASSING = (408, 425, 429, 500, 502, 503, 504, 529)
NO_EXTRAS = (400, 422)
"""What servers answer that do not know all that is asked for."""
WITHOUT_THOUGHT = {"chat_template_kwargs": {"enable_thinking": False}}
LOOK_SECONDS = 0.2
_PLAIN: set[tuple[str, str]] = set()
"""Names of endpoints and their addresses, that are to be asked for nothing but a text."""
REASON_CHARS = 200
REFUSED = "endpoint_refused"
UNSENT = {"top_k": 0, "min_p": 0, "repetition_penalty": 1, "chat": True}
"""Knobs that the API of OpenAI lacks, so that some servers refuse them, and what each is where it changes nothing."""
ENDED = {"stop": "eos", "eos_token": "eos", "length": "tokens"}
"""Why a server says that a text ends, in our words."""
CUT = "server"
"""Any other end, and one that it does not explain."""


@lru_cache(maxsize=32)
def _gate(name: str, at_once: int) -> threading.BoundedSemaphore:
    """So many requests at a time go to an endpoint, from whatever tab and visitor."""
    return threading.BoundedSemaphore(at_once)


@dataclass
class Remote(Trunkless):
    """An endpoint, ready to be asked. `asked`: how it does the task; None for generation."""

    name: str = field(kw_only=True)
    endpoint: Endpoint = field(kw_only=True)
    asked: Asked | None = None

    @property
    def at_once(self) -> int:
        return self.endpoint.at_once

    def predict(
        self, head: Head, rows: Sequence[Row], params: BaseModel, stop: threading.Event | None = None
    ) -> list[Prediction]:
        stop = stop or threading.Event()
        if self.asked:
            return self._done(self.asked, rows, params, stop)
        most = int(params.max_new_tokens)  # type: ignore[attr-defined]

        def write(row: Row) -> Prediction:
            *_, last = self._written(_turns(row), params, self._bounds(most, stop))
            return last

        return self.each(write, rows)

    def answer(self, head: Head, row: Row, params: BaseModel, stop: threading.Event | None = None) -> Prediction:
        if self.asked:
            return self._done(self.asked, [row], params, stop or threading.Event(), strict=True)[0]
        return super().answer(head, row, params, stop)

    def _done(
        self, asked: Asked, rows: Sequence[Row], params: BaseModel, stop: threading.Event, strict: bool = False
    ) -> list[Prediction]:
        return asked.answers(_RemoteChat(self, stop), asked_rows(asked, rows, params), (), params, strict=strict)

    def stream(self, row: Row, params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """What is written, as it arrives."""
        if not self.asked:
            yield from self._written(_turns(row), params, bounds)
        elif isinstance(self.asked, AskedText):
            [asked] = asked_rows(self.asked, [row], params)
            plainly = Plainly(max_new_tokens=bounds.max_new_tokens)
            written = self._written(self.asked.question(asked, ()), plainly, bounds)
            yield from self.asked.grown(_RemoteChat(self, bounds.stop), asked, written, params)
        else:
            yield self.answer(HEAD, row, params, bounds.stop)

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """`work` of each, several at a time, in their order."""
        if len(items) == 1:
            return [work(items[0])]
        with ThreadPoolExecutor(self.endpoint.at_once) as pool:
            return list(pool.map(work, items))

    def write(self, turns: Sequence[Turn], most: int, stop: threading.Event) -> Prediction:
        """The likeliest answer to a conversation."""
        *_, last = self._written(turns, Plainly(max_new_tokens=most), self._bounds(most, stop))
        return last

    def _bounds(self, most: int, stop: threading.Event) -> Bounds:
        return Bounds(most, settings().generate_seconds, stop)

    def _written(self, turns: Sequence[Turn], params: BaseModel, bounds: Bounds) -> Iterator[Prediction]:
        """The text as it grows; the last value says how it ended, and how often it was tried."""
        with self._turn(bounds):
            bounds.began = time.monotonic()  # while others were asked, nothing was written
            here = (self.name, self.endpoint.url or self.endpoint.provider)
            unsent = _unsent(params)
            written, plain, tried = _Written(bounds.began, unsent), here in _PLAIN, 0
            while not bounds.over:
                try:
                    for piece in self._pieces(turns, params, bounds, plain):
                        written.add(piece)
                        yield written.prediction()
                        if bounds.over:
                            break
                    break
                except (HfHubHTTPError, httpx2.HTTPError, InferenceTimeoutError) as error:
                    if _status(error) in NO_EXTRAS and not plain:
                        plain = True
                    else:
                        self._after(error, tried, bounds)
                        tried += 1
                    written = _Written(bounds.began, unsent, tried)
                except (ValueError, ConnectionError) as error:
                    # A provider: no token, a model that is not served, no network. A server: what it says is no stream.
                    code = "endpoint_unready" if self.endpoint.provider else REFUSED
                    raise PlaygroundError(code, **self._told(error)) from None
            if plain and written.text:  # without them it worked
                _PLAIN.add(here)
            if not written.ended:
                late = "stopped" if bounds.stop.is_set() else "seconds"
                written.ended = late if bounds.over else CUT
            # One that was asked a task and ended by itself is asked again by whoever reads it.
            if not written.text and (written.ended == CUT or (written.ended in ENDED.values() and not self.asked)):
                raise PlaygroundError("endpoint_empty", endpoint=self._named())
        yield written.prediction()

    @contextmanager
    def _turn(self, bounds: Bounds) -> Iterator[None]:
        gate = _gate(self.name, self.endpoint.at_once)
        while not gate.acquire(timeout=LOOK_SECONDS):
            if bounds.stop.is_set():
                yield
                return
        try:
            yield
        finally:
            gate.release()

    def _pieces(self, turns: Sequence[Turn], params: BaseModel, bounds: Bounds, plain: bool) -> Iterator[Any]:
        """What arrives. `plain`: nothing is asked for that only some servers know."""
        knobs = params.model_dump()
        given: dict[str, Any] = {name: knobs[name] for name in ("temperature", "top_p") if name in knobs}
        given |= {"seed": knobs["seed"]} if knobs.get("seed") else {}
        with self._client(bounds) as client:
            yield from client.chat_completion(
                [dict(turn) for turn in turns], model=self.endpoint.model or None, stream=True,
                max_tokens=bounds.max_new_tokens, logprobs=None if plain else True,
                extra_body=None if plain or not self.asked else WITHOUT_THOUGHT, **given,
            )  # fmt: skip

    def _client(self, bounds: Bounds) -> InferenceClient:
        left = max(1.0, bounds.seconds - (time.monotonic() - bounds.began))
        key = self.endpoint.key.get_secret_value() or None
        if self.endpoint.url:
            return InferenceClient(base_url=self.endpoint.url, api_key=key or "-", timeout=left)
        return InferenceClient(provider=self.endpoint.provider, api_key=key, timeout=left)  # type: ignore[arg-type]

    def _named(self) -> Message | str:
        """Its name, and where it is."""
        address = endpoints.where(self.name, self.endpoint)
        return msg("endpoint.at", name=self.name, address=address) if address != self.name else f"“{self.name}”"

    def _told(self, error: Exception) -> dict[str, Any]:
        reason = endpoints.told(self.name, self.endpoint, _reason(error))
        return {"endpoint": self._named(), "reason": reason[:REASON_CHARS]}

    def _after(self, error: Exception, tried: int, bounds: Bounds) -> None:
        """Wait for the next try. Raises PlaygroundError where it would not help, or was the last."""
        response, status = getattr(error, "response", None), _status(error)
        told = self._told(error)
        if isinstance(error, RepositoryNotFoundError):  # also 401: the Hub does not tell whether there is one
            raise PlaygroundError("endpoint_missing", **told) from None
        if status in (401, 403):
            raise PlaygroundError("endpoint_key", **told) from None
        if status in (404, 405):
            raise PlaygroundError("endpoint_missing", **told) from None
        if status and status not in PASSING:
            raise PlaygroundError(REFUSED, **told) from None
        if isinstance(error, TextGenerationError) and not (status or isinstance(error, OverloadedError)):
            raise PlaygroundError("endpoint_failed", **told) from None
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2**tried * random.uniform(0.75, 1.25))
        asked = (getattr(response, "headers", None) or {}).get("retry-after", "")
        wait = min(LONGEST_WAIT, float(asked)) if asked.isdecimal() else wait
        if tried + 1 >= TRIES or bounds.over or bounds.stop.wait(wait):
            raise PlaygroundError("endpoint_silent", tries=tried + 1, **told) from None


class _RemoteChat:
    """An endpoint for one piece of work: see prompted.Chat."""

    def __init__(self, remote: Remote, stop: threading.Event) -> None:
        self.remote, self.stop = remote, stop

    def say(self, chats: Sequence[list[Turn]], most_tokens: int, again: bool = False) -> list[Said]:
        return self.remote.each(partial(self._said, most_tokens, again), chats)

    def _said(self, most_tokens: int, again: bool, turns: list[Turn]) -> Said:
        try:
            found = self.remote.write(turns, most_tokens, self.stop)
        except PlaygroundError as error:
            if not again or error.code != REFUSED:  # so servers call what is too long
                raise
            return Said("")
        text, tokens = found.output["generated_text"], found.details["alternatives"]
        return Said(text, mean_probability(tokens), found.details)

    def weigh(self, chats: Sequence[list[Turn]], options: Sequence[Sequence[str]]) -> None:
        """They tell the probabilities of what they say, not of what they might have said."""


@dataclass
class _Written:
    """What has arrived of a text."""

    began: float
    unsent: Sequence[str]
    retries: int = 0
    text: str = ""
    ended: str = ""
    pieces: int = 0
    usage: Any = None
    tokens: list[dict[str, Any]] = field(default_factory=list)

    def add(self, piece: Any) -> None:
        self.usage = getattr(piece, "usage", None) or self.usage
        for choice in (piece.choices or ())[:1]:
            self.text += choice.delta.content or ""
            self.pieces += bool(choice.delta.content)
            if choice.finish_reason:
                self.ended = ENDED.get(choice.finish_reason, CUT)
            for token in getattr(choice.logprobs, "content", None) or ():
                share = float(np.exp(token.logprob))
                self.tokens.append({"token": token.token, "probability": share, "others": []})

    def prediction(self) -> Prediction:
        seconds = time.monotonic() - self.began
        count = getattr(self.usage, "completion_tokens", 0) or self.pieces
        details: dict[str, Any] = {
            "tokens": count, "seconds": round(seconds, 3), "tokens_per_second": round(count / max(seconds, 1e-6), 1),
            "ended": self.ended, "alternatives": list(self.tokens), "retries": self.retries,
            "unsent": list(self.unsent),
        }  # fmt: skip
        return Prediction({"generated_text": self.text}, details)


def _unsent(params: BaseModel) -> list[str]:
    """The knobs that would change something and stay here."""
    knobs = params.model_dump()
    return [name for name, idle in UNSENT.items() if knobs.get(name, idle) != idle]


def _within(error: Exception) -> dict[str, Any]:
    """What a server says of an error in the middle of its stream; nothing of any other, or in another form."""
    found = error.args[0] if isinstance(error, TextGenerationError) and error.args else None
    return found if isinstance(found, dict) else {}


def _status(error: Exception) -> int:
    """Of HTTP, or what an error within a stream gives as its own; 0 where there is none."""
    status = str(getattr(getattr(error, "response", None), "status_code", _within(error).get("code")))
    return int(status) if status.isdecimal() else 0


def _turns(row: Row) -> list[Turn]:
    if not row.get("messages") and not row.get("text"):
        raise PlaygroundError("nothing_to_continue")
    return list(row.get("messages") or [{"role": USER, "content": row["text"]}])


def _reason(error: Exception) -> str:
    """What went wrong, without the request: it names no key, and its text may be long."""
    said = getattr(error, "server_message", None) or _within(error).get("message")
    text = str(said or (str(error).strip().splitlines() or [""])[0])
    return " ".join(filter(None, [str(_status(error) or ""), text or type(error).__name__]))


class EndpointHead:
    """The head of models that run elsewhere."""

    name = "endpoint"
    per_token = False
    probability_axis = None

    def open(self, resolved: Resolved) -> Trunkless:
        """An endpoint that does what the head named by `resolved` does."""
        name = resolved.id.removeprefix(endpoints.ENDPOINT)
        found = endpoints.get(name)
        head = get_head(resolved.head)
        told: Mapping[str, Any] = {"address": endpoints.where(name, found), "model": found.model or "–"}
        return Remote(
            told=msg("device.endpoint", **told), memory=msg("sharing.elsewhere"), name=name, endpoint=found,
            asked=head.asked if isinstance(head, ChatTask) else None,
        )  # fmt: skip

    def marks_of(self, loaded: Any, rows: Sequence[Row]) -> list[np.ndarray]:
        """Endpoints tell nothing of a text that they did not write."""
        raise PlaygroundError("endpoint_no_likelihood")


HEAD: Any = EndpointHead()
