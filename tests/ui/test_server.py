"""What app.py prints and refuses, and what the guards let through."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file

from playground.i18n import translate
from playground.services.predict import predict
from playground.services.uploads import KEEP_SECONDS
from playground.tasks import TASKS
from playground.tasks.spec import Task
from tests.ui.server import ROOT, Server, addresses, answer, app, wait_for

ENDPOINTS = json.loads((Path(__file__).parent / "endpoints.json").read_text(encoding="utf-8"))


def test_one_address_is_printed_and_opens(server: Server) -> None:
    assert addresses(server.printed()) == [server.url]
    assert answer(server.url + "/en")[0] == 200


@pytest.mark.parametrize(("lang", "other"), [("en", "zh"), ("zh", "en")])
def test_help_and_refusals_are_in_the_readers_language(lang: str, other: str) -> None:
    """The terminal's language, or what --lang says; the help names every option in it."""
    locale = {"en": "en_US.UTF-8", "zh": "zh_CN.UTF-8"}
    for words, terminal in (((), lang), (("--lang", lang), other)):
        environment = {**os.environ, "LC_ALL": locale[terminal], "COLUMNS": "200", "PYTHONUTF8": "1"}
        shown = partial(
            subprocess.run, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
        )  # fmt: skip
        helped = shown([sys.executable, "app.py", *words, "--help"])
        assert helped.returncode == 0
        assert helped.stdout.startswith(translate(lang, "cli.usage"))
        for key in ("app.about", "cli.options", "cli.help.help", "app.help.host", "app.help.port", "app.help.lang"):
            assert translate(lang, key).split("%(")[0] in helped.stdout
            assert translate(other, key).split("%(")[0] not in helped.stdout
        refused = shown([sys.executable, "app.py", *words, "--prot", "1"])
        assert (refused.returncode, refused.stdout) == (1, "")
        reason = translate(lang, "cli.wrong.unknown", words="--prot 1")
        assert translate(lang, "error.bad_usage", reason=reason) in refused.stderr


def test_a_taken_port_moves_to_the_next_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = app(tmp_path, "--port", str(port), "--lang", "zh")
        try:
            said = wait_for(
                lambda: (text := (tmp_path / "server.log").read_text()).count("\n") >= 2 and text, 120, "address"
            )
            assert translate("zh", "app.port_taken", port=port) in said
            (url,) = addresses(said.replace("（", " "))
            assert int(url.rsplit(":", 1)[1]) > port
            # --lang decides for a browser that has no cookie, whatever language it asks for.
            status, headers, _ = answer(url, headers={"Accept-Language": "en"})
            assert (status, headers["location"]) == (307, "./zh")
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.slow
def test_files_sent_to_a_server_that_was_killed_are_swept(tmp_path: Path) -> None:
    own = Server(tmp_path / "home")
    own.start()
    sent = b'--X\r\nContent-Disposition: form-data; name="files"; filename="films.csv"\r\n\r\ntext,label\r\n--X--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=X"}
    assert answer(f"{own.url}/gradio_api/upload", data=sent, headers=form)[0] == 200
    own.kill()
    uploads = own.home / "uploads"
    left = list(uploads.rglob("films.csv"))
    assert left
    half = left[0].parent.parent / "half-a-file"
    half.write_text("text,la", encoding="utf-8")
    kept = uploads / "web" / "sent-just-now" / "other.csv"
    kept.parent.mkdir()
    kept.write_text("text,label", encoding="utf-8")
    yesterday = time.time() - KEEP_SECONDS - 60
    for path in (*uploads.glob("*/*"), *left):
        if path != kept.parent:
            os.utime(path, (yesterday, yesterday))
    own.start()
    try:
        assert [path for path in uploads.rglob("*") if path.is_file()] == [kept]
    finally:
        own.stop()


def test_the_server_decides_the_language(server: Server) -> None:
    def location(path: str, **headers: str) -> str:
        status, found, _ = answer(
            server.url + path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        assert status == 307
        return found["location"]

    assert location("/") == "./en"
    assert location("/", Accept_Language="zh-CN,zh;q=0.9") == "./zh"
    assert location("/", Accept_Language="zh-CN", Cookie="playground_lang=en") == "./en"
    assert location("/?lang=zh&run=x", Cookie="playground_lang=en") == "./zh?run=x"
    assert location("/en?lang=zh") == "./zh"
    assert location("/?lang=xx", Accept_Language="fr") == "./en"
    assert "playground_lang=zh" in answer(server.url + "/zh")[1]["set-cookie"]


def test_a_page_is_made_once_for_each_address(server: Server) -> None:
    """Kept and compressed; behind a proxy it names the proxy's address, and a deep link is another page."""

    def got(path: str = "/zh", **headers: str) -> httpx.Response:
        return httpx.get(server.url + path, headers={"accept-encoding": "gzip", **headers})

    first, again = got(), got()
    assert first.text == again.text and again.headers["content-encoding"] == "gzip"
    assert again.num_bytes_downloaded < 200_000 < len(again.content)
    assert got(**{"accept-encoding": "identity"}).text == first.text
    assert again.elapsed.total_seconds() < 0.1, "it is not made again"
    assert server.url in again.text
    proxied = got(**{"x-forwarded-host": "play.example", "x-forwarded-proto": "https"})
    assert '"root":"https://play.example' in proxied.text and server.url not in proxied.text
    assert got("/en").text != first.text and got("/zh?deep_link=none").status_code == 200
    assert 'lang="zh-CN"' in again.text and again.headers["content-language"] == "zh-CN"


def test_a_foreign_host_is_refused(server: Server) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""):
        status, _, body = answer(server.url + "/en", headers={"Host": host})
        assert status in (400, 403), host
        assert "gradio" not in body
    assert answer(server.url + "/en", headers={"Host": f"localhost:{server.port}"})[0] == 200


def test_a_cross_site_post_is_refused(server: Server) -> None:
    url, body = server.url + "/gradio_api/call/v2/models", b'{"task": "classification"}'
    json_type = {"Content-Type": "application/json"}
    assert answer(url, data=body, headers=json_type)[0] == 200
    assert (
        answer(url, data=body, headers={**json_type, "Origin": server.url, "Sec-Fetch-Site": "same-origin"})[0] == 200
    )
    for hostile in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://127.0.0.1:{server.port + 1}"},
        {"Origin": "null"},
    ):
        assert answer(url, data=body, headers={**json_type, **hostile})[0] == 403, hostile


def test_paths_that_nobody_needs_are_shut(server: Server) -> None:
    for path in (
        "/monitoring", "/monitoring/summary", "/gradio_api/deep_link?session_hash=x", "/gradio_api/runs", "/docs",
        "/openapi.json", "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/vibe-code", "/gradio_api/mcp/sse",
        "/gradio_api/dev/reload",
    ):  # fmt: skip
        assert answer(server.url + path)[0] == 404, path
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=app.py",
        "/assets/../../../../app.py",
        "/static/..%2f..%2fapp.py",
    ):
        status, _, body = answer(server.url + path)
        assert status in (403, 404), path
        assert "argparse" not in body, path
        assert "root:" not in body, path


def test_no_endpoint_is_asked_past_the_queue(server: Server) -> None:
    for path in ("run", "api"):
        body = json.dumps({"data": ["A fine dinner.", "starter/sentiment-en"], "session_hash": "x"}).encode()
        status, _, said = answer(
            f"{server.url}/gradio_api/{path}/classification", data=body, headers={"Content-Type": "application/json"}
        )
        assert status == 404 and "positive" not in said, said


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    # The length alone decides: the server does not wait for the body.
    headers = {"Content-Type": "application/json", "Content-Length": str(5 * 2**20)}
    status, _, said = answer(server.url + "/gradio_api/call/v2/classification", data=b"{}", headers=headers)
    assert status == 413
    assert translate("en", "error.body_too_large", limit_mb=4) in said


def test_the_public_endpoints_are_the_committed_ones(server: Server) -> None:
    info = json.loads(answer(server.url + "/gradio_api/info")[2])
    found = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in info["named_endpoints"].items()
    }
    assert found == ENDPOINTS
    assert info["unnamed_endpoints"] == {}
    config = json.loads(answer(server.url + "/config")[2])
    public = [
        event["api_name"]
        for event in config["dependencies"]
        if event["api_visibility"] == "public" and event["backend_fn"]
    ]
    assert sorted(f"/{name}" for name in public) == sorted(ENDPOINTS)


def test_a_client_calls_the_endpoints(server: Server) -> None:
    client = Client(server.url, verbose=False)
    assert {"id": "starter/sentiment-en", "title": "sentiment-en", "kind": "starter"} in client.predict(
        api_name="/models"
    )
    scores = client.predict(text="What a lovely surprise, thank you!", api_name="/classification")
    assert [set(entry) for entry in scores] == [{"label", "score"}] * len(scores)
    assert scores == sorted(scores, key=lambda entry: -entry["score"])
    assert len(client.predict(text="Good.", top_k=1, api_name="/classification")) == 1
    detailed = client.predict(text="What a lovely surprise, thank you!", details=True, api_name="/classification")
    assert detailed["details"]["model"] == "starter/sentiment-en"


@pytest.mark.slow
def test_a_client_trains_a_model_asks_it_and_scores_it(server: Server) -> None:
    """All of a fine-tune over HTTP, as code does it."""
    client = Client(server.url, verbose=False)
    data = handle_file(ROOT / "examples/datasets/classification/support-tickets.csv")
    begun = client.predict(data=data, method="linear_probe", api_name="/finetune")
    run = begun["run"]
    assert begun == {"run": run, "model": f"run/{run}", "state": "queued"}

    def told(run: str) -> dict[str, Any]:
        return client.predict(run=run, api_name="/run")

    wait_for(lambda: told(run)["state"] == "done", 120, "its end")
    assert told(run)["usable"] and told(run)["name"] == "support-tickets.csv" and told(run)["report"]["verified"]
    assert run in [one["run"] for one in client.predict(api_name="/runs")]
    scores = client.predict(text="I was charged twice.", model=begun["model"], api_name="/classification")
    assert scores[0]["label"] == "billing"
    card = client.predict(model=begun["model"], data=data, api_name="/evaluate")
    assert card["task"] == "classification" and card["rows"] == 201 and card["metrics"]["accuracy"] > 0.8
    other = client.predict(data=data, api_name="/finetune")["run"]
    client.predict(run=other, api_name="/stop")
    wait_for(lambda: told(other)["state"] == "stopped", 120, "the stop")
    assert client.predict(run=other, api_name="/resume")["run"] == other
    client.predict(run=other, api_name="/stop")
    wait_for(lambda: told(other)["state"] == "stopped", 120, "the second stop")


def test_a_client_sends_a_whole_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("said,label\nI like it,positive\nI hate it,negative\n,negative\n")
    client, data = Client(server.url, verbose=False), handle_file(tmp_path / "rows.csv")
    columns = {"text": ["said"], "label": ["label"]}
    job = client.submit(data=data, columns=columns, ending="jsonl", api_name="/predict_file")
    found = job.result(timeout=120)
    assert [found[name] for name in ("state", "rows", "done", "failed")] == ["done", 3, 3, 1]
    assert found["metrics"]["accuracy"] == 1.0 and all("file" not in earlier for earlier in job.outputs()[:-1])
    rows = [json.loads(line) for line in Path(found["file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["predicted_label"] for row in rows[:2]] == ["positive", "negative"] and rows[2]["prediction_error"]
    with pytest.raises(Exception, match="pdf"):
        client.predict(data=data, ending="pdf", api_name="/predict_file")
    with pytest.raises(Exception, match="no starter"):
        client.predict(data=data, model="starter/none", api_name="/predict_file")
    with pytest.raises(Exception, match=r"columns\.text"):
        client.predict(data=data, columns={"text": 5}, api_name="/predict_file")


def test_a_client_that_hangs_up_stops_its_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("text\n" + "".join(f"a day of {n} hours\n" for n in range(20_000)))
    client = Client(server.url, verbose=False)
    job = client.submit(data=handle_file(tmp_path / "many.csv"), api_name="/predict_file")
    wait_for(lambda: job.outputs() and job.outputs()[-1]["done"], 60, "its first rows")
    job.cancel()
    status = server.home / "batches" / job.outputs()[-1]["batch"] / "status.json"
    wait_for(lambda: json.loads(status.read_text())["state"] == "stopped", 30, "the stop")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_every_task_answers_over_http_as_its_service_does(server: Server, task: Task) -> None:
    line = (ROOT / f"examples/{task.id}.jsonl").read_text(encoding="utf-8").splitlines()[0]
    given = json.loads(line)
    row = {field.name: given[field.name] for field in task.inputs if field.name in given}
    fixed = {"seed": 1, "max_new_tokens": 12} if "seed" in task.params.model_fields else {}
    expected = predict(task.id, row, params=fixed)
    called = Client(server.url, verbose=False).predict(**row, **fixed, api_name=f"/{task.id}")
    # The server has one thread, and other threads add in another order.
    assert json.loads(json.dumps(called), parse_float=shorter) == json.loads(json.dumps(expected), parse_float=shorter)


def shorter(number: str) -> float:
    return round(float(number), 4)


def test_a_client_is_told_what_is_wrong(server: Server) -> None:
    client = Client(server.url, verbose=False)
    for arguments, code, values in (
        ({"text": ""}, "field_empty", {"field": "text"}),
        ({"text": "x" * 20_001}, "field_too_long", {"field": "text", "chars": 20_001, "max_chars": 20_000}),
        ({"text": "x", "model": "starter/none"}, None, {}),
        ({"text": "x", "top_k": 0}, None, {}),
        ({"text": "x", "top_k": "many"}, None, {}),
    ):
        said = _refusal(lambda arguments=arguments: client.predict(**arguments, api_name="/classification"))
        if code:
            assert translate("en", f"error.{code}", **values) in said
        assert "Traceback" not in said, said
        assert "sorry" not in said.lower(), said
    hostile = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for api_name in ("/finetune", "/evaluate"):
        model = {"model": "starter/sentiment-en"} if api_name == "/evaluate" else {}
        status, _, body = answer(
            f"{server.url}/gradio_api/call/v2{api_name}",
            data=json.dumps({"data": hostile, **model}).encode(),
            headers={"Content-Type": "application/json"},
        )
        said = (
            body
            if status != 200
            else answer(f"{server.url}/gradio_api/call{api_name}/{json.loads(body)['event_id']}")[2]
        )
        assert "root:" not in said, said
        assert "error" in said, said


def _refusal(call: object) -> str:
    try:
        call()  # type: ignore[operator]
    except Exception as error:
        return str(error)
    raise AssertionError("the call was not refused")
