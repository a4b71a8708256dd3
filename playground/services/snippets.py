"""The same prediction in code: command line, Python, gradio_client, curl. Each prints the answer as one line of JSON.

Whatever an input holds stays within its quotes: for a POSIX shell, for Python, for JSON, and for a terminal that
it is pasted into, which would take a control character for a key that was pressed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
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
        "client": by_client(task.id, {**asked, "model": model, **knobs}, url, own),
        "curl": by_curl(task.id, quoted(one_line({**asked, "model": model, **knobs})), url, own),
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
    return one_line(value)


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


def one_line(value: Any) -> str:
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


PRINT = "print(json.dumps(answer, ensure_ascii=False))"


def by_client(
    endpoint: str, asked: Mapping[str, Any], url: str, token: bool, modules: Sequence[str] = (), then: str = PRINT
) -> str:
    """Python from anywhere. `data` is a file's name or several; `modules` are those that `then` needs but json."""
    written = {name: _handled(value) if name == "data" else repr(value) for name, value in asked.items()}
    arguments = "".join(f"    {name}={value},\n" for name, value in written.items())
    imports = "".join(f"import {name}\n" for name in sorted({"json", *modules, *(["os"] if token else [])}))
    names = "Client, handle_file" if "data" in asked else "Client"
    read = f"token = os.environ[{TOKEN!r}]\n" if token else ""
    sent = 'headers={"Authorization": f"Bearer {token}"}, ' if token else ""
    return (
        f"{imports}\nfrom gradio_client import {names}\n\n{read}client = Client({url!r}, {sent}verbose=False)\n"
        f"answer = client.predict(\n{arguments}    api_name={'/' + endpoint!r},\n)\n{then}"
    )


def _handled(files: str | Sequence[str]) -> str:
    if isinstance(files, str):
        return f"handle_file({files!r})"
    return f"[{', '.join(map(_handled, files))}]"


def by_curl(endpoint: str, body: str, url: str, token: bool) -> str:
    """Two requests, as Gradio's endpoints need: one asks, the other waits for the answer, the last of the events."""
    call = f"{url}/gradio_api/call"
    sent = sent_token(token)
    return (
        f"event=$(curl -s {quoted(f'{call}/v2/{endpoint}')} -H 'Content-Type: application/json' {sent}"
        f'-d {body} | sed \'s/.*"event_id": *"\\([^"]*\\)".*/\\1/\')\n'
        f"curl -sN {sent}{quoted(f'{call}/{endpoint}')}/\"$event\" | sed -n 's/^data: //p' | tail -n 1"
    )


def sent_token(token: bool) -> str:
    return f'-H "Authorization: Bearer ${TOKEN}" ' if token else ""
