"""Investigate runs of Middesk's agents: DataFrames, Gantt charts, interrupts, and a sandbox to try it all on.

Names are loaded when they are first used, so that `import runkit` costs a fraction of `import pandas`. For
type checkers they are in `__init__.pyi`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_HOME = {
    "Archive": "runkit.archive.archive",
    "Client": "runkit.client",
    "FeedbackForm": "runkit.widgets.feedback",
    "Frames": "runkit.tables.frames",
    "InterruptForm": "runkit.widgets.form",
    "InterruptInbox": "runkit.widgets.inbox",
    "Redaction": "runkit.reports.redaction",
    "Run": "runkit.models",
    "RunList": "runkit.client",
    "RunMonitor": "runkit.widgets.monitor",
    "RunkitError": "runkit.errors",
    "actions": "runkit.analysis.actions",
    "answer_log": "runkit.answers",
    "compare": "runkit.tables.compare",
    "decisions": "runkit.analysis.decisions",
    "frames": "runkit.tables.frames",
    "gantt": "runkit.charts.gantt",
    "overview": "runkit.charts.overview",
    "read": "runkit.tables.frames",
    "report": "runkit.reports.report",
    "report_data": "runkit.reports.data",
    "sandbox": "runkit.server",
    "to_otlp": "runkit.analysis.export",
    "to_perfetto": "runkit.analysis.export",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'runkit' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "errors"])
