"""Whatever happens in a handler, its caller is told in words."""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
from collections.abc import Iterator

import gradio as gr
import pytest

from playground.errors import PlaygroundError
from playground.i18n import translate
from playground.runs import LOCAL
from playground.ui.api import prediction
from playground.ui.page import build
from playground.ui.wrapper import Visitor, guarded


class Panic(BaseException):
    """What a Rust extension raises when it panics: no Exception."""


@pytest.mark.parametrize("failure", [ValueError("secret path"), SystemExit(3), Panic("secret path"), RecursionError()])
def test_any_failure_becomes_an_apology_with_an_id_that_is_in_the_log(
    failure: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(visitor: Visitor, text: str) -> str:
        raise failure

    with caplog.at_level(logging.ERROR, "playground"), pytest.raises(gr.Error) as caught:
        guarded(handler, "zh")(None, "x")
    (record,) = caplog.records
    number = record.args[0]  # type: ignore[index]
    assert caught.value.message == translate("zh", "ui.error.sorry", id=number)
    assert record.exc_info[1] is failure  # type: ignore[index]
    assert "secret" not in caught.value.message


def test_a_full_disk_is_said_with_what_to_do() -> None:
    def handler(visitor: Visitor) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    with pytest.raises(gr.Error) as caught:
        guarded(handler, "zh")(None)
    assert caught.value.message == PlaygroundError("no_room").text("zh")


@pytest.mark.parametrize("ending", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_what_ends_a_call_from_outside_goes_through(ending: type[BaseException]) -> None:
    def handler(visitor: Visitor) -> None:
        raise ending

    with pytest.raises(ending):
        guarded(handler, "en")(None)


def test_an_error_is_told_with_its_remedy_and_escaped_on_pages_alone() -> None:
    def handler(visitor: Visitor) -> None:
        raise PlaygroundError("unknown_run", run="<b>")

    with pytest.raises(gr.Error, match="&lt;b&gt;"):
        guarded(handler, "en")(None)
    with pytest.raises(gr.Error) as caught:
        guarded(handler)(None)
    assert caught.value.message == PlaygroundError("unknown_run", run="<b>").text("en")


def test_lines_of_an_error_are_lines_of_the_page() -> None:
    def handler(visitor: Visitor) -> None:
        raise PlaygroundError("unknown_run", run="a\nb")

    with pytest.raises(gr.Error, match="a<br>b"):
        guarded(handler, "en")(None)


def test_a_generator_tells_its_failures_too_and_ends_when_it_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    ended = []

    def handler(visitor: Visitor, failure: BaseException | None) -> Iterator[str]:
        try:
            yield visitor.lang
            if failure:
                raise failure
            yield "never"
        finally:
            ended.append(visitor.owner)

    wrapped = guarded(handler, "zh")
    assert inspect.isgeneratorfunction(wrapped)
    working = wrapped(None, PlaygroundError("unknown_run", run="<b>"))
    assert next(working) == "zh"
    with pytest.raises(gr.Error, match="&lt;b&gt;"):
        next(working)
    with caplog.at_level(logging.ERROR, "playground"), pytest.raises(gr.Error):
        list(wrapped(None, Panic("secret path")))
    working = wrapped(None, None)
    next(working)
    working.close()
    assert ended == [LOCAL] * 3


def test_the_handler_gets_the_owner_and_keeps_its_arguments() -> None:
    def handler(visitor: Visitor, text: str, count: int = 2) -> str:
        """Doc."""
        return f"{visitor.owner} {visitor.lang} {text} {count}"

    wrapped = guarded(handler, "zh")
    assert wrapped(None, "a", 3) == f"{LOCAL} zh a 3"
    arguments = inspect.signature(wrapped).parameters
    assert list(arguments) == ["request", "text", "count"]
    assert (arguments["text"].annotation, arguments["count"].default) == (str, 2)


def test_an_endpoint_is_read_off_the_task() -> None:
    from playground.tasks import TASKS

    for task in TASKS:
        arguments = inspect.signature(guarded(prediction(task))).parameters
        inputs = [field.name for field in (*task.inputs, *task.extra_inputs)]
        assert list(arguments) == ["request", *inputs, "model", "details", *task.params.model_fields]


def test_no_event_marks_many_places_as_busy() -> None:
    """At each step of an event the page looks up every place that was ever marked: it took most of opening the page."""
    for event in filter(lambda event: event["targets"], build().config["dependencies"]):
        marked = event["outputs"] if event["show_progress_on"] is None else event["show_progress_on"]
        assert len(marked) <= (0 if event["show_progress"] == "hidden" else 6), (event["api_name"], event["targets"])


def test_the_wrapper_is_around_every_handler() -> None:
    """Private events, too: whoever knows their number can call them."""
    handlers = [event.fn for event in build().fns.values() if event.fn]
    assert len(handlers) > 100
    assert [handler for handler in handlers if not getattr(handler, "is_guarded", False)] == []
