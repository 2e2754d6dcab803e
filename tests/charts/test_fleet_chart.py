"""Many runs in one figure: what is drawn, in which order, and what is said of the rest."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from plotly.graph_objects import Figure

import runkit
from runkit.charts import _fleet_chart, _fleet_points
from runkit.charts._fleet_chart import MAX_ROWS, fleet_chart
from runkit.facts import Facts
from support import START, at, question, run, step

HOUR = 3_600


def made(number: int, status: str, wait: float = 0, **known: str) -> dict[str, Any]:
    """A run that worked for 60 s + `number` and then waited for `wait` seconds."""
    start = 1_000_000 - 100 * number
    work = start + 60 + number
    end = work + wait
    steps = [step("work", start, work)]
    if wait:
        steps.append(question("ask", work, None if status == "interrupted" else end))
    until = None if status in ("interrupted", "running") else end
    known |= {"read_at": at(end)}
    return run(*steps, start=start, end=until, status=status, run_id=f"{number:08d}", _runkit=known)


def chart(*runs: dict[str, Any], **options: Any) -> Figure:
    """The figure of runs."""
    return fleet_chart(Facts(runkit.frames(list(runs))), **options)


def labels(figure: Figure) -> list[str]:
    """The ids of the rows, from top to bottom."""
    rows = zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True)
    return [number[0] for _, text in sorted(rows) if (number := re.findall(r"\d{8}", text))]


MIXED = (
    made(1, "completed"),
    made(2, "interrupted", 5 * HOUR),
    made(3, "error"),
    made(4, "interrupted", 9 * HOUR),
    made(5, "completed", 2 * HOUR),
    made(6, "running"),
)


@pytest.mark.parametrize("group", ["business", "agent"])
def test_groups_have_counts(group):
    """The largest group comes first; a run without the name is in a group of its own."""
    known = {"business_name": "B", "agent_name": "B", "business_id": "b"}
    runs = [made(n, "completed", **known) for n in (1, 2, 3)]
    figure = chart(*runs, made(4, "completed"), group=group)
    heads = [text for text in figure.layout.yaxis.ticktext if text.startswith("<b>")]
    assert [head.rsplit(" ", 1)[1] for head in heads] == ["3", "1"]


def many(n: int) -> list[dict[str, Any]]:
    """Runs of which every tenth waits."""
    return [
        made(n, "interrupted" if n % 10 == 0 else "completed", 60.0 * (n % 3) + 1) for n in range(n)
    ]


def test_the_first_date_of_each_year_has_the_year():
    """Runs from December 27, 2025, to January 4, 2026, one a day."""
    begin = (datetime(2025, 12, 27, tzinfo=UTC) - START).total_seconds()
    starts = [begin + n * 24 * HOUR for n in range(9)]
    runs = [run(run_id=f"{start}", start=start, end=start + 60) for start in starts]
    dates = ["Dec 28, 2025", "Dec 30", "Jan 1, 2026", "Jan 3"]
    assert [*chart(*runs, is_small=True).layout.xaxis.ticktext] == dates


def test_points_are_bounded_and_the_rest_is_counted(monkeypatch):
    """No waiting run is left out before a completed one."""
    for module in (_fleet_chart, _fleet_points):
        monkeypatch.setattr(module, "MAX_POINTS", 30)
    figure = chart(*many(MAX_ROWS + 10))
    assert sum(len(trace.x) for trace in figure.data) == 30
    waiting = next(trace for trace in figure.data if "Waiting" in trace.name)
    assert len(waiting.x) == 16
    assert "30 of 160 runs drawn" in figure.layout.title.text
