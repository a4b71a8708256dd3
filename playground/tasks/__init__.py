"""The tasks, in the order of their tabs. A new task is a file here and a word in NAMES.

A task without a tab of its own is a word in WITHIN: it is learned and scored, and its models answer in another's tab.
"""

from __future__ import annotations

from importlib import import_module

from playground.errors import PlaygroundError
from playground.tasks.spec import Task

NAMES: tuple[str, ...] = ("classification", "translation", "ner", "qa", "summarization", "generation")

WITHIN: tuple[str, ...] = ("multi_label",)

TASKS: tuple[Task, ...] = tuple(import_module(f"{__name__}.{name}").TASK for name in NAMES)

LEARNED: tuple[Task, ...] = tuple(
    sorted(
        (*TASKS, *(import_module(f"{__name__}.{name}").TASK for name in WITHIN)),
        key=lambda task: NAMES.index(task.tab),
    )
)
"""What can be learned from a dataset: each task, and after it those whose models answer in its tab."""


def get_task(task_id: str) -> Task:
    """The task of that id, or a PlaygroundError that lists the ids there are."""
    for task in LEARNED:
        if task.id == task_id:
            return task
    raise PlaygroundError("unknown_task", task=task_id, tasks=[task.id for task in LEARNED])
