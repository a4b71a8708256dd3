"""The same prediction in code: command line, Python, gradio_client, curl. Each prints the answer as one line of JSON.

Whatever an input holds stays within its quotes: for a POSIX shell, for Python, for JSON, and for a terminal that
it is pasted into, which would take a control character for a key that was pressed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.fields import Row
from playground.tasks.spec import Task

KINDS = ("cli", "python", "client", "curl")
TOKEN = "PLAYGROUND_TOKEN"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that are keys to a terminal (Unicode's class Cc)."""
SPECIAL = re.compile(rf"^-|{CONTROL.pattern}")
"""And what `printf` would take for an option."""


def snippets(
    task: Task, inputs: Row, model: str, params: Mapping[str, Any], url: str, *, own: bool = False
) -> dict[str, str]:
    """{kind: code} for each of KINDS. Params that are as they are by default are not mentioned.

    url  where the page is, e.g. "http://127.0.0.1:7860"
    own  whether the model is a visitor's own on somebody else's machine: then a token, in the environment variable
         TOKEN, says whose the request is, and what would have to run on that machine is left out
    """
    asked = {name: value for name, value in inputs.items() if value not in (None, "", [])}
    defaults = task.params().model_dump()
    knobs = {name: value for name, value in params.items() if value != defaults[name]}
    here = {
        "cli": command_line(task.id, asked, model, knobs),
        "python": _python(task.id, asked, model, knobs),
    }
    return ({} if own else here) | {
        "client": _client(task.id, {**asked, "model": model, **knobs}, url, own),
        "curl": _curl(task.id, {**asked, "model": model, **knobs}, url, own),
    }


def command_line(task_id: str, inputs: Mapping[str, Any], model: str, params: Mapping[str, Any]) -> str:
    words = [f"--{name}={quoted(typed(value))}" for name, value in inputs.items()]
    words += [f"--model {quoted(model)}"]
    words += [f"--set {quoted(f'{name}={json.dumps(value)}')}" for name, value in params.items()]
    return " ".join(["python -m playground predict", task_id, *words, "--json"])


def typed(value: Any) -> str:
    """An input as an option of the command line takes it: labels with commas, a conversation as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return _json(value)


def quoted(text: str) -> str:
    """One word for a POSIX shell. Control characters but line breaks are written as `printf` reads them.

    No argument of a program can hold NUL: it becomes U+FFFD.
    """
    text = text.replace("\0", "\ufffd")
    if not CONTROL.search(text.replace("\n", "")):
        return shlex.quote(text)
    body = text.rstrip("\n")  # which $(…) would drop
    escaped = SPECIAL.sub(_octal, body.replace("\\", "\\\\").replace("%", "%%"))
    return f'"$(printf {shlex.quote(escaped)})' + "\n" * (len(text) - len(body)) + '"'


def _octal(found: re.Match[str]) -> str:
    return "".join(f"\\{byte:03o}" for byte in found.group().encode())


def _json(value: Any) -> str:
    """JSON on one line, with nothing in it that a terminal would take for a key."""
    return CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))


def _python(task_id: str, inputs: Mapping[str, Any], model: str, params: Mapping[str, Any]) -> str:
    knobs = f", params={dict(params)!r}" if params else ""
    return (
        "import json\n\nfrom playground.services.predict import predict\n\n"
        f"inputs = {dict(inputs)!r}\n"
        f"answer = predict({task_id!r}, inputs, model={model!r}{knobs})\n"
        "print(json.dumps(answer, ensure_ascii=False))"
    )


def _client(task_id: str, asked: Mapping[str, Any], url: str, own: bool) -> str:
    arguments = "".join(
        f"    {name}={f'handle_file({value!r})' if name == 'data' else repr(value)},\n" for name, value in asked.items()
    )
    imports, token, sent = "import json\n", "", ""
    if own:
        imports, token = "import json\nimport os\n", f"token = os.environ[{TOKEN!r}]\n"
        sent = 'headers={"Authorization": f"Bearer {token}"}, '
    names = "Client, handle_file" if "data" in asked else "Client"
    return (
        f"{imports}\nfrom gradio_client import {names}\n\n{token}client = Client({url!r}, {sent}verbose=False)\n"
        f"answer = client.predict(\n{arguments}    api_name={'/' + task_id!r},\n)\n"
        "print(json.dumps(answer, ensure_ascii=False))"
    )


@dataclass(frozen=True)
class Asking:
    """What is asked of a document, and where.

    command   the word of the command line, "ask" or "search", by which the rest is known
    question  what is asked, or searched for
    file      name of the document, in the folder where the code runs
    model     "" for the usual one
    url       where the page is
    """

    command: str
    question: str
    file: str
    model: str
    url: str


ENDPOINTS = {"ask": ("ask_document", "question", "answers"), "search": ("find_passages", "query", "passages")}
"""Command -> its endpoint, what that calls the question, and what it finds."""


def document_snippets(asking: Asking, *, here: bool, token: bool) -> dict[str, str]:
    """{kind: code} for each of KINDS.

    here   whether the command line and Python can ask the same: not for a visitor's own model
    token  whether a token, in the environment variable TOKEN, says whose the request is
    """
    endpoint, word, found = ENDPOINTS[asking.command]
    given = {word: asking.question, **({"model": asking.model} if asking.model else {})}
    chosen = f" --model {quoted(asking.model)}" if asking.model else ""
    function = "ask" if asking.command == "ask" else "find_passages"
    model = f", model={asking.model!r}" if asking.model else ""
    mine = {
        # What begins with a hyphen is no option behind the two.
        "cli": (
            f"python -m playground {asking.command}{chosen} --json -- {quoted(asking.file)} {quoted(asking.question)}"
        ),
        "python": (
            "import json\nfrom pathlib import Path\n\nfrom playground.services import documents\n\n"
            f"document = documents.open_file(Path({asking.file!r}))\n"
            f"found = documents.{function}(document, {asking.question!r}{model})\n"
            f'print(json.dumps({{"document": document, {found!r}: found}}, ensure_ascii=False))'
        ),
    }
    call = f"{asking.url}/gradio_api"
    sent = f'-H "Authorization: Bearer ${TOKEN}" ' if token else ""
    name = asking.file.replace("\\", "\\\\").replace('"', '\\"')  # as curl reads a name in quotes
    file = quoted(f'files=@"{name}"')
    path = r"""sed 's/.*\["\(.*\)"\].*/\1/'"""  # of ["path"]
    upload = f"path=$(curl -s {sent}{quoted(f'{call}/upload')} -F {file} | {path})\n"
    before, after = _json(given).removesuffix("}") + ', "data": {"path": "', '", "meta": {"_type": "gradio.FileData"}}}'
    body = f'{quoted(before)}"$path"{quoted(after)}'
    return (mine if here else {}) | {
        "client": _client(endpoint, {**given, "data": asking.file}, asking.url, token),
        "curl": upload + _asked(endpoint, body, asking.url, token),
    }


def _curl(task_id: str, asked: Mapping[str, Any], url: str, own: bool) -> str:
    return _asked(task_id, quoted(_json(dict(asked))), url, own)


def _asked(task_id: str, body: str, url: str, own: bool) -> str:
    """Two requests, as Gradio's endpoints need: one asks, the other waits for the answer, the last of the events."""
    call = f"{url}/gradio_api/call"
    token = f'-H "Authorization: Bearer ${TOKEN}" ' if own else ""
    return (
        f"event=$(curl -s {quoted(f'{call}/v2/{task_id}')} -H 'Content-Type: application/json' {token}"
        f'-d {body} | sed \'s/.*"event_id": *"\\([^"]*\\)".*/\\1/\')\n'
        f"curl -sN {token}{quoted(f'{call}/{task_id}')}/\"$event\" | sed -n 's/^data: //p' | tail -n 1"
    )
