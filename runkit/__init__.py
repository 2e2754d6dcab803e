"""Investigate runs of Middesk's agents in Jupyter: DataFrames, Gantt charts, answers, reports.

    import runkit

    with runkit.sandbox(history=12) as box, box.client() as client:  # no account needed
        f = runkit.frames(client.runs.fetch(client.runs.list()))
    runkit.overview(f)

Read       `sandbox`, `Client`, `Run`, `RunList`, `frames`, `Frames`
Look       `overview`, `gantt`, `compare`, and the panels of `runkit.one_run` and `runkit.fleet`
Answer     `InterruptInbox`, `InterruptForm`, `RunMonitor`, `answer_log`
Analyze    `search`, `changes`, `decisions`
Share      `report`, `report_data`, `Redaction`
Errors     `RunkitError` is the base of all; `runkit.errors` lists them

`compare`, `search`, `changes` and `decisions` return DataFrames; `overview` and the functions of
`one_run` and `fleet` return panels, with a DataFrame in `.table`.

`help(runkit.gantt)` and so on explain each name; `f.schema` explains the columns.
"""
# Names are loaded when they are first used, so that `import runkit` costs a fraction of `import
# pandas`. `__init__.pyi` says the same to type checkers.

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.5.0"
_MODULE_OF = {
    "Client": "runkit.client.client",
    "Frames": "runkit.tables.frames",
    "InterruptForm": "runkit.widgets.interrupt_form",
    "InterruptInbox": "runkit.widgets.interrupt_inbox",
    "Redaction": "runkit.reports.redaction",
    "Run": "runkit.api.models",
    "RunList": "runkit.client.run_list",
    "RunMonitor": "runkit.widgets.run_monitor",
    "RunkitError": "runkit.errors",
    "answer_log": "runkit.local.answer_log",
    "changes": "runkit.analysis.compare",
    "compare": "runkit.analysis.compare",
    "decisions": "runkit.analysis.decisions",
    "errors": "runkit.errors",
    "fleet": "runkit.screens.fleet",
    "frames": "runkit.tables.read_frames",
    "gantt": "runkit.charts.gantt",
    "one_run": "runkit.screens.one_run",
    "overview": "runkit.screens.overview",
    "report": "runkit.reports.report",
    "report_data": "runkit.reports.report_data",
    "sandbox": "runkit.server.sandbox",
    "search": "runkit.analysis.search",
}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        names = ", ".join(__all__)
        raise AttributeError(f"module 'runkit' has no attribute {name!r}; it has {names}")
    module = import_module(_MODULE_OF[name])
    value = globals()[name] = getattr(module, name, module)  # `errors` and two others are modules
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
