"""The tasks, in the order of their tabs. A new task is a file here and a word in NAMES."""

from __future__ import annotations

from importlib import import_module

from playground.errors import PlaygroundError
from playground.tasks.spec import Task

NAMES: tuple[str, ...] = ("classification", "ner", "qa")

TASKS: tuple[Task, ...] = tuple(import_module(f"{__name__}.{name}").TASK for name in NAMES)


def get_task(task_id: str) -> Task:
    """The task of that id, or a PlaygroundError that lists the ids there are."""
    for task in TASKS:
        if task.id == task_id:
            return task
    raise PlaygroundError("unknown_task", task=task_id, tasks=list(NAMES))
