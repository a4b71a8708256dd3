"""Models that run elsewhere: `transformers serve` with a tiny chat model on this machine, and a server that fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from playground.errors import PlaygroundError
from playground.heads import endpoint as head
from playground.i18n import LANGUAGES, render, translate
from playground.models import endpoints
from playground.models.resolve import resolve
from playground.services import batch, documents
from playground.services.batch import work
from playground.services.predict import chats, misfit, offered, predict, predict_rows, ready, runtime, sharing
from playground.services.streaming import changes, stream
from playground.settings import settings
from playground.tasks import TASKS, get_task
from tests.chat_server import Moody, piece, running_moody
from tests.heads import language_models
from tests.hub_server import Repository, running_hub, use_hub

KEY = "sk-only-for-the-server"
FIRST_WAIT = head.FIRST_WAIT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(address, folder of the model) of a `transformers serve`."""
    folder = language_models.save_base("qwen2", tmp_path_factory.mktemp("served"), context=2048)
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--port", str(port),
        "--device", "cpu", "--dtype", "float32",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and server.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def test_transformers_serve_answers_in_every_tab(served: tuple[str, str]) -> None:
    url, folder = served
    model = endpoints.add("tiny", url=url, model=folder)
    assert model == "endpoint/tiny" and resolve(model).kind == "endpoint"
    for task in TASKS:
        assert model in [info.id for info in offered(task.id)] and misfit(task.id, model) is None
        assert chats(task.id, model) == (task.id != "generation")
    short = {"max_new_tokens": 6}
    greedy = predict(
        "generation", {"text": "The old dog"}, model=model, params={**short, "temperature": 0}, details=True
    )
    here = predict("generation", {"text": "The old dog"}, model=folder, params={**short, "temperature": 0})
    assert greedy["output"]["generated_text"].strip() == here["generated_text"].strip() != ""
    assert greedy["details"]["tokens"] == 6 and greedy["details"]["retries"] == 0
    assert "127.0.0.1" in greedy["details"]["device"] and runtime(model).key == "device.endpoint"
    assert sharing(model).key == "sharing.elsewhere"
    grown = list(changes(stream("summarization", {"text": "The old dog ran."}, model=model, params=short)))
    assert grown[-1].output["summary_text"]
    way = {"text": "The old dog ran.", "source": "en", "target": "fr"}
    translated = predict("translation", way, model=model, params=short, details=True)
    assert translated["output"]["translation_text"] and "into French" in translated["details"]["prompt"]
    rows = [{"text": f"The old dog ran {number} times."} for number in range(6)]
    assert len(predict_rows("summarization", rows, model=model, params=short)) == 6
    answer = predict("qa", {"question": "Who ran?", "context": ""}, model=model, details=True)
    assert answer["output"]["answer"] and answer["details"]["sure"] is False
    for task_id, row in (("ner", {"text": "Ada"}), ("classification", {"text": "x", "candidate_labels": "a9,b9"})):
        with pytest.raises(PlaygroundError) as refused:
            predict(task_id, row, model=model)
        assert refused.value.code == "chat_unusable", "a random network keeps to no form"


def test_a_wrong_model_is_told(served: tuple[str, str]) -> None:
    model = endpoints.add("wrong", url=served[0] + "/nowhere", model=served[1])
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model=model)
    assert refused.value.code == "endpoint_missing" and "404" in refused.value.message.values["reason"]


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(head, "FIRST_WAIT", 0.01)
    with running_moody() as url:
        yield url


ROW = {"text": "I love it", "candidate_labels": "negative, positive"}


def test_what_may_pass_is_tried_again_and_told(moody: str) -> None:
    model = endpoints.add("moody", url=moody, model="m", key=KEY)
    Moody.plan = [503, 429]
    found = predict("generation", {"text": "Hi"}, model=model, details=True)
    assert found["output"] == {"generated_text": "positive"} and found["details"]["retries"] == 2
    assert found["details"]["alternatives"][0]["probability"] == pytest.approx(0.6065, abs=1e-3)
    assert {authorization for authorization, _ in Moody.seen} == {f"Bearer {KEY}"}
    assert all(body["model"] == "m" for _, body in Moody.seen)


@pytest.mark.parametrize(
    ("plan", "code", "tries"),
    [
        ([401], "endpoint_key", 1),
        ([404], "endpoint_missing", 1),
        ([413], "endpoint_refused", 1),
        ([500] * 9, "endpoint_silent", head.TRIES),
    ],
)
def test_what_does_not_pass_is_told_with_its_remedy(moody: str, plan: list[int], code: str, tries: int) -> None:
    model = endpoints.add("moody", url=moody, model="m", key=KEY)
    Moody.plan = list(plan)
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model=model)
    assert refused.value.code == code and len(Moody.seen) == tries
    for lang in LANGUAGES:
        said = render(refused.value.message, lang) + render(refused.value.hint, lang)
        assert "moody" in said and KEY not in said and str(plan[0]) in said


def test_knobs_that_the_api_lacks_stay_here_and_the_answer_says_so(moody: str) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    knobs = {"min_p": 0.1, "repetition_penalty": 1.2, "chat": False, "top_p": 0.5, "seed": 7}
    found = predict("generation", {"text": "Hi"}, model=model, params=knobs, details=True)
    assert found["details"]["unsent"] == ["top_k", "min_p", "repetition_penalty", "chat"]
    [(_, body)] = Moody.seen
    assert (body["top_p"], body["seed"]) == (0.5, 7) and not {*found["details"]["unsent"]} & {*body}
    found = predict("generation", {"text": "Hi"}, model=model, params={"top_k": 0}, details=True)
    assert found["details"]["unsent"] == []


class Impatient(threading.Event):
    """Remembers how long it was to be waited for, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return self.is_set()


def waits(model: str, plan: list[int]) -> list[float]:
    """How long is waited between tries that end as planned."""
    task, stop = get_task("generation"), Impatient()
    Moody.plan = list(plan)
    with ready(task, [{"text": "Hi"}], model, "local") as (rows, loaded_head, loaded):
        [found] = loaded.predict(loaded_head, rows, task.params(), stop)
    assert found.details["retries"] == len(stop.waits) == len(plan)
    return stop.waits


def test_waits_grow_and_a_server_may_say_how_long(moody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    monkeypatch.setattr(head, "FIRST_WAIT", FIRST_WAIT)
    found = waits(model, [503, 500, 408, 502])
    for number, seconds in enumerate(found):
        assert 0.75 * FIRST_WAIT * 2**number <= seconds <= 1.25 * FIRST_WAIT * 2**number
    assert found == sorted(found) and found[-1] > 4 * found[0]
    for said, expected in (("7", 7.0), ("0", 0.0), ("3600", head.LONGEST_WAIT)):
        monkeypatch.setattr(Moody, "patience", said)
        assert waits(model, [429, 429]) == [expected] * 2
    monkeypatch.setattr(Moody, "patience", "soon")
    assert 0 < waits(model, [429])[0] < 1, "what is no number is no wait"


@pytest.mark.parametrize(
    ("error", "code", "tries"),
    [
        ({"error": {"message": "too long", "code": 413}}, "endpoint_refused", 1),
        ({"error": {"message": "no such model", "code": "404"}}, "endpoint_missing", 1),
        ({"error": {"message": "worker died", "type": "InternalServerError"}}, "endpoint_failed", 1),
        ({"error": {"message": "worker died", "code": "internal"}}, "endpoint_failed", 1),
        ({"error": "bad state", "error_type": "generation"}, "endpoint_failed", 1),
        ({"error": {"message": "busy", "code": 503}}, "endpoint_silent", head.TRIES),
        ({"error": "busy", "error_type": "overloaded"}, "endpoint_silent", head.TRIES),
    ],
)  # fmt: skip
def test_an_error_within_a_stream_is_what_it_says(moody: str, error: dict[str, Any], code: str, tries: int) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.raw = [[piece("posi"), error]] * 9
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model=model)
    assert refused.value.code == code and len(Moody.seen) == tries
    message = error["error"] if isinstance(error["error"], str) else error["error"]["message"]
    for lang in LANGUAGES:
        said = refused.value.text(lang)
        assert "moody" in said and message in said and "{" not in said


@pytest.mark.parametrize(("status", "retries"), [(400, 0), (503, 1)])
def test_after_an_error_within_a_stream_the_text_begins_anew(moody: str, status: int, retries: int) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.raw = [[piece("posi"), {"error": {"message": "no", "code": status}}]]
    found = predict("generation", {"text": "Hi"}, model=model, details=True)
    assert found["output"] == {"generated_text": "positive"} and found["details"]["retries"] == retries
    assert [bool(body.get("logprobs")) for _, body in Moody.seen] == [True, status != 400]


@pytest.mark.parametrize("raw", [[], [piece("", "stop")], [piece("", "length")], [piece("", "content_filter")]])
def test_a_stream_without_text_is_no_answer(moody: str, raw: list[dict[str, Any]]) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.raw = [raw]
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model=model)
    assert refused.value.code == "endpoint_empty"
    assert all("moody" in refused.value.text(lang) for lang in LANGUAGES)


def test_a_task_is_asked_again_where_nothing_was_said_and_not_where_it_was_cut_off(moody: str) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.raw = [[piece("", "stop")]]
    assert predict("classification", ROW, model=model)[0]["label"] == "positive" and len(Moody.seen) == 2
    Moody.raw = [[]]
    with pytest.raises(PlaygroundError) as refused:
        predict("classification", ROW, model=model)
    assert refused.value.code == "endpoint_empty"


@pytest.mark.parametrize("reason", [None, "content_filter"])
def test_a_text_that_the_server_cuts_off_is_said_to_be(moody: str, reason: str | None) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.raw = [[piece("posi", reason)]]
    found = predict("generation", {"text": "Hi"}, model=model, details=True)
    assert found["output"] == {"generated_text": "posi"} and found["details"]["ended"] == "server"
    assert all(translate(lang, "ui.ended.server") for lang in LANGUAGES)


@pytest.mark.parametrize("public", [False, True])
def test_no_password_is_shown_and_to_visitors_no_address(
    moody: str, public: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Moody, "excuse", b"")  # then the client names the address
    url = moody.replace("//", "//zoe:pass-word@")
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", json.dumps({"ours": {"url": url, "model": "m"}}))
    monkeypatch.setenv("PLAYGROUND_PUBLIC", str(int(public)))
    settings.cache_clear()
    Moody.plan = [404]
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model="endpoint/ours")
    for lang in LANGUAGES:
        for said in (refused.value.text(lang), render(runtime("endpoint/ours"), lang)):
            assert "pass-word" not in said and "zoe" not in said and ("127.0.0.1" in said) is not public
    assert "“ours”" in str(refused.value) and "404" in str(refused.value)


def test_a_server_without_probabilities_is_asked_without(moody: str) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    Moody.plan = [400]
    found = predict("classification", ROW, model=model, details=True)
    assert [one["label"] for one in found["output"]] == ["positive", "negative"]
    assert [bool(body.get("logprobs")) for _, body in Moody.seen] == [True, False]
    assert found["details"]["sure"] is False and "negative, positive" in found["details"]["prompt"]


def test_many_at_once_find_out_together_that_a_server_knows_no_probabilities(moody: str) -> None:
    model = endpoints.add("plain", url=moody, model="m")
    Moody.plan = [400] * 4
    found = predict_rows("classification", [{**ROW, "text": str(number)} for number in range(4)], model=model)
    assert [one[0]["label"] for one in found] == ["positive"] * 4
    count = len(Moody.seen)
    assert predict("classification", ROW, model=model)[0]["label"] == "positive"
    assert len(Moody.seen) == count + 1, "it is known now"


@pytest.mark.parametrize(("plan", "reason"), [([401] * 99, "endpoint_key"), ([503] * 99, "endpoint_silent")])
def test_a_batch_waits_for_a_server_that_is_gone_and_goes_on(
    moody: str, home: Path, plan: list[int], reason: str
) -> None:
    model = endpoints.add("moody", url=moody, model="m")
    path = home / "rows.jsonl"
    rows = [{"text": f"row {number}", "label": "positive" if number else "negative"} for number in range(6)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    upload = batch.inspect(path, "classification", "local")
    asked = {"columns": {"text": ["text"], "label": ["label"]}, "given": {"candidate_labels": "negative, positive"}}
    begun = batch.begin(upload.id, model=model, owner="local", **asked)
    Moody.plan = list(plan)
    status = batch.work_on(begun, "local", lambda _: None)
    assert (status.state, status.done) == ("failed", 0) and status.reason
    assert status.reason["key"] == f"error.{reason}" and len(Moody.seen) <= 6 * head.TRIES
    Moody.plan = []
    status = batch.work_on(begun, "local", lambda _: None)
    assert (status.state, status.done, status.failed) == ("done", 6, 0)
    assert status.score and status.score["metrics"]["accuracy"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("rows_at_once", [1, 512])
def test_what_cannot_be_used_counts_as_wrong(
    moody: str, home: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(work, "PART_ROWS", rows_at_once)
    monkeypatch.setattr(Moody, "words", "hard to say")
    model = endpoints.add("moody", url=moody, model="m")
    path = home / "rows.jsonl"
    path.write_text(
        "\n".join(json.dumps({"text": f"row {n}", "label": "positive"}) for n in range(3)), encoding="utf-8"
    )
    upload = batch.inspect(path, "classification", "local")
    asked = {"columns": {"text": ["text"], "label": ["label"]}, "given": {"candidate_labels": "negative, positive"}}
    begun = batch.begin(upload.id, model=model, owner="local", **asked)
    status = batch.work_on(begun, "local", lambda _: None)
    assert (status.state, status.failed) == ("done", 3) and status.score
    assert status.score["rows"] == 3 and status.score["metrics"]["accuracy"] == 0
    batch.save(begun, "local", home / "out.jsonl", "jsonl", "en")
    assert all("hard to say" in line for line in (home / "out.jsonl").read_text(encoding="utf-8").splitlines())


def test_what_was_said_is_told_where_asking_again_is_refused(moody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the question and the first answer together are longer than the model reads."""
    monkeypatch.setattr(Moody, "words", "hard to say")
    model = endpoints.add("moody", url=moody, model="m")
    Moody.plan = [200, 400, 400]
    with pytest.raises(PlaygroundError) as refused:
        predict("classification", ROW, model=model)
    assert refused.value.code == "chat_unusable" and "hard to say" in str(refused.value)
    Moody.plan = [200, 200, *[400] * 4]
    assert predict_rows("classification", [ROW, ROW], model=model) == [[{"label": "", "score": 0.0}]] * 2


def test_a_text_without_an_answer_is_asked_for_twice_and_no_more(moody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moody, "words", "<think>Well")
    model = endpoints.add("moody", url=moody, model="m")
    with pytest.raises(PlaygroundError) as refused:
        list(stream("summarization", {"text": "The old dog ran."}, model=model))
    assert refused.value.code == "chat_unusable" and len(Moody.seen) == 2


def test_a_document_is_asked_too(moody: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moody, "words", "in 1804")
    model = endpoints.add("moody", url=moody, model="m")
    (home / "mill.txt").write_text("The mill on the Aa was built in 1804 by Jonas Frey.", encoding="utf-8")
    document = documents.open_file(home / "mill.txt")
    [answer] = documents.ask(document, "When?", model)
    text = documents.document_text(document)
    assert text[answer["start"] : answer["end"]] == answer["answer"] == "in 1804"
    monkeypatch.setattr(Moody, "words", "long ago")
    with pytest.raises(PlaygroundError) as refused:
        documents.ask(document, "When?", model)
    assert refused.value.code == "answer_not_in_document" and "long ago" in str(refused.value)
    assert len(Moody.seen) == 2, "once for each question"
    monkeypatch.setattr(Moody, "words", "<think>")
    with pytest.raises(PlaygroundError) as refused:
        documents.ask(document, "When?", model, top_k=1)
    assert refused.value.code == "chat_unusable" and len(Moody.seen) == 4, "asked again, as it says"


def test_nobody_there_and_stop(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "FIRST_WAIT", 0.01)
    model = endpoints.add("nobody", url=f"http://127.0.0.1:{free_port()}/v1", model="m")
    with pytest.raises(PlaygroundError) as refused:
        predict("generation", {"text": "Hi"}, model=model)
    assert refused.value.code == "endpoint_silent"


def test_rows_are_asked_several_at_a_time_within_the_limit(moody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", json.dumps({"few": {"url": moody, "model": "m", "at_once": 3}}))
    settings.cache_clear()
    rows = [{**ROW, "text": f"row {number}"} for number in range(12)]
    found = predict_rows("classification", rows, model="endpoint/few")
    assert [one[0]["label"] for one in found] == ["positive"] * 12
    assert 2 <= Moody.at_once[1] <= 3


def test_a_provider_of_the_hub_is_asked_through_its_router(
    moody: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub says what the provider calls the model; the router of the Hub, and no other, is sent the token."""
    served = {"together": {"status": "live", "providerId": "small-one", "task": "conversational"}}
    with running_hub({"org/chat": Repository(home, {"inferenceProviderMapping": served})}) as hub:
        use_hub(monkeypatch, hub, home / "cache")
        monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", moody.removesuffix("/v1") + "/{provider}")
        model = endpoints.add("ours", url="", provider="together", model="org/chat", key="hf_token")
        assert predict("classification", ROW, model=model)[0]["label"] == "positive"
        assert {(authorization, body["model"]) for authorization, body in Moody.seen} == {
            ("Bearer hf_token", "small-one")
        }
        for provider, key, why in (("novita", "hf_token", "not supported"), ("together", "", "api_key")):
            monkeypatch.delenv("HF_TOKEN", raising=False)
            monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "none"))
            unready = endpoints.add("other", url="", provider=provider, model="org/chat", key=key)
            with pytest.raises(PlaygroundError) as refused:
                predict("classification", ROW, model=unready)
            assert refused.value.code == "endpoint_unready" and why in str(refused.value)
        typed = endpoints.add("typed", url="", provider="together", model="org/caht", key="hf_token")
        with pytest.raises(PlaygroundError) as refused:
            predict("classification", ROW, model=typed)
        assert refused.value.code == "endpoint_missing", "not the key"
        assert "openai" not in endpoints.providers()
