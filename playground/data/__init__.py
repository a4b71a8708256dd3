"""Read a file, map its columns to a task's fields, check every row, split: all faults at once."""

from playground.data.again import table_again
from playground.data.check import Checked, check
from playground.data.faults import Fault, Found, fault
from playground.data.fixes import FIXES, MAX_LENGTH, Mended, fix_label
from playground.data.mapping import Proposal, propose
from playground.data.rows import numbered_rows, rows_of
from playground.data.sniff import SHARD, TABLES
from playground.data.split import Sides, split
from playground.data.table import TOGETHER, Several, Table, read

__all__ = [
    "FIXES", "MAX_LENGTH", "SHARD", "TABLES", "TOGETHER", "Checked", "Fault", "Found", "Mended", "Proposal", "Several",
    "Sides", "Table", "check", "fault", "fix_label", "numbered_rows", "propose", "read", "rows_of", "split",
    "table_again",
]  # fmt: skip
