"""Investigate runs of Middesk's agents in Jupyter: DataFrames, Gantt charts, answers, reports.

    import runkit

    with runkit.sandbox(history=12) as box, box.client() as client:  # no account needed
        f = runkit.frames(client.runs.fetch(client.runs.list()))
    runkit.overview(f)

Read       `sandbox`, `Client`, `Run`, `RunList`, `frames`, `Frames`, `read`, `Archive`
Look       `overview`, `gantt`, `compare`, and the panels of `runkit.charts.one_run`, `side_by_side`, `fleet`
Answer     `InterruptInbox`, `InterruptForm`, `RunMonitor`, `FeedbackForm`, `answer_log`
Analyze    `actions`, `decisions`
Share      `report`, `report_data`, `Redaction`, `to_perfetto`, `to_otlp`
Errors     `RunkitError` is the base of all; `runkit.errors` lists them

`help(runkit.gantt)` and so on explain each name; `f.schema` explains the columns.
"""
# Names are loaded when they are first used, so that `import runkit` costs a fraction of `import pandas`.
# For type checkers they are in `__init__.pyi`.

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0.dev0"
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
