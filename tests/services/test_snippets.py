"""Nothing that an input holds leaves its quotes: in a real POSIX shell, in Python, in JSON, in a terminal."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from playground.cli.parser import build_parser
from playground.services.snippets import CONTROL, TOKEN, quoted, snippets
from playground.tasks import TASKS, get_task
from playground.tasks.spec import Task

HOSTILE = (
    "plain", "It's", '"double"', "'; touch owned; '", "$(touch owned)", "`touch owned`", "${HOME}", "a\\nb", "\\",
    "%s %d", "100%", "a\nb", "\n", "ends\n\n", "-n", "-n\x1b", "--model=x", "!history", "~root", "*", "a;b|c&d>owned",
    "# comment", "\ttab", "\x1b[201~touch owned\r", "\x15touch owned", "\x03", "\x7f", "\x9b31m",
    "\x07 ' \x08 \\ % \n", "\x1b\n\n", "'\x1b'", "中文“引号”", "\u202etxt", "\u2028", "😀",
    "</script><script>alert(1)</script>", '{"a": [1]}', "EOF",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_shell_reads_back_what_was_quoted(tmp_path: Path, text: str) -> None:
    word = quoted(text)
    assert not CONTROL.search(word.replace("\n", ""))
    done = subprocess.run(["sh", "-c", f"printf %s {word}"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode() == text
    assert list(tmp_path.iterdir()) == []


def test_no_argument_holds_a_nul() -> None:
    assert quoted("a\0b") == shlex.quote("a\ufffdb")


@pytest.mark.parametrize("text", HOSTILE)
def test_python_and_json_read_back_what_was_written(text: str) -> None:
    found = snippets(get_task("ner"), {"text": text}, "owner/it's", {"min_score": 0.25}, "http://127.0.0.1:1")
    calls = [node for kind in ("python", "client") for node in ast.walk(ast.parse(found[kind]))]
    constants = {node.value for node in calls if isinstance(node, ast.Constant)}
    assert {text, "owner/it's", 0.25} <= constants
    assert not any(CONTROL.search(found[kind].replace("\n", "")) for kind in found)
    asks = found["curl"].partition(" | sed")[0].removeprefix("event=$(")
    body = subprocess.run(["sh", "-c", f'curl() {{ printf %s "$6"; }}\n{asks}'], capture_output=True, check=True).stdout
    assert json.loads(body) == {"text": text, "model": "owner/it's", "min_score": 0.25}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_the_command_is_one_that_is_understood(task: Task) -> None:
    asked = {field.name: "--x 'y'" for field in task.inputs if field.name not in ("messages", "source", "target")}
    found = snippets(task, asked, task.models[0], task.params().model_dump(), "http://127.0.0.1:1")
    words = shlex.split(found["cli"])
    assert words[:4] == ["python", "-m", "playground", "predict"]
    options = build_parser("en").parse_args(words[3:])
    assert {name: getattr(options, name) for name in asked} == asked
    assert options.model == task.models[0] and options.json and options.set == []


def test_a_conversation_and_labels_are_typed_as_the_options_take_them() -> None:
    turns = [{"role": "user", "content": "It's\nme"}]
    found = snippets(get_task("generation"), {"messages": turns}, "m", {"seed": 7, "chat": True}, "http://h")
    words = shlex.split(found["cli"])
    assert json.loads(next(word for word in words if word.startswith("--messages=")).partition("=")[2]) == turns
    assert words[words.index("--set") + 1] == "seed=7"
    labels = snippets(get_task("classification"), {"text": "a", "candidate_labels": ["a b", "c"]}, "m", {}, "http://h")
    assert "'--candidate_labels=a b, c'" in labels["cli"] or "--candidate_labels='a b, c'" in labels["cli"]


def test_the_address_of_the_page_is_quoted_too() -> None:
    found = snippets(get_task("ner"), {"text": "a"}, "m", {}, "http://h;touch owned")
    assert re.search(r"'http://h;touch owned/gradio_api/call/v2/ner'", found["curl"])


def test_a_visitors_own_model_is_asked_with_a_token(tmp_path: Path) -> None:
    found = snippets(get_task("ner"), {"text": "x"}, "run/1", {}, "http://127.0.0.1:1", own=True)
    assert list(found) == ["client", "curl"]
    shell = f'curl() {{ for word; do echo "$word" >> words; done; echo \'"event_id": "7"\'; }}\n{found["curl"]}'
    subprocess.run(["sh", "-c", shell], cwd=tmp_path, env={**os.environ, TOKEN: "secret"}, check=True)
    assert (tmp_path / "words").read_text().splitlines().count("Authorization: Bearer secret") == 2
    stub = "import sys, types; m = types.ModuleType('gradio_client'); sys.modules['gradio_client'] = m\n"
    stub += "class Client:\n  def __init__(self, *a, **k): print(k['headers'])\n  predict = dict\nm.Client = Client\n"
    code = [sys.executable, "-c", stub + found["client"]]
    done = subprocess.run(code, env={**os.environ, TOKEN: "secret"}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "{'Authorization': 'Bearer secret'}"
