"""Reads files one after the other, as the child that reads an upload does: `python -m tests.data.reading FILE ...`.

Prints a line of JSON a file: [name, outcome], where the outcome is a number of rows or the code of a refusal.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from playground.data.reader import limit_this_process, read_file
from playground.errors import PlaygroundError

MEMORY_MB = 1024
SECONDS = 5.0


def main(paths: list[Path]) -> None:
    sys.modules["numpy"] = None  # type: ignore[assignment]  # as there
    limit_this_process(MEMORY_MB, 3_600)
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            start = time.process_time()
            try:
                outcome: int | str = read_file(path, Path(folder) / "rows", 200_000)["rows"]
            except PlaygroundError as error:
                outcome = error.code
            except MemoryError:
                outcome = "data_memory"
            if time.process_time() - start > SECONDS:
                outcome = "it took too long"
            print(json.dumps([path.name, outcome]), flush=True)


if __name__ == "__main__":
    main(list(map(Path, sys.argv[1:])))
