"""Investigate runs of Middesk's agents: DataFrames, Gantt charts, interrupts, and a sandbox to try it all on.

Names are loaded when they are first used, so that `import runkit` costs a fraction of `import pandas`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runkit.analysis.actions import actions
    from runkit.analysis.decisions import decisions
    from runkit.analysis.export import to_otlp, to_perfetto
    from runkit.answers import answer_log
    from runkit.archive.archive import Archive
    from runkit.charts.gantt import gantt
    from runkit.charts.overview import overview
    from runkit.client import Client, RunList
    from runkit.errors import RunkitError
    from runkit.models import Run
    from runkit.reports.data import report_data
    from runkit.reports.redaction import Redaction
    from runkit.reports.report import report
    from runkit.server import sandbox
    from runkit.tables.compare import compare
    from runkit.tables.frames import Frames, frames, read
    from runkit.widgets.feedback import FeedbackForm
    from runkit.widgets.form import InterruptForm
    from runkit.widgets.inbox import InterruptInbox
    from runkit.widgets.monitor import RunMonitor

__version__ = "0.1.0"
__all__ = [
    "Archive",
    "Client",
    "FeedbackForm",
    "Frames",
    "InterruptForm",
    "InterruptInbox",
    "Redaction",
    "Run",
    "RunList",
    "RunMonitor",
    "RunkitError",
    "actions",
    "answer_log",
    "compare",
    "decisions",
    "frames",
    "gantt",
    "overview",
    "read",
    "report",
    "report_data",
    "sandbox",
    "to_otlp",
    "to_perfetto",
]

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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'runkit' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "errors"])
