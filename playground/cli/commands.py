"""One function a command: call a service, print for people, give back what --json prints."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.cli import shown
from playground.cli.recipe import columns, read_spec, values
from playground.errors import PlaygroundError
from playground.i18n import join, render, translate
from playground.tasks import get_task

if TYPE_CHECKING:
    from playground.services.finetune import RunView

OWNER = "local"
"""Whoever may start this process owns the folder it works on."""
POLL_SECONDS = 0.5
TELL_SECONDS = 5.0


def predict(options: argparse.Namespace) -> Any:
    """One prediction, in the endpoint's schema."""
    from playground.services.predict import predict as run

    task = get_task(options.task)
    inputs = {field.name: getattr(options, field.name) for field in (*task.inputs, *task.extra_inputs)}
    params = values(options.set)
    output = run(task.id, inputs, model=options.model, params=params, owner=OWNER)
    if not options.json:
        for line in shown.output(task.output, output, options.lang):
            print(line)
    return output


def finetune(options: argparse.Namespace) -> dict[str, Any]:
    """Start a fine-tune and follow it to its end, or with --detach only start it."""
    from playground.services import finetune as service

    spec, path = read_spec(options)
    upload = service.inspect(path, spec.task, OWNER)
    checked = service.check_upload(upload.id, spec.columns or service.proposed(upload), OWNER)
    run_id = service.start(spec, upload.id, OWNER)
    for note in checked.faults:
        shown.tell(render(note.message, options.lang))
    shown.tell(translate(options.lang, "cli.started", run=run_id))
    if not options.detach:
        follow(run_id, options.lang)
    view = service.view(run_id, OWNER)
    if view.status.state == "failed":
        raise PlaygroundError("run_failed", run=run_id, **shown.why(view))
    if not options.json and not options.detach:
        _print_run(view, options.lang)
    return _run_json(view)


def follow(run_id: str, lang: str) -> None:
    """Tell on standard error how a run gets on, until it is over. Ctrl-C asks it to stop."""
    from playground.services import finetune as service

    def ask_to_stop(*_: object) -> None:
        shown.tell(translate(lang, "cli.stopping"))
        with suppress(PlaygroundError):  # it may have ended just now
            service.stop(run_id, OWNER)

    before = signal.signal(signal.SIGINT, ask_to_stop)
    told, told_at, phase = "", 0.0, ("", "")
    try:
        while (view := service.view(run_id, OWNER)).status.state in ("queued", "running"):
            line, now_in = shown.progress(view, lang), (view.status.state, view.status.phase)
            if line != told and (now_in != phase or time.monotonic() - told_at >= TELL_SECONDS):
                shown.tell(line)
                told, told_at, phase = line, time.monotonic(), now_in
            time.sleep(POLL_SECONDS)
    finally:
        signal.signal(signal.SIGINT, before)


def runs(options: argparse.Namespace) -> dict[str, Any]:
    """All runs, a line each, or one with its scores."""
    from playground.services import finetune as service

    if options.run_id:
        view = service.view(_run_id(options), OWNER)
        if not options.json:
            print(shown.progress(view, options.lang))
            _print_run(view, options.lang)
        return _run_json(view)
    views = service.runs(OWNER)
    if not options.json:
        for view in views:
            state = translate(options.lang, f"state.{view.status.state}")
            print(f"{view.id}  {state}  {view.spec.task}  {view.spec.name or view.spec.data}")
    return {"runs": [{"run": view.id, "model": view.model, "state": view.status.state} for view in views]}


def stop(options: argparse.Namespace) -> dict[str, Any]:
    """Ask a run to stop."""
    from playground.services import finetune as service

    service.stop(_run_id(options), OWNER)
    shown.tell(translate(options.lang, "cli.stopping"))
    return _run_json(service.view(_run_id(options), OWNER))


def resume(options: argparse.Namespace) -> dict[str, Any]:
    """Go on with a stopped or failed run."""
    from playground.services import finetune as service

    service.resume(_run_id(options), OWNER)
    shown.tell(translate(options.lang, "cli.started", run=_run_id(options)))
    return _run_json(service.view(_run_id(options), OWNER))


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """A model's scores on a file."""
    from playground.services.evaluate import evaluate as run

    result = run(options.model, options.data, task_id=options.task, columns=columns(options.map), owner=OWNER)
    if not options.json:
        for line in shown.evaluation(result, options.lang):
            print(line)
    return result


def doctor(options: argparse.Namespace) -> dict[str, Any]:
    """What this machine has and what works on it, in plain words."""
    from playground.services.doctor import examine

    findings = examine()
    texts = [{"fine": finding.fine, "finding": render(finding.message, options.lang)} for finding in findings]
    result = {"fine": all(finding.fine for finding in findings), "findings": texts}
    if not options.json:
        for finding in texts:
            print(("ok  " if finding["fine"] else "!!  ") + str(finding["finding"]))
    if not result["fine"]:
        if options.json:
            print(json.dumps(result, ensure_ascii=False))
        raise PlaygroundError("doctor_found", count=sum(not finding.fine for finding in findings))
    return result


def serve(options: argparse.Namespace) -> None:
    """Become `python app.py`: only ui and app.py know Gradio."""
    given = {"host": options.host, "port": options.port, "lang": options.page_lang}
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    app = Path(__file__).parents[2] / "app.py"
    os.execv(sys.executable, [sys.executable, str(app), *words])


def _run_id(options: argparse.Namespace) -> str:
    return str(options.run_id).removeprefix("run/")


def _run_json(view: RunView) -> dict[str, Any]:
    return {"run": view.id, "model": view.model, "state": view.status.state, "report": view.report}


def _print_run(view: RunView, lang: str) -> None:
    for line in shown.scores(view.report, lang):
        print(line)
    if view.usable:
        print(shown.use_it(view, lang))
    elif view.status.reason:
        print(join(*(render(message, lang) for message in shown.why(view).values()), lang=lang))
