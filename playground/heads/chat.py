"""Conversations as a model was trained to read them: its own chat template, rendered in a child with limits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from playground.data.child import environment
from playground.errors import PlaygroundError
from playground.fields import Turn

MARKS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""Of networks from nothing that are trained on conversations: a mark for who speaks, and one where a turn ends."""
CHILD = Path(__file__).with_name("chat_child.py")
MEMORY_MB = 512
SECONDS = 5
"""For a few messages; a template takes a millisecond for them, and the child a tenth of a second to start."""
CHATS_A_SECOND = 200
CHARS_A_CHAT = 20_000
"""That a template may add to what is said in a chat: instructions, dates, marks of roles."""
TIMES = 3
"""How many times as long it may become, for templates that say things twice."""
BYTES_A_CHAR = 30
"""Of memory, with the texts as they come, are rendered and go out; a training run sends all of its rows at once."""
UNBOUNDED = ""
"""What the child says of a template that writes too much."""
Chat = tuple[Sequence[Turn], bool]
"""Turns, and whether the mark follows by which the model knows that it is its turn."""


def has_template(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a model says how it is to be asked."""
    return template_of(tokenizer) is not None


def template_of(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The template for chats without tools."""
    found = getattr(tokenizer, "chat_template", None)
    if isinstance(found, dict):
        found = found.get("default")
    return found if isinstance(found, str) and found.strip() else None


def render(tokenizer: PreTrainedTokenizerBase, chats: Sequence[Chat], now: datetime | None = None) -> list[str]:
    """Each chat as one text, special tokens included; `now` is what a template is told of the time.

    Raises PlaygroundError where the model has no template, and where that fails, takes too long or writes too much.
    """
    template = template_of(tokenizer)
    if template is None:
        raise PlaygroundError("no_chat_template")
    seconds = SECONDS + len(chats) // CHATS_A_SECOND
    said = sum(len(turn["content"]) for turns, _ in chats for turn in turns)
    request = {
        "template": template,
        # Small models that think first think for longer than anybody waits.
        "variables": {
            **{name: str(token) for name, token in tokenizer.special_tokens_map.items()}, "enable_thinking": False,
        },
        "chats": [{"messages": list(turns), "prompt": prompt} for turns, prompt in chats],
        "memory_mb": MEMORY_MB + BYTES_A_CHAR * said // 2**20, "seconds": seconds,
        "chars": TIMES * said + CHARS_A_CHAT * len(chats),
        "now": (now or datetime.now()).isoformat(),
    }  # fmt: skip
    return _answer(request, seconds)


def _answer(request: dict[str, Any], seconds: int) -> list[str]:
    command = [sys.executable, "-I", str(CHILD)]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), capture_output=True, timeout=2 * seconds, env=environment()
        )
        # A child that its limits ended leaves no answer.
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"refused": UNBOUNDED}
    except subprocess.TimeoutExpired:
        answer = {"refused": UNBOUNDED}
    if answer.get("refused") == UNBOUNDED:
        raise PlaygroundError("chat_template_unbounded", seconds=seconds)
    if "refused" in answer:
        raise PlaygroundError("chat_template_failed", reason=answer["refused"])
    return list(answer["texts"])
