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

`help(runkit.gantt)` and so on explain each name; `f.schema` explains the columns.
"""
# Names are loaded when they are first used, so that `import runkit` costs a fraction of `import
# pandas`. `__init__.pyi` says where each is, for type checkers and for this module.

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.5.0"
_loader: Any = __spec__.loader  # it reads from a folder or from a zip file
_stub = _loader.get_data(f"{__file__}i").decode()
_lines = [line.split() for line in _stub.splitlines() if line.startswith("from runkit.")]
_HOME = {name: module for _, module, _, name, *_ in _lines}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        names = ", ".join(__all__)
        raise AttributeError(f"module 'runkit' has no attribute {name!r}; it has {names}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "errors"])
