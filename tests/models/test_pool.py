from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.errors import PlaygroundError
from playground.heads.loading import load_trunk
from playground.models.files import building
from playground.models.pool import Pool
from playground.models.resolve import resolve
from playground.models.trunk import BASE, Trunk
from playground.settings import settings

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def load() -> Trunk:
    return load_trunk(resolve(MINILM))


def embed(trunk: Trunk) -> float:
    features = [{"input_ids": [101, 2023, 102], "attention_mask": [1, 1, 1]}]
    return trunk.run(features, BASE, lambda output, inputs: output.last_hidden_state[:, 0])[0][0].item()


def test_the_least_recently_used_trunk_goes_first() -> None:
    size = load().bytes
    pool = Pool(max_bytes=int(2.5 * size))
    for key in ("a", "b", "a", "c"):
        with pool.lease(key, load):
            pass
    assert pool.keys() == ["a", "c"]


def test_a_trunk_in_use_stays_though_memory_is_short() -> None:
    pool = Pool(max_bytes=1)
    with pool.lease("a", load) as first:
        before = embed(first)
        with pool.lease("b", load):
            assert embed(first) == pytest.approx(before)
            assert set(pool.keys()) == {"a", "b"}


def test_room_is_made_before_the_load() -> None:
    size = load().bytes
    pool = Pool(max_bytes=int(1.5 * size))
    with pool.lease("a", load, size):
        pass
    there: list[list[str]] = []

    def look_and_load() -> Trunk:
        there.append(pool.keys())
        return load()

    with pool.lease("b", look_and_load, size):
        pass
    assert there == [[]] and pool.keys() == ["b"]


def test_what_was_used_at_once_and_does_not_fit_goes_when_it_is_free() -> None:
    size = load().bytes
    pool = Pool(max_bytes=int(1.5 * size))
    with pool.lease("a", load, size), pool.lease("b", load, size):
        assert pool.keys() == ["a", "b"], "in use"
    assert pool.keys() == ["a"]
    alone = Pool(max_bytes=size // 2)
    with alone.lease("a", load, size):
        pass
    assert alone.keys() == ["a"], "the one that was used last is not loaded anew for the next call"


def test_one_load_at_a_time_per_model() -> None:
    loads: list[float] = []
    pool = Pool(max_bytes=2**40)

    def slow_load() -> Trunk:
        loads.append(time.monotonic())
        time.sleep(0.3)
        return load()

    def use(_: int) -> int:
        with pool.lease("a", slow_load) as trunk:
            return id(trunk)

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(use, range(6)))) == 1
    assert len(loads) == 1


def test_a_failed_load_is_told_and_leaves_the_others_serving() -> None:
    pool = Pool(max_bytes=2**40)

    def fail() -> Trunk:
        raise OSError("no such disk")

    with pool.lease("good", load) as good:
        with pytest.raises(OSError, match="no such disk"), pool.lease("bad", fail):
            pass
        assert embed(good) == embed(good)
    assert pool.keys() == ["good"] and pool.state("bad") == "absent"


def test_a_load_without_end_is_given_up_and_the_same_one_awaited_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_LOAD_SECONDS", "1")
    settings.cache_clear()
    ready, other = load(), load()
    pool, gate, loads = Pool(max_bytes=ready.bytes // 2), threading.Event(), []

    def endless() -> Trunk:
        loads.append(1)
        with building():
            gate.wait(60)
        return ready

    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(PlaygroundError) as refusal, pool.lease("slow", endless):
            pass
        assert refusal.value.code == "model_load_slow" and time.monotonic() - began < 5
        assert pool.state("slow") == "loading"
    # Nobody else waits for it without end, either, and what is loaded goes on answering.
    with pytest.raises(PlaygroundError) as behind, building():
        pass
    assert behind.value.code == "model_load_slow"
    with pool.lease("other", lambda: other):
        embed(other)
    gate.set()
    while pool.state("slow") == "loading" or pool.keys() != ["slow"]:  # what nobody waited for counts, too
        time.sleep(0.01)
    with pool.lease("slow", endless) as trunk:
        embed(trunk)
    assert loads == [1]


def test_a_load_that_fails_once_nobody_waits_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_LOAD_SECONDS", "1")
    settings.cache_clear()
    pool, gate = Pool(max_bytes=2**40), threading.Event()

    def fail() -> Trunk:
        gate.wait(60)
        raise OSError("no such disk")

    with pytest.raises(PlaygroundError), pool.lease("bad", fail):
        pass
    gate.set()
    while pool.state("bad") == "loading":
        time.sleep(0.01)
    assert pool.state("bad") == "absent"


def test_state_tells_loading_from_ready() -> None:
    pool, gate = Pool(max_bytes=2**40), threading.Event()

    def wait_and_load() -> Trunk:
        gate.wait(30)
        return load()

    def use() -> None:
        with pool.lease("a", wait_and_load):
            pass

    thread = threading.Thread(target=use)
    assert pool.state("a") == "absent"
    thread.start()
    while pool.state("a") == "absent":
        time.sleep(0.01)
    assert pool.state("a") == "loading"
    gate.set()
    thread.join()
    assert pool.state("a") == "ready"
