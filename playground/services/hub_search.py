"""Models of the Hub for a task: those of the catalog, and a search."""

from __future__ import annotations

import threading
import time

from playground.fields import Generated
from playground.i18n import LanguageName, Message, msg
from playground.models import hub
from playground.models.hub import Found, short_count
from playground.services.cards import pipeline_tag
from playground.tasks import get_task

REMEMBER_SECONDS = 30.0
WORDS_CHARS = 100
INSTRUCTED = "text2text-generation"
"""What the Hub calls T5 and its kind, which write for every task."""
_asking = threading.Lock()
_answered_at: float | None = None


def search(task_id: str, words: str) -> list[Found]:
    """Models for a task whose names have those words, the most downloaded first. Raises PlaygroundError."""
    task = get_task(task_id)
    tags = [pipeline_tag(task), *([INSTRUCTED] if isinstance(task.output, Generated) else [])]
    return hub.search(tags, str(words or "").strip()[:WORDS_CHARS])


def online() -> bool:
    """Whether the Hub answers. Yes holds for half a minute; after a no, it is asked again."""
    global _answered_at
    with _asking:
        if _answered_at is None or time.monotonic() - _answered_at > REMEMBER_SECONDS:
            _answered_at = time.monotonic() if hub.reachable() else None
        return _answered_at is not None


def line(found: Found) -> Message:
    """A model that was found, on one line."""
    languages: Message | list[LanguageName] = [LanguageName(code) for code in found.languages]
    if len(found.languages) > 2:
        languages = msg("ui.languages", count=len(found.languages))
    elif not found.languages:
        languages = msg("hub.no_language")
    licence = msg("hub.licence", licence=found.licence) if found.licence else msg("hub.no_licence")
    values = {"model": found.id, "languages": languages, "licence": licence, "downloads": f"{found.downloads:,}"}
    if not found.parameters:
        return msg("hub.found", **values)
    return msg("hub.found_sized", **values, count=short_count(found.parameters))
