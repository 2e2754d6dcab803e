"""Charts of runs, and panels of one run (`one_run`) and of many (`fleet`).

gantt             `gantt`: what runs did and when
_bars             what a chart shows, as one DataFrame: a row for each step
_placement        which steps have a row, and the time axis, which folds long waits
_marks            bars, what is solid of them, waits and labels as plotly's dicts
_pair_chart       two runs, step under step
_fleet_chart      many runs, a row for each
_fleet_points     many runs, a point for each
figure            plotly's figure with a static picture and a sentence beside it
svg               a figure as a static SVG
_svg_elements     elements of SVG
theme             the look of figures
panel             `Panel`: a title, a sentence, a table and sometimes a figure
one_run           panels of one run
step_panel        what one step returned, found and took
fleet             panels of many runs
needs_attention   what needs somebody, worst first
report_panels     panels of the templates of reports
overview          `overview`: the state of an account
page              one HTML file that runs no script

`runkit.gantt(f)`, for the chart of one run:

1. `gantt` chooses by the number of runs: a tree, a pair, agents, or a fleet.
2. `_placement` chooses the steps with a row of their own, and folds long waits.
3. `_bars` makes one DataFrame: each step with its row, position, label, hover text and state.
4. `_marks` turns it into plotly's dicts: bars, what is solid of them, waits and labels.
5. `gantt` adds the heading and the notes of what is left out, and returns a `RunFigure`.
6. In a notebook, `RunFigure` shows plotly's figure, and the picture that `svg` draws of it for
   exports.
"""

from importlib import import_module
from types import ModuleType

from runkit.charts.panel import Panel

__all__ = ["Panel", "fleet", "one_run", "report_panels"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
