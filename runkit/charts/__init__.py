"""Charts of runs: Gantt charts, and panels of one run, of two and of many."""

from runkit.charts.panel import Panel

__all__ = ["Panel"]
