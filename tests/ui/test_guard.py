"""What the guard says in place of Gradio."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import gradio as gr
import pytest

from playground.errors import PlaygroundError
from playground.ui.server import launch_options
from tests.ui.server import answer, free_port, wait_for


@pytest.fixture
def crowded() -> Iterator[str]:
    """The address of a page whose only worker is at work, and where one more request may wait."""
    done = threading.Event()

    def wait(text: str) -> str:
        done.wait(60)
        return text

    with gr.Blocks() as blocks:
        gr.Interface(wait, "text", "text", api_name="wait")
    blocks.queue(default_concurrency_limit=1, max_size=1)
    port = free_port()
    blocks.launch(server_name="127.0.0.1", server_port=port, **launch_options("en"))
    yield f"http://127.0.0.1:{port}"
    done.set()
    blocks.close()


@pytest.mark.parametrize(("accepts", "lang"), [("zh-CN,zh;q=0.9", "zh"), ("en", "en")])
def test_a_full_queue_is_said_in_the_readers_language(crowded: str, accepts: str, lang: str) -> None:
    def send() -> tuple[int, str]:
        headers = {"Content-Type": "application/json", "Accept-Language": accepts}
        status, _, body = answer(f"{crowded}/gradio_api/call/wait", data=b'{"data": ["x"]}', headers=headers)
        return status, body

    status, body = wait_for(lambda: (said := send())[0] != 200 and said, 30, "a full queue")
    assert status == 503
    assert json.loads(body) == {"detail": PlaygroundError("queue_full").text(lang)}
