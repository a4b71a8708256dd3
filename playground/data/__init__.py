"""Read a file, map its columns to a task's fields, check every row, split: all faults at once."""

from playground.data.check import Checked, check
from playground.data.faults import Fault
from playground.data.mapping import Proposal, propose
from playground.data.rows import rows_of
from playground.data.split import marked, split
from playground.data.table import Table, read

__all__ = ["Checked", "Fault", "Proposal", "Table", "check", "marked", "propose", "read", "rows_of", "split"]
