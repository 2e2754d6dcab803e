"""The six frames by a plain loop over parsed JSON: what every cell of runkit's frames must be.

Written from the rules of the frames alone, and never from the library. Times are whole
microseconds, spans are seconds, null is None; a frame is a list of rows. `differences` compares
real frames with it, cell by cell, but for `NOT_FIXED`: what no rule fixes.
"""

from oracle.compare import KEYS, NOT_FIXED, differences, in_order, rows_of
from oracle.tables import Tables, tables
from oracle.values import Row

__all__ = [
    "KEYS",
    "NOT_FIXED",
    "Row",
    "Tables",
    "differences",
    "in_order",
    "rows_of",
    "tables",
]
