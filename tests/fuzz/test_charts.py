"""Charts, comparisons, tables and sentences of whatever frames were made: drawn, or refused in words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import runkit
from drawn import Drawn, values
from fuzz.made import ODD_TIMES, Case, fuzz, mangled, python_values
from runkit.charts import fleet, one_run
from runkit.charts.panel import Panel
from runkit.errors import UsageError
from runkit.html_tables import df_to_html
from support import run, step

OF_ONE = (one_run.findings, one_run.questions)
OF_MANY = tuple(map(fleet.__dict__.__getitem__, fleet.__all__))


def drawn(f: runkit.Frames, **options: Any) -> Drawn:
    """A figure whose JSON is strict, with nothing infinite in it."""
    figure = runkit.gantt(f, **options)
    text = figure.to_json()
    made = Drawn(json.loads(text, parse_constant=pytest.fail))
    for trace in made.json["data"]:
        for key in ("x", "base", "y"):
            assert np.isfinite(values(trace.get(key))).all()
    assert figure.layout.meta["alt"]
    return made


@fuzz(20)
@given(
    st.lists(mangled(python_values), min_size=1, max_size=5).map(Case),
    st.sampled_from([True, False, "auto"]),
    st.sampled_from(["auto", None, 1, 2]),
)
def test_any_frames_are_drawn(
    case: Case,
    compress_waits: bool | str,
    depth: int | str | None,
) -> None:
    """One, two, a few or many runs, folded or not, to any depth."""
    f = runkit.frames(case.value)
    options: dict[str, Any] = {}
    if len(f.runs) <= 4:
        options = {"compress_waits": compress_waits, "depth": depth}
    if f.runs.empty:
        with pytest.raises(UsageError, match="no run to draw"):
            runkit.gantt(f, **options)
    else:
        drawn(f, **options)


@fuzz(20)
@given(st.sampled_from(ODD_TIMES), st.sampled_from(ODD_TIMES))
def test_odd_times_are_drawn(start: str, end: str) -> None:
    """Whatever of them can be read."""
    f = runkit.frames(
        run(step("a") | {"started_at": start, "completed_at": end}, started_at=start, ended_at=end)
    )
    drawn(f)


def shown(made: Panel) -> None:
    """All forms of an exhibit."""
    assert made.title
    assert made.sentence
    assert repr(made)
    assert isinstance(df_to_html(made.table), Markup)
    if made.figure is not None:
        json.loads(made.figure.to_json(), parse_constant=pytest.fail)


@fuzz(15)
@given(mangled(python_values).map(Case))
def test_any_run_is_reported(case: Case) -> None:
    """Each panel of one run, or the refusal of another number of runs."""
    f = runkit.frames(case.value)
    for exhibit in OF_ONE:
        if len(f.runs) == 1:
            shown(exhibit(f))
        else:
            with pytest.raises(UsageError, match="expected exactly one"):
                exhibit(f)


@fuzz(10)
@given(st.lists(mangled(python_values), max_size=6).map(Case))
def test_any_fleet_is_reported(case: Case) -> None:
    """Each part of the report of many runs, of none too."""
    f = runkit.frames(case.value)
    for exhibit in OF_MANY:
        shown(exhibit(f))


@fuzz(15)
@given(st.lists(mangled(python_values), max_size=3).map(Case))
def test_any_frame_is_readable(case: Case) -> None:
    """As an HTML table that says what it leaves out, with all text escaped."""
    for _, df in runkit.frames(case.value).items():
        html = df_to_html(df)
        assert "<script" not in html
        assert html.count("<tr>") <= len(df) + 1
