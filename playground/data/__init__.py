"""Read a file, map its columns to a task's fields, check every row, split: all faults at once."""

from playground.data.check import Checked, Fault, check
from playground.data.mapping import Proposal, propose
from playground.data.rows import rows_of
from playground.data.split import split
from playground.data.table import Table, read

__all__ = ["Checked", "Fault", "Proposal", "Table", "check", "propose", "read", "rows_of", "split"]
