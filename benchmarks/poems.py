"""Are the poems that starter/poem-zh writes quatrains, and are they its own?

`python -m benchmarks.poems`, with PLAYGROUND_DATA naming the data folder: 100 poems are asked for by their form, half
of them 五绝 and half 七绝, with the tab's own settings and the seeds 1 to 100.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hardware import hardware
from examples.recipes.texts import poem_zh, verses

ASKED = 100
LENGTHS = (5, 7)
FORMS = ("五绝", "七绝") * (ASKED // 2)
MODEL = "starter/poem-zh"


@dataclass(frozen=True)
class Verdict:
    """quatrains: of four lines of 5 or of 7 characters; known: lines that stand in the training text."""

    poems: int
    quatrains: int
    lines: int
    known: int


def judge(poems: Sequence[str], known: Iterable[str]) -> Verdict:
    """`known`: all lines of the training text, without their marks."""
    known = set(known)
    written = [verses(poem) for poem in poems]
    quatrains = sum(len(lines) == 4 and {len(line) for line in lines} in [{n} for n in LENGTHS] for lines in written)
    every = [line for lines in written for line in lines]
    return Verdict(len(poems), quatrains, len(every), sum(line in known for line in every))


def written() -> list[str]:
    """The poems, half of them of each form in turn."""
    from playground.services.predict import predict

    return [
        predict("generation", {"text": f"{form}\n"}, model=MODEL, params={"seed": seed})["generated_text"]
        for seed, form in enumerate(FORMS, 1)
    ]


def measured(poems: Sequence[str] = ()) -> Verdict:
    """Of `poems`, or of those that are written now."""
    rows = poem_zh(Path(os.environ["PLAYGROUND_DATA"]))
    known = {line for row in rows if row["split"] == "train" for line in verses(row["text"])}
    return judge(poems or written(), known)


def main() -> None:
    print(hardware())
    poems = written()
    found = measured(poems)
    print(f"quatrains: {found.quatrains} of {found.poems}; lines of the training text: {found.known} of {found.lines}")
    for form, poem in list(zip(FORMS, poems, strict=True))[:6]:
        print(f"{form}\n{poem.strip()}\n")


if __name__ == "__main__":
    main()
