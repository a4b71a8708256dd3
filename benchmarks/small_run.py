"""From the click on Start to the first answer: 200 rows, two classes, in a browser. The bar is 90 seconds."""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.browser import trained_in_the_browser
from benchmarks.hardware import hardware
from tests.ui.conftest import winner

DATASET = Path(__file__).parent.parent / "examples" / "datasets" / "classification" / "support-tickets.csv"
ROWS = 200
BAR_SECONDS = 90


def two_classes(path: Path) -> None:
    """200 rows of two of the example dataset's three classes; texts that are used twice get a number."""
    with DATASET.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["topic"] != "account"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "topic"])
        for number in range(ROWS):
            row = rows[number % len(rows)]
            again = f" (order {number})" if number >= len(rows) else ""
            writer.writerow([row["message"] + again, row["topic"]])


def main() -> int:
    print(hardware())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "two-classes.csv"
        two_classes(path)
        with trained_in_the_browser(path, 600) as trained:
            page, shown = trained.page, trained.since_click()
            page.get_by_role("button", name="Use it", exact=True).click()
            expect(page.get_by_role("tab", name="Classification")).to_have_attribute("aria-selected", "true")
            page.get_by_label("Text", exact=True).fill("My parcel has not arrived.")
            page.get_by_role("button", name="Run", exact=True).click()
            expect(winner(page)).to_have_text("shipping", timeout=60_000)
            answered = trained.since_click()
    print(f"trained, checked in a fresh process and shown after {shown:.1f} s; answering after {answered:.1f} s")
    print(f"bar: {BAR_SECONDS} s")
    return 0 if answered <= BAR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
