"""The command line: read words, call a service, print what came out."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from playground.arguments import wished_language
from playground.cli.hub import fetch
from playground.cli.parser import build_parser
from playground.cli.shown import tell
from playground.errors import PlaygroundError, full_disk

INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""

MOST_FETCHED = 2
"""An adapter, and the base it stands on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0, or 1 with the message and its remedy on standard error.

    With --json the last line of standard output is the result.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    lang = wished_language(words)
    _quieten()
    try:
        options = build_parser(lang).parse_args(words)
        options.page_lang, options.lang = options.lang, lang
        result = _run(options)
    except PlaygroundError as error:
        tell(error.text(lang))
        return 1
    except OSError as error:
        full = full_disk(error)
        if full is None:
            raise
        tell(full.text(lang))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.json and result is not None:
        print(json.dumps(result, ensure_ascii=False))
    return 0


def _run(options: argparse.Namespace) -> Any:
    """Run the command; what it needs of the Hub and is not here is fetched, with its size said first."""
    for _ in range(MOST_FETCHED):
        try:
            return options.run(options)
        except PlaygroundError as error:
            if error.code != "model_not_here":
                raise
            fetch(str(error.message.values["model"]), options.lang)
    return options.run(options)


def _quieten() -> None:
    """Standard error is for our messages: no progress bars and no notes of libraries to their callers."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.simplefilter("ignore", FutureWarning)
