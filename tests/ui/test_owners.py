"""A server that other machines reach: whose is what, and what visitors may not do."""

from __future__ import annotations

import inspect
import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from httpx import Response
from playwright.sync_api import Browser
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.models.resolve import STARTERS_DIR
from playground.runs import GUEST, LOCAL, RunSpec, RunStatus, create_run
from playground.services import limits
from playground.settings import settings
from playground.tasks import TASKS
from playground.ui import api
from playground.ui.guard import UPLOAD_PATH
from playground.ui.owners import COOKIE, HEADER, OwnerMiddleware, owner_of
from playground.ui.wrapper import Visitor, guarded
from tests.ui.server import Public, Server, answer

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    running = Public(tmp_path_factory.mktemp("public"), {"PLAYGROUND_HOSTS": "lab.example"})
    running.start()
    yield running
    running.stop()
    running.end_runs()


def ask(server: Server, name: str, token: str = "", headers: dict[str, str] | None = None, **values: Any) -> str:
    """What an endpoint says, as the text of its stream's last event."""
    sent = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    status, _, body = answer(f"{server.url}/gradio_api/call/v2/{name}", data=json.dumps(values).encode(), headers=sent)
    if status != 200:
        return body
    return answer(f"{server.url}/gradio_api/call/{name}/{json.loads(body)['event_id']}", headers=sent)[2]


@pytest.fixture(scope="module")
def mine(public: Public) -> tuple[str, str]:
    """(a visitor's token, the id of a fine-tune of hers that left a model)."""
    token = secrets.token_hex(16)
    spec = RunSpec(task="classification", data="secret-diary.csv", base="scratch/mlp", owner=owner_of(token))
    run = create_run(public.home / "runs", spec)
    shutil.copytree(STARTERS_DIR / "sentiment-en", run.model_dir)
    run.write_status(RunStatus(state="done"))
    return token, run.id


def test_it_prints_an_address_that_opens_and_that_it_is_public(public: Public) -> None:
    assert "0.0.0.0" not in public.printed()
    assert f":{public.port}" in public.printed()


def test_a_new_browser_gets_a_token_once(public: Public) -> None:
    _, headers, _ = answer(public.url + "/en")
    cookies = headers["set-cookie"]
    status, headers, _ = answer(public.url + "/en", headers={"Cookie": f"{COOKIE}={secrets.token_hex(16)}"})
    assert status == 200 and COOKIE not in headers.get("set-cookie", "")
    assert "HttpOnly" in cookies and "SameSite=Lax" in cookies


def test_what_is_mine_is_nobody_elses(public: Public, mine: tuple[str, str]) -> None:
    token, run = mine
    assert run in ask(public, "runs", token) and "secret-diary" in ask(public, "run", token, run=run)
    assert '"label"' in ask(public, "classification", token, model=f"run/{run}", text="What a lovely day!")
    stranger = secrets.token_hex(16)
    unknown = PlaygroundError("unknown_run", run=run).text("en").splitlines()[0]
    spoofed = {HEADER: owner_of(token)}
    for who, headers in ((stranger, {}), ("", spoofed), (owner_of(token), {})):
        assert run not in ask(public, "runs", who, headers)
        for name, values in calls(run).items():
            said = ask(public, name, who, headers, **values)
            assert "event: error" in said, (name, said)
            assert "secret-diary" not in said, (name, said)
            if "data" not in values:  # else the file is refused before anything else is looked at
                assert unknown in json.loads(said.split("data: ", 1)[1])["error"], (name, said)
    assert not (public.home / "runs" / run / "control/stop").exists()


def calls(run: str) -> dict[str, dict[str, Any]]:
    """Every endpoint that takes a run or a model, asked for that run."""
    found: dict[str, dict[str, Any]] = {}
    for name, names in json.loads((Path(__file__).parent / "endpoints.json").read_text()).items():
        values = {"run": run} if "run" in names else {"model": f"run/{run}"} if "model" in names else {}
        given: dict[str, Any] = {
            "text": "x",
            "question": "x",
            "context": "x",
            "source": "en",
            "target": "zh",
            "query": "x",
        }
        given["data"] = {"path": "x.csv", "meta": {"_type": "gradio.FileData"}}
        if values:
            found[name.strip("/")] = {**values, **{key: given[key] for key in given if key in names}}
    assert {"run", "stop", "resume", "classification", "generation"} <= set(found)
    return found


def test_a_guest_asks_and_keeps_nothing(public: Public, tmp_path: Path) -> None:
    assert '"label"' in ask(public, "classification", text="What a lovely day!")
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "good,yes\nbad,no\n" * 20)
    guest = Client(public.url, verbose=False)
    with pytest.raises(Exception, match=translate("en", "error.token_needed")):
        guest.predict(data=handle_file(rows), api_name="/finetune")
    assert not (public.home / "uploads" / GUEST).exists()


def test_a_file_that_was_not_uploaded_is_refused_with_a_reason(public: Public) -> None:
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for name, values in {"classification": {"text": file}, "find_passages": {"data": file, "query": "x"}}.items():
        said = ask(public, name, secrets.token_hex(16), **values)
        assert PlaygroundError("no_upload").text("en") in json.loads(said.split("data: ", 1)[1])["error"], said


def test_an_upload_is_counted_before_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of one visitor all uploads of a day; guests together have as much as one visitor."""
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_OWNER_MB", "1")
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    settings().uploads_dir.mkdir(parents=True)
    taken: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        taken.append(Headers(scope=scope)[HEADER])
        await PlainTextResponse("taken")(scope, receive, send)

    def upload(who: str, megabytes: float) -> Response:
        headers = {"authorization": f"Bearer {who}", "accept-language": "zh"} if who else {}
        return client.post(UPLOAD_PATH, content=b"x" * int(megabytes * 2**20), headers=headers)

    client = TestClient(OwnerMiddleware(app, apart=True))
    one, other = secrets.token_hex(16), secrets.token_hex(16)
    assert [upload(who, 0.6).status_code for who in (one, one, other, "", "")] == [200, 429, 200, 200, 429]
    assert upload(one, 0.6).text == PlaygroundError("uploads_full", mb=1, most=1).text("zh")
    assert taken == [owner_of(one), owner_of(other), GUEST]
    monkeypatch.setattr("playground.settings.LEFT_FREE", 2**60)
    assert upload(secrets.token_hex(16), 0.1).text == PlaygroundError("no_room").text("zh")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("lab.example", 200), ("LAB.example:80", 200), ("192.168.0.7:7860", 200), ("[fe80::1]", 200),
        ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("lab.example.evil.example", 403), ("[::", 403),
    ],
)  # fmt: skip
def test_it_answers_to_addresses_and_to_names_it_knows(public: Public, host: str, status: int) -> None:
    assert answer(public.url + "/en", headers={"Host": host})[0] == status


def test_another_site_cannot_act_for_a_visitor(public: Public, mine: tuple[str, str]) -> None:
    token, run = mine
    cookie = {**JSON, "Cookie": f"{COOKIE}={token}"}
    url, body = f"{public.url}/gradio_api/call/v2/stop", json.dumps({"run": run}).encode()
    for hostile in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert answer(url, data=body, headers={**cookie, **hostile})[0] == 403
    assert not (public.home / "runs" / run / "control/stop").exists()


@pytest.mark.parametrize("model", ["/etc", "./playground", "someone/anything", "someone/anything@main"])
def test_visitors_choose_neither_folders_nor_downloads(public: Public, model: str) -> None:
    said = ask(public, "classification", secrets.token_hex(16), text="x", model=model)
    assert translate("en", "error.model_not_offered", model=model) in json.loads(said.split("data: ", 1)[1])["error"]


def test_one_visitor_has_so_many_calls_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_OWNER_CALLS", "1")
    settings.cache_clear()
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with limits.turn("v-1"):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    with pytest.raises(PlaygroundError) as refused, limits.turn("v-1"):
        raise AssertionError("a second call was let in")
    assert refused.value.code == "busy_with_yours"
    with limits.turn("v-2"):
        pass
    done.set()
    thread.join()
    with limits.turn("v-1"):
        pass


def test_one_visitor_keeps_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOME": str(tmp_path), "PUBLIC": "1", "OWNER_MB": "1", "OWNER_RUNS": "1"}.items():
        monkeypatch.setenv(f"PLAYGROUND_{name}", value)
    settings.cache_clear()
    with limits.starting("v-1"):
        pass
    with pytest.raises(PlaygroundError) as refused, limits.starting("v-1", more=2):
        raise AssertionError("two at once were let in")
    assert refused.value.code == "runs_unfinished"
    dry = create_run(tmp_path / "dry", RunSpec(task="qa", data="x.json", base="a/b", owner="v-1"))
    with pytest.raises(PlaygroundError) as refused, limits.starting("v-1"):
        raise AssertionError("one beside a dry run was let in")
    assert refused.value.code == "runs_unfinished"
    shutil.rmtree(dry.dir)
    run = create_run(tmp_path / "runs", RunSpec(task="qa", data="x.json", base="a/b", owner="v-1"))
    with pytest.raises(PlaygroundError) as refused, limits.starting("v-1"):
        raise AssertionError("a second one was let in")
    assert refused.value.code == "runs_unfinished"
    with limits.starting("v-2"):
        pass
    (run.dir / "big").write_bytes(b"0" * (2 * 2**20))
    with pytest.raises(PlaygroundError) as refused:
        limits.check_keeps("v-1")
    assert refused.value.code == "owner_full"


def test_the_page_shows_the_token_that_is_the_cookies(public: Public, browser: Browser) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(public.url + "/en")
    page.get_by_text(translate("en", "ui.token.title")).first.click()
    page.get_by_role("button", name=translate("en", "ui.token.show")).click()
    shown = page.locator("#visitor-token textarea, #visitor-token input")
    shown.wait_for()
    [cookie] = [one for one in context.cookies() if one.get("name") == COOKIE]
    assert shown.input_value() == cookie.get("value") and cookie.get("httpOnly")
    context.close()


def test_every_handler_of_the_api_takes_the_visitor() -> None:
    names = [name.strip("/") for name in json.loads((Path(__file__).parent / "endpoints.json").read_text())]
    handlers = {task.id: api.prediction(task) for task in TASKS}
    for name in names:
        handler = handlers.get(name) or getattr(api, name)
        assert next(iter(inspect.signature(handler).parameters)) == "visitor", name


def test_a_request_that_nobody_looked_at_is_a_guests_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(visitor: Visitor) -> str:
        return visitor.owner

    assert guarded(handler)(None) == LOCAL
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    assert guarded(handler)(None) == GUEST
