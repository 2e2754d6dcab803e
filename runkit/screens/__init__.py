"""What people read: panels of runs, in a notebook, on a page and in a terminal.

blocks     the blocks that panels are made of: tiles, tables, quotes, details; cells of tables
html       any block as HTML, and a page
terminal   any block as text
panel      `Panel`: a title, what was read, blocks, and sometimes a figure
overview   `overview`: the state of an account
fleet      panels of many runs; what needs somebody, in three groups
one_run    panels of one run
pages      the first screen of a report, its counts, the runs of some frames, what the shell shows

`runkit.overview(f)`:

1. `overview` reads the frames; `pages` counts the runs of each status from `runkit.facts`.
2. `fleet` selects and sorts what needs somebody; `gantt` draws the chart.
3. The `Panel` holds these as blocks; a notebook asks it for HTML, and a terminal for text.
4. `html` writes each block by a macro of Jinja; `blocks` writes the values of its tables.
"""

from importlib import import_module
from types import ModuleType

from runkit.screens.panel import Panel

__all__ = ["Panel", "fleet", "one_run"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
