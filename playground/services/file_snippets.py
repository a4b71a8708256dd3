"""The same in code for what begins with a file: a document that is asked, a batch, a fine-tune.

The files are named as they were uploaded, and lie in the folder where the code runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.data import TOGETHER
from playground.runs import RunSpec
from playground.services import batch, finetune
from playground.services.batch.job import BatchSpec
from playground.services.downloads import is_dataset
from playground.services.snippets import PRINT, by_client, by_curl, one_line, quoted, sent_token
from playground.tasks import get_task

UPLOADED = r"""sed 's/.*\["\(.*\)"\].*/\1/'"""
"""The path in ["path"], which is what an upload is answered with."""
WAIT = """\
while True:
    run = client.predict(run=answer["run"], api_name="/run")
    if run["state"] not in ("queued", "running"):
        break
    time.sleep(2)
print(json.dumps(run, ensure_ascii=False))"""


@dataclass(frozen=True)
class Asking:
    """What is asked of a document, and where.

    command   the word of the command line, "ask" or "search", by which the rest is known
    question  what is asked, or searched for
    file      name of the document
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
    upload, body = sent([asking.file], given, asking.url, token)
    return (mine if here else {}) | {
        "client": by_client(endpoint, {**given, "data": asking.file}, asking.url, token),
        "curl": upload + by_curl(endpoint, body, asking.url, token),
    }


def batch_snippets(spec: BatchSpec, url: str, *, token: bool) -> dict[str, str]:
    """{kind: code} for each of KINDS; with a token for those that can say whose the request is."""
    learned = get_task(spec.task)
    task, files = get_task(learned.tab), str(spec.table["name"]).split(TOGETHER)
    output = batch.output_name(spec)
    asked = batch.asked_for(spec)
    arguments = "".join(f", {name}={value!r}" for name, value in asked.items())
    here = {
        "cli": f"{batch.command(spec)} --json",
        "python": (
            "import json\n\nfrom playground.services import batch\n\n"
            f"answer = batch.predict_file({files!r}, {task.id!r}, {output!r}{arguments}).summary\n{PRINT}"
        ),
    }
    given = {"task": task.id, **asked}
    fetch = f'shutil.copy(answer["file"], {output!r})\n{PRINT}'
    upload, body = sent(files, given, url, token)
    address = r"""sed 's/.*"url": *"\([^"]*\)".*/\1/'"""
    return ({} if token else here) | {
        "client": by_client("predict_file", {**given, "data": _one_or_all(files)}, url, token, ["shutil"], fetch),
        "curl": (
            f"{upload}answer=$(\n{by_curl('predict_file', body, url, token)}\n)\n"
            f'curl -s {sent_token(token)}-o {quoted(output)} "$(printf \'%s\' "$answer" | {address})"\n'
            "printf '%s\\n' \"$answer\""
        ),
    }


def run_snippets(spec: RunSpec, url: str, *, token: bool) -> dict[str, str]:
    """{kind: code} for those of KINDS that can: each starts the same fine-tune and waits for its end.

    Other machines send a file of their own: where the rows are a Hub dataset's, there is none.
    """
    asked, files = finetune.asked_for(spec), spec.data.split(TOGETHER)
    arguments = ", ".join(f"{name}={value!r}" for name, value in {**asked, "data": spec.data}.items())
    paths = ", ".join(f"Path({file!r})" for file in files)
    upload = f"finetune.inspect([{paths}], {spec.task!r}, 'local').id"
    if spec.rows_of:
        upload = f"finetune.again({spec.rows_of.removeprefix('run/')!r}, 'local')[0].id"
    here = {"cli": f"{finetune.command(spec, spec.data)} --json"}
    if spec.rows_of or not is_dataset(spec.data):
        here["python"] = (
            "import json\nfrom pathlib import Path\n\n"
            "from playground.runs import RunSpec\nfrom playground.services import finetune\n\n"
            f"spec = RunSpec({arguments})\nrun = finetune.start(spec, {upload}, 'local')\n"
            "answer = finetune.wait(run, 'local').summary\n" + PRINT
        )
    elif not token:
        return here
    else:
        return {}
    given = {**asked, **({"rows_of": spec.rows_of} if spec.rows_of else {})}
    data = {} if spec.rows_of else {"data": _one_or_all(files)}
    sending, body = sent([] if spec.rows_of else files, given, url, token)
    return ({} if token else here) | {
        "client": by_client("finetune", {**given, **data}, url, token, ["time"], WAIT),
        "curl": f"{sending}answer=$(\n{by_curl('finetune', body, url, token)}\n)\n{_until_over(url, token)}",
    }


def _until_over(url: str, token: bool) -> str:
    """Ask for the run in $answer until it is over, then print it."""
    run = r"""$(printf '%s' "$answer" | sed 's/.*"run": *"\([^"]*\)".*/\1/')"""
    body = """'{"run": "'"$run"'"}'"""
    return (
        f'run="{run}"\nwhile\nanswer=$(\n{by_curl("run", body, url, token)}\n)\n'
        """printf '%s' "$answer" | grep -Eq '"state": ?"(queued|running)"'\n"""
        "do sleep 2; done\nprintf '%s\\n' \"$answer\""
    )


def sent(files: Sequence[str], given: Mapping[str, Any], url: str, token: bool) -> tuple[str, str]:
    """(what uploads the files, the body that names them and what is given besides), for curl in a POSIX shell."""
    call = quoted(f"{url}/gradio_api/upload")
    uploads, data = "", []
    for number, file in enumerate(files, start=1):
        path = "path" if len(files) == 1 else f"path{number}"
        name = file.replace("\\", "\\\\").replace('"', '\\"')  # as curl reads a name in quotes
        form = quoted(f'files=@"{name}"')
        uploads += f"{path}=$(curl -s {sent_token(token)}{call} -F {form} | {UPLOADED})\n"
        before, after = '{"path": "', '", "meta": {"_type": "gradio.FileData"}}'
        data.append(f'{quoted(before)}"${path}"{quoted(after)}')
    body = one_line(dict(given))
    if not data:
        return "", quoted(body)
    whole = data[0] if len(data) == 1 else quoted("[") + quoted(", ").join(data) + quoted("]")
    before = body.removesuffix("}") + (", " if given else "") + '"data": '
    return uploads, quoted(before) + whole + quoted("}")


def _one_or_all(files: Sequence[str]) -> Any:
    return files[0] if len(files) == 1 else list(files)
