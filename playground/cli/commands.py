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
from playground.cli.batch import predict_file
from playground.cli.hub import fetch
from playground.cli.recipe import changed, columns, given, hub_dataset, read_spec, run_named, values
from playground.errors import PlaygroundError, why
from playground.i18n import Message, join, msg, render, translate
from playground.runs import RunSpec
from playground.tasks import get_task

if TYPE_CHECKING:
    from playground.services.finetune import RunView

OWNER = "local"
"""Whoever may start this process owns the folder it works on."""
POLL_SECONDS = 0.5
TELL_SECONDS = 5.0


def predict(options: argparse.Namespace) -> Any:
    """One prediction, in the endpoint's schema; or with --file one for each row of a file."""
    from playground.services.predict import predict as run

    if options.file:
        return predict_file(options)
    task = get_task(options.task)
    needed = [field.name for field in task.inputs if not field.optional and field.name not in task.needless]
    missing = [f"--{name}" for name in needed if not getattr(options, name)]
    if missing:
        reason = msg("cli.wrong.required", words=missing)
        raise PlaygroundError("bad_usage", reason=reason, usage=options.usage)
    inputs = {field.name: given(field, getattr(options, field.name)) for field in (*task.inputs, *task.extra_inputs)}
    params = values(options.set)
    output = run(task.id, inputs, model=options.model, params=params, owner=OWNER)
    if not options.json:
        for line in shown.output(task.output, output, options.lang):
            print(line)
    return output


def finetune(options: argparse.Namespace) -> dict[str, Any]:
    """Start a fine-tune and follow it to its end, or with --detach only start it."""
    from playground.services import finetune as service
    from playground.services.downloads import rows_here

    run_id = run_named(options.data)
    if run_id:
        upload, spec = service.again(run_id, OWNER)
        spec = changed(spec, options)
    else:
        spec, paths = read_spec(options)
        dataset = hub_dataset(paths)
        if dataset:
            fetch(dataset, options.lang)
        upload = service.inspect(rows_here(dataset) if dataset else paths, spec.task, OWNER, dataset)
    checked, _ = service.examine(spec, upload.id, OWNER)
    if options.dry_run:
        return _dry_run(spec, upload.id, options)
    run_id = service.start(spec, upload.id, OWNER)
    for message in (*checked.mended.told.values(), *(note.message for note in checked.faults)):
        shown.tell(render(message, options.lang))
    shown.tell(translate(options.lang, "cli.started", run=run_id))
    if not options.detach:
        follow(run_id, options.lang)
    view = service.view(run_id, OWNER)
    if view.status.state == "failed":
        raise PlaygroundError("run_failed", run=run_id, **why(view.status.reason, view.status.hint))
    if not options.json and not options.detach:
        _print_run(view, options.lang)
    return view.summary


def _dry_run(spec: RunSpec, upload_id: str, options: argparse.Namespace) -> dict[str, Any]:
    """What the fine-tune would take: {"seconds", "step_seconds", "steps", "rows_at_once", "memory_mb", "training"}."""
    from playground.services.rehearsal import Rehearsal, rehearse

    *_, found = rehearse(spec, upload_id, OWNER)
    assert isinstance(found, Rehearsal)
    if not options.json:
        for message in (*found.told(), *map(Message.from_json, found.spec.reasons.values())):
            print(render(message, options.lang))
    measured = {
        name: getattr(found, name) for name in ("seconds", "step_seconds", "steps", "rows_at_once", "memory_mb")
    }
    return {**measured, "training": found.spec.training.model_dump(exclude_none=True)}


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
    """All runs, a line each, or one with its scores; with options of its own, what is said of it or where it lies."""
    from playground.services import finetune as service
    from playground.services import trash

    _refuse_together(options)
    if options.empty_trash:
        count = trash.empty(OWNER)
        shown.tell(translate(options.lang, "cli.emptied", count=count))
        return {"deleted": count}
    if not options.run_id:
        if options.restore or options.name is not None or options.note is not None:
            raise PlaygroundError("bad_usage", reason=msg("cli.wrong.required", words=["RUN"]), usage=options.usage)
        return _list(options)
    run_id = _run_id(options)
    if options.restore:
        trash.restore(run_id, OWNER)
    if options.name is not None or options.note is not None:
        service.describe(run_id, OWNER, name=options.name, note=options.note)
    view = service.view(run_id, OWNER)
    if options.trash:
        trash.throw_away(run_id, OWNER)
        shown.tell(translate(options.lang, "cli.thrown_away", run=run_id))
    elif not options.json:
        print(shown.progress(view, options.lang))
        _print_run(view, options.lang)
    return {**view.summary, "name": view.title, "note": view.note}


def _refuse_together(options: argparse.Namespace) -> None:
    """What would be deleted or listed must be what was named, and no more."""
    said = {
        "RUN": options.run_id, "--name": options.name, "--note": options.note, "--restore": options.restore or None,
        "--task": options.task, "--state": options.state, "--search": options.search,
    }  # fmt: skip
    alone = ("--empty-trash", said) if options.empty_trash else None
    if options.trash and not options.run_id:
        alone = ("--trash", {name: said[name] for name in ("--task", "--state", "--search")})
    if alone and (others := [name for name, value in alone[1].items() if value is not None]):
        reason = msg("cli.wrong.together", name=alone[0], other=others[0])
        raise PlaygroundError("bad_usage", reason=reason, usage=options.usage)


def _list(options: argparse.Namespace) -> dict[str, Any]:
    """The runs that the options ask for, or those in the trash."""
    from playground.services import history, trash

    if options.trash:
        thrown = trash.thrown_away(OWNER)
        if not options.json:
            for view in thrown:
                print(shown.run(view, options.lang))
        return {"trash": [{"run": view.id, "name": view.title, "state": view.status.state} for view in thrown]}
    lines = history.lines(OWNER, words=options.search or "", task=options.task or "", state=options.state or "")
    if not options.json:
        for line in lines:
            print(shown.run_line(line, options.lang))
    return {
        "runs": [
            {
                "run": line.view.id, "model": line.view.model, "state": line.view.status.state,
                "name": line.view.title, "note": line.view.note, "task": line.view.spec.task,
                "metric": line.score.metric if line.score else None, "score": line.score.value if line.score else None,
                "rows": line.rows, "seconds": line.seconds,
            }
            for line in lines
        ]
    }  # fmt: skip


def stop(options: argparse.Namespace) -> dict[str, Any]:
    """Ask a run to stop."""
    from playground.services import finetune as service

    service.stop(_run_id(options), OWNER)
    shown.tell(translate(options.lang, "cli.stopping"))
    return service.view(_run_id(options), OWNER).summary


def resume(options: argparse.Namespace) -> dict[str, Any]:
    """Go on with a stopped or failed run."""
    from playground.services import finetune as service

    service.resume(_run_id(options), OWNER)
    shown.tell(translate(options.lang, "cli.started", run=_run_id(options)))
    return service.view(_run_id(options), OWNER).summary


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
    words += ["--share"] if options.share else []
    app = Path(__file__).parents[2] / "app.py"
    os.execv(sys.executable, [sys.executable, str(app), *words])


def _run_id(options: argparse.Namespace) -> str:
    return str(options.run_id).removeprefix("run/")


def _print_run(view: RunView, lang: str) -> None:
    if view.note:
        print(view.note)
    for line in shown.scores(view.report, lang):
        print(line)
    if view.usable:
        print(shown.use_it(view, lang))
    elif view.status.reason:
        told = why(view.status.reason, view.status.hint).values()
        print(join(*(render(message, lang) for message in told), lang=lang))
