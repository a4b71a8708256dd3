"""The words of the command line. What depends on a task is read off its declaration."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from playground.arguments import Parser
from playground.cli import commands, documents, hub
from playground.data import FIXES
from playground.i18n import LANGUAGES, render, translate
from playground.runs import Method, RunSpec, State
from playground.services.documents import TOP_K
from playground.tasks import LEARNED, NAMES, TASKS

LANG_AUTO = "auto"
WORDS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "predict": commands.predict,
    "finetune": commands.finetune,
    "runs": commands.runs,
    "stop": commands.stop,
    "resume": commands.resume,
    "evaluate": commands.evaluate,
    "ask": documents.ask,
    "search": documents.search,
    "export": hub.export,
    "publish": hub.publish,
    "models": hub.models,
    "download": hub.download,
    "doctor": commands.doctor,
    "serve": commands.serve,
}
"""Command -> its handler; the help of each is `cli.help.<command>` in the catalogs."""

TO_LEARN = [task.id for task in LEARNED]


def build_parser(lang: str) -> Parser:
    """Every command with its options, its help in a language."""
    parser = Parser(lang=lang, prog="python -m playground", description=translate(lang, "cli.about"))
    words = parser.add_subparsers(dest="word", required=True, metavar="COMMAND")
    made: dict[str, Parser] = {}
    for word, run in WORDS.items():
        about = translate(lang, f"cli.help.{word}")
        made[word] = words.add_parser(word, lang=lang, help=about, description=about)
        if word != "predict":  # its options belong behind the task
            _common(made[word], run, lang)
    _predict(made["predict"], lang)
    _finetune(made["finetune"], lang)
    _evaluate(made["evaluate"], lang)
    _document(made["ask"], "question", lang)
    _document(made["search"], "query", lang)
    made["export"].add_argument("model", metavar="MODEL", help=translate(lang, "cli.help.exported"))
    made["export"].add_argument("target", type=Path, metavar="DIR|FILE.zip", help=translate(lang, "cli.help.target"))
    made["publish"].add_argument("--space", required=True, metavar="NAME", help=translate(lang, "cli.help.space"))
    made["publish"].add_argument("--private", action="store_true", help=translate(lang, "cli.help.private"))
    made["models"].add_argument("task", choices=NAMES)
    made["models"].add_argument("--search", metavar="WORDS", help=translate(lang, "cli.help.hub_search"))
    made["download"].add_argument("model", metavar="OWNER/NAME", help=translate(lang, "cli.help.hub_model"))
    _runs(made["runs"], lang)
    for word in ("stop", "resume"):
        made[word].add_argument("run_id", metavar="RUN")
    made["serve"].add_argument("--host", help=translate(lang, "cli.help.host"))
    made["serve"].add_argument("--port", type=int, help=translate(lang, "cli.help.port"))
    made["serve"].add_argument("--share", action="store_true", help=translate(lang, "app.help.share"))
    return parser


def _common(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Any], lang: str) -> None:
    parser.add_argument("--json", action="store_true", help=translate(lang, "cli.help.json"))
    parser.add_argument(
        "--lang", choices=(LANG_AUTO, *LANGUAGES), default=LANG_AUTO, help=translate(lang, "cli.help.lang")
    )
    parser.set_defaults(run=run)


def _predict(parser: argparse.ArgumentParser, lang: str) -> None:
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for task in TASKS:
        about = translate(lang, f"task.{task.id}.what")
        words = tasks.add_parser(task.id, lang=lang, help=about, description=about)
        for field in task.inputs:
            words.add_argument(f"--{field.name}", default="", help=render(field.word, lang))
        for field in task.extra_inputs:
            words.add_argument(f"--{field.name}", default="", help=render(field.word, lang))
        words.add_argument("--file", type=Path, nargs="+", metavar="IN", help=translate(lang, "cli.help.file"))
        words.add_argument("--output", type=Path, metavar="OUT", help=translate(lang, "cli.help.output"))
        _map(words, lang)
        words.add_argument("--model", default="", metavar="ID", help=translate(lang, "cli.help.model"))
        knobs = ", ".join(task.params.model_fields)
        words.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help=translate(lang, "cli.help.knobs", knobs=knobs),
        )
        _common(words, commands.predict, lang)
        words.set_defaults(usage=" ".join(words.format_usage().split()[1:]))


def _finetune(parser: argparse.ArgumentParser, lang: str) -> None:
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA|SPEC.yaml", help=translate(lang, "cli.help.data"))
    parser.add_argument("--task", choices=TO_LEARN)
    parser.add_argument("--base", metavar="ID", help=translate(lang, "cli.help.base"))
    parser.add_argument("--method", choices=get_args(Method))
    parser.add_argument("--preset", choices=get_args(RunSpec.model_fields["preset"].annotation))
    _map(parser, lang)
    parser.add_argument(
        "--fix", action="append", default=[], choices=FIXES, metavar="NAME",
        help=translate(lang, "cli.help.fix", fixes=", ".join(FIXES)),
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help=translate(lang, "cli.help.numbers")
    )
    parser.add_argument("--rows-only", action="store_true", help=translate(lang, "cli.help.rows_only"))
    parser.add_argument("--name", help=translate(lang, "cli.help.name"))
    parser.add_argument("--dry-run", action="store_true", help=translate(lang, "cli.help.dry"))
    parser.add_argument("--detach", action="store_true", help=translate(lang, "cli.help.detach"))


def _runs(parser: argparse.ArgumentParser, lang: str) -> None:
    parser.add_argument("run_id", nargs="?", metavar="RUN")
    parser.add_argument("--task", choices=TO_LEARN, help=translate(lang, "cli.help.runs.task"))
    parser.add_argument("--state", choices=get_args(State), help=translate(lang, "cli.help.runs.state"))
    parser.add_argument("--search", metavar="WORDS", help=translate(lang, "cli.help.runs.search"))
    parser.add_argument("--name", help=translate(lang, "cli.help.runs.name"))
    parser.add_argument("--note", help=translate(lang, "cli.help.runs.note"))
    moved = parser.add_mutually_exclusive_group()
    moved.add_argument("--trash", action="store_true", help=translate(lang, "cli.help.runs.trash"))
    moved.add_argument("--restore", action="store_true", help=translate(lang, "cli.help.runs.restore"))
    moved.add_argument("--empty-trash", action="store_true", help=translate(lang, "cli.help.runs.empty"))
    parser.set_defaults(usage=" ".join(parser.format_usage().split()[1:]))


def _evaluate(parser: argparse.ArgumentParser, lang: str) -> None:
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help=translate(lang, "cli.help.evaluate.data"))
    parser.add_argument("--task", default="", choices=TO_LEARN, help=translate(lang, "cli.help.evaluate.task"))
    _map(parser, lang)


def _document(parser: argparse.ArgumentParser, asked: str, lang: str) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=translate(lang, "cli.help.document"))
    parser.add_argument(asked, metavar=asked.upper())
    parser.add_argument("--model", default="", metavar="ID", help=translate(lang, "cli.help.model"))
    parser.add_argument("--top_k", type=int, default=TOP_K, metavar="N", help=translate(lang, "cli.help.passages"))


def _map(parser: argparse.ArgumentParser, lang: str) -> None:
    parser.add_argument(
        "--map", action="append", default=[], metavar="FIELD=COLUMN", help=translate(lang, "cli.help.map")
    )
