"""Charts of runs, and panels of one run (`one_run`) and of many (`fleet`)."""

from importlib import import_module
from types import ModuleType

from runkit.charts.panel import Panel

__all__ = ["Panel", "fleet", "one_run"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
