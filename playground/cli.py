"""The command line: the services under the same names, `python -m playground WORD ...`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, Message, choose_language, render, translate
from playground.runs import RunSpec, TrainingParams
from playground.tasks import NAMES, get_task

POLL_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 1 with the message and its remedy on standard error."""
    parser = build_parser()
    options = parser.parse_args(_with_task_inputs(parser, list(arguments if arguments is not None else sys.argv[1:])))
    try:
        result = options.run(options)
    except PlaygroundError as error:
        print(error.text(options.lang), file=sys.stderr)
        return 1
    if options.json and result is not None:
        print(json.dumps(result, ensure_ascii=False))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options; the words are those of docs and of `command` in the page."""
    parser = argparse.ArgumentParser(prog="python -m playground", description=translate("en", "cli.about"))
    commands = parser.add_subparsers(dest="word", required=True, metavar="COMMAND")
    _add_predict(_command(commands, "predict", predict))
    _add_finetune(_command(commands, "finetune", finetune))
    _command(commands, "runs", runs).add_argument("run_id", nargs="?", metavar="RUN")
    _command(commands, "stop", stop).add_argument("run_id", metavar="RUN")
    _command(commands, "resume", resume).add_argument("run_id", metavar="RUN")
    words = _command(commands, "evaluate", evaluate)
    words.add_argument("model")
    words.add_argument("data", type=Path)
    words.add_argument("--task", default=NAMES[0], choices=NAMES)
    words.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN")
    _command(commands, "doctor", doctor)
    words = _command(commands, "serve", serve)
    words.add_argument("--host")
    words.add_argument("--port", type=int)
    return parser


def predict(options: argparse.Namespace) -> Any:
    """One prediction: a line a label, or the endpoint's JSON."""
    from playground.services.predict import predict as run

    task = get_task(options.task)
    inputs = {field.name: getattr(options, field.name, None) for field in task.inputs}
    params = {key: yaml.safe_load(value) for key, value in _pairs(options.set).items()}
    output = run(task.id, inputs, model=options.model, params=params)
    if not options.json:
        for entry in output:
            print(f"{entry['score']:.4f}  {entry['label']}")
    return output


def finetune(options: argparse.Namespace) -> Any:
    """Start a fine-tune and follow it to its end, or with --detach only start it."""
    from playground.services import finetune as service

    spec, path = _spec(options)
    upload = service.inspect(path, spec.task, spec.owner)
    run_id = service.start(spec, upload.id, spec.owner)
    if not options.detach:
        follow(run_id, options.lang)
    view = service.view(run_id, spec.owner)
    if view.status.state == "failed":
        raise PlaygroundError("run_failed", run=run_id, reason=_message(view.status.reason), remedy=_message(view.status.hint))
    if not options.json:
        print(translate(options.lang, "cli.started" if options.detach else "cli.finished", run=run_id, task=spec.task))
        _print_scores(view.report, options.lang)
    return _run_json(view)


def follow(run_id: str, lang: str) -> None:
    """Tell on standard error how a run gets on, until it is over. Ctrl-C asks it to stop."""
    from playground.services import finetune as service

    def ask_to_stop(*_: object) -> None:
        service.stop(run_id, "local")
        _tell(translate(lang, "cli.stopping"))

    before, told = signal.signal(signal.SIGINT, ask_to_stop), ""
    try:
        while True:
            view = service.view(run_id, "local")
            line = _progress(view, lang)
            if line != told:
                _tell(line)
                told = line
            if view.status.state not in ("queued", "running"):
                return
            time.sleep(POLL_SECONDS)
    finally:
        signal.signal(signal.SIGINT, before)


def runs(options: argparse.Namespace) -> Any:
    """All runs, a line each, or one with its scores."""
    from playground.services import finetune as service

    if options.run_id:
        view = service.view(_run_id(options), "local")
        if not options.json:
            print(_progress(view, options.lang))
            _print_scores(view.report, options.lang)
        return _run_json(view)
    views = service.runs("local")
    if not options.json:
        for view in views:
            state = translate(options.lang, f"state.{view.status.state}")
            print(f"{view.id}  {state}  {view.spec.task}  {view.spec.name or view.spec.data}")
    return [_run_json(view) for view in views]


def stop(options: argparse.Namespace) -> Any:
    """Ask a run to stop; what it has learned is kept."""
    from playground.services import finetune as service

    service.stop(_run_id(options), "local")
    return _run_json(service.view(_run_id(options), "local"))


def resume(options: argparse.Namespace) -> Any:
    """Go on with a stopped or failed run."""
    from playground.services import finetune as service

    service.resume(_run_id(options), "local")
    return _run_json(service.view(_run_id(options), "local"))


def evaluate(options: argparse.Namespace) -> Any:
    """A model's scores on a file."""
    from playground.services.evaluate import evaluate as run

    result = run(options.model, options.data, task_id=options.task, columns=_columns(options.map))
    if not options.json:
        for name, value in result["metrics"].items():
            low, high = result["intervals"].get(name, (None, None))
            shown = f"  ({low:.4f} – {high:.4f})" if low is not None else ""
            print(f"{translate(options.lang, f'metric.{name}')}: {value:.4f}{shown}")
        print(translate(options.lang, "cli.rows", rows=result["rows"]))
    return result


def doctor(options: argparse.Namespace) -> Any:
    """What this machine has and what works on it, in plain words."""
    from playground.services.doctor import examine

    findings = examine()
    if not options.json:
        for finding in findings:
            mark = "ok " if finding.fine else "!! "
            print(mark + render(finding.message, options.lang))
    if not all(finding.fine for finding in findings):
        raise PlaygroundError("doctor_found", count=sum(not finding.fine for finding in findings))
    return [{"fine": finding.fine, "finding": render(finding.message, options.lang)} for finding in findings]


def serve(options: argparse.Namespace) -> None:
    """Open the page, as `python app.py` does (a process of its own: only ui and app.py know Gradio)."""
    words = [f"--{name}={value}" for name in ("host", "port") if (value := getattr(options, name)) is not None]
    app = Path(__file__).parent.parent / "app.py"
    os.execv(sys.executable, [sys.executable, str(app), *words, f"--lang={options.lang if options.lang_given else 'auto'}"])


class _Lang(argparse.Action):
    """--lang, remembering that it was given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        namespace.lang, namespace.lang_given = values, True


def _command(commands: Any, word: str, run: Callable[[argparse.Namespace], Any]) -> argparse.ArgumentParser:
    about = (run.__doc__ or "").splitlines()[0]
    parser: argparse.ArgumentParser = commands.add_parser(word, help=about, description=about)
    parser.add_argument("--json", action="store_true", help="end standard output with one line of JSON")
    parser.add_argument("--lang", action=_Lang, choices=LANGUAGES, default=terminal_language(), help="language of messages")
    parser.set_defaults(run=run, lang_given=False)
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=NAMES)
    parser.add_argument("--model", default="", help="model id; without it the task's first")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a knob of the task")


def _with_task_inputs(parser: argparse.ArgumentParser, arguments: list[str]) -> list[str]:
    """Give `predict TASK` an option per input field of that task (--text ...)."""
    if len(arguments) > 1 and arguments[0] == "predict" and arguments[1] in NAMES:
        commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        for field in get_task(arguments[1]).inputs:
            commands.choices["predict"].add_argument(f"--{field.name}", required=True)
    return arguments


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="DATA|SPEC.yaml", help="a dataset file, or a recipe")
    parser.add_argument("--task", choices=NAMES)
    parser.add_argument("--base", help="model id to tune")
    parser.add_argument("--preset", choices=("quick", "balanced", "thorough"))
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="again for further columns")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="method, or a training number")
    parser.add_argument("--name", help="what to call the run")
    parser.add_argument("--detach", action="store_true", help="start it and return")


def _spec(options: argparse.Namespace) -> tuple[RunSpec, Path]:
    """The recipe that the options and the recipe file make, and the dataset file it names."""
    recipe: dict[str, Any] = {"task": NAMES[0], "data": str(options.data)}
    if options.data.suffix in (".yaml", ".yml"):
        recipe |= _read_recipe(options.data)
    given = {key: getattr(options, key) for key in ("task", "base", "preset", "name") if getattr(options, key)}
    numbers = {key: yaml.safe_load(value) for key, value in _pairs(options.set).items()}
    if "method" in numbers:
        given["method"] = numbers.pop("method")
    if columns := _columns(options.map):
        given["columns"] = columns
    try:
        spec = RunSpec.model_validate(recipe | given)
        training = TrainingParams.model_validate(spec.training.model_dump() | numbers)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlaygroundError("bad_spec", place=place or "?", reason=first["msg"]) from error
    # The same name twice would otherwise start a second run as the first one's owner.
    spec = spec.model_copy(update={"training": training, "id": "", "owner": "local"})
    return spec, Path(os.path.expandvars(spec.data))


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlaygroundError("bad_recipe", file=path.name) from error
    if not isinstance(recipe, dict):
        raise PlaygroundError("bad_recipe", file=path.name)
    return recipe


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for key, equals, _ in pairs:
        if not equals or not key:
            raise PlaygroundError("not_a_pair", word=key)
    return {key: value for key, _, value in pairs}


def _columns(words: list[str]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for word in words:
        [(name, column)] = _pairs([word]).items()
        columns.setdefault(name, []).append(column)
    return columns


def _run_id(options: argparse.Namespace) -> str:
    return str(options.run_id).removeprefix("run/")


def _run_json(view: Any) -> dict[str, Any]:
    return {"run": view.id, "model": view.model, "state": view.status.state, "report": view.report}


def _progress(view: Any, lang: str) -> str:
    status = view.status
    words = [translate(lang, f"state.{status.state}")]
    if status.state == "running" and status.phase:
        words.append(translate(lang, f"phase.{status.phase}"))
    if status.max_steps:
        words.append(translate(lang, "cli.step", step=status.step, steps=status.max_steps))
    losses = [row["loss"] for row in view.metrics if row.get("loss") is not None]
    if losses:
        words.append(translate(lang, "cli.loss", loss=f"{losses[-1]:.3f}"))
    if status.state == "running" and status.seconds_left:
        words.append(translate(lang, "cli.left", seconds=round(status.seconds_left)))
    if status.reason:
        words.append(render(_message(status.reason), lang))
    return " · ".join(words)


def _print_scores(report: dict[str, Any] | None, lang: str) -> None:
    for who, values in (report or {}).get("metrics", {}).items():
        shown = ", ".join(f"{translate(lang, f'metric.{name}')} {value:.4f}" for name, value in values.items())
        print(f"{translate(lang, f'scored.{who}')}: {shown}")


def _message(data: dict[str, Any] | None) -> Message:
    return Message.from_json(data) if data else Message("cli.no_reason")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def terminal_language() -> str:
    """The language of the terminal, from the environment as gettext reads it."""
    value = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return choose_language(value.replace("_", "-"))
