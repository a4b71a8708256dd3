"""Renders a chat template where it can do no harm: a process of its own, run by its path, with limits.

A template is code of whoever made the model. Jinja's sandbox keeps it from files and attributes, but not from
looping for ever or from multiplying a text until the memory is full.

Standard input is JSON: {"template", "variables", "chats": [{"messages", "prompt"}], "memory_mb", "seconds", "chars",
"now"}; the answer is {"texts": [...]}, or {"refused": why} where the template is at fault, "" for too much text.
What a template finds there is what transformers 5.23 gives it (utils/chat_template_utils.py). Only Jinja is
imported, so that it starts at once.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TooLong(Exception):
    """A template writes more than any model reads."""


class Generation(Extension):
    """{% generation %} marks what an assistant said; here it says nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment(now: datetime) -> ImmutableSandboxedEnvironment:
    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals |= {"raise_exception": raise_exception, "strftime_now": now.strftime}
    return made


def render(template: jinja2.Template, asked: dict[str, Any]) -> list[str]:
    """Every chat. Raises TooLong as soon as they have more than `chars` characters together."""
    texts: list[str] = []
    written = 0
    for chat in asked["chats"]:
        parts: list[str] = []
        context = {"messages": chat["messages"], "add_generation_prompt": chat["prompt"], **asked["variables"]}
        for part in template.generate(context):
            parts.append(part)
            written += len(part)
            if written > asked["chars"]:
                raise TooLong
        texts.append("".join(parts))
    return texts


def limit(memory_mb: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's clock alone
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read())
    limit(asked["memory_mb"], asked["seconds"])
    answer: dict[str, Any]
    try:
        template = environment(datetime.fromisoformat(asked["now"])).from_string(asked["template"])
        answer = {"texts": render(template, asked)}
    except (TooLong, MemoryError):
        answer = {"refused": ""}
    except Exception as error:  # whatever a template can raise: it is its maker's code
        answer = {"refused": f"{type(error).__name__}: {error}"[:200]}
    sys.stdout.buffer.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
