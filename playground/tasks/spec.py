"""What a task is. Everything else (tab, endpoint, command, columns, tests) is read off this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel
from pydantic import Field as Knob

from playground.fields import SPLIT, Field, Messages, Row, Text

PROMPT = "prompt"
"""The knob that holds a chat model's prompt."""
PROMPT_CHARS = 4_000


class Asking(BaseModel, extra="forbid"):
    """Knobs of a task that chat models do, too."""

    prompt: str = Knob(
        "", max_length=PROMPT_CHARS, description="How a chat model is asked; empty: the task's own words."
    )


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task declared as data.

    id        names the tab, the endpoint, the command-line word and examples/<id>.jsonl
    inputs    the fields a prediction takes, and the input columns of a dataset
    output    what is predicted, and the gold column of a dataset
    params    knobs of a prediction; bounds and help come from pydantic.Field
    heads     names of the model families (playground.heads) that can do it, best first
    models    model ids offered for it, the default first
    bases     model ids that can be fine-tuned for it, and networks that can be trained from nothing ("scratch/…"),
              the default first
    metrics   names of metrics (playground.services.metrics), the one that decides first
    baselines names of baselines a fine-tune is reported beside
    together  names of inputs: rows that agree in all of these stay on one side of a split; () means all inputs
    extras    head -> inputs that models of that head take besides; a dataset has no columns for them
    documents whether the tab also asks whole documents
    least_tokens the shortest window of tokens (max_length) in which it can be learned
    cuts      whether a text longer than a model reads is cut, rather than read in several windows
    one_text  whether what a model reads and what it writes stand in one window
    needless  names of inputs that models which write can do without
    within    id of the task in whose tab, endpoint and command its models answer; "" where it has its own
    """

    id: str
    inputs: tuple[Field, ...]
    output: Field
    params: type[BaseModel]
    heads: tuple[str, ...]
    models: tuple[str, ...]
    bases: tuple[str, ...]
    metrics: tuple[str, ...]
    baselines: tuple[str, ...]
    together: tuple[str, ...] = ()
    extras: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    documents: bool = False
    least_tokens: int = 8
    cuts: bool = False
    one_text: bool = False
    needless: tuple[str, ...] = ()
    within: str = ""

    @property
    def prompt(self) -> str:
        """Key of the words with which chat models are asked to do it, in the catalogs; "" where they are not."""
        return f"prompt.{self.id}" if PROMPT in self.params.model_fields else ""

    @property
    def tab(self) -> str:
        """Id of the task in whose tab its models answer."""
        return self.within or self.id

    @property
    def fields(self) -> tuple[Field, ...]:
        """All columns of a dataset for this task: inputs, the gold output, then the split, if the dataset has one."""
        return (*self.inputs, self.output, SPLIT)

    @property
    def extra_inputs(self) -> tuple[Field, ...]:
        """The inputs that only models of some heads take, each once."""
        return tuple({extra.name: extra for extras in self.extras.values() for extra in extras}.values())

    def read(self, row: Row) -> list[str]:
        """The texts of a row as a model reads and writes them: each alone, or all of them as one."""
        found: list[str] = []
        for item in (*self.inputs, self.output):
            value = row.get(item.name)
            if isinstance(item, Messages):
                found += [turn["content"] for turn in value or []]
            elif isinstance(item, Text):
                found.append(value or "")
        return ["\n".join(filter(None, found))] if self.one_text else found

    @property
    def kept_together(self) -> tuple[str, ...]:
        """Names of the inputs that decide whether two rows may be on different sides of a split."""
        return self.together or tuple(field.name for field in self.inputs)
