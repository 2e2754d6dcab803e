"""Charts, panels and tables of whatever frames were made: drawn, or refused in words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from chart import values
from runkit.charts import fleet, one_run
from runkit.errors import UsageError
from runkit.html_tables import df_to_html
from strategies import ODD_TIMES, Case, fuzz, mangled, python_values
from support import run, step


def check_figure(figure: Any) -> None:
    """Check that a figure's JSON is strict, with nothing infinite in it, and says what it shows."""
    for trace in json.loads(figure.to_json(), parse_constant=pytest.fail)["data"]:
        for key in ("x", "base", "y"):
            assert np.isfinite(values(trace.get(key))).all()
    assert figure.layout.meta["alt"]


odd_times = st.sampled_from(ODD_TIMES)
times_of_runs = st.builds(
    lambda start, end: [
        run(step("a") | {"started_at": start, "completed_at": end}, started_at=start, ended_at=end)
    ],
    *(odd_times, odd_times),
)


@fuzz(30)
@given(
    (st.lists(mangled(python_values), min_size=1, max_size=5) | times_of_runs).map(Case),
    st.sampled_from([True, False, "auto"]),
    st.sampled_from(["auto", None, 1, 2]),
)
def test_any_frames_are_drawn(
    case: Case, compress_waits: bool | str, depth: int | str | None
) -> None:
    """One, two, a few or many runs, folded or not, to any depth."""
    f = runkit.frames(case.value)
    options = {"compress_waits": compress_waits, "depth": depth} if len(f.runs) <= 4 else {}
    if f.runs.empty:
        with pytest.raises(UsageError, match="no run to draw"):
            runkit.gantt(f, **options)
    else:
        check_figure(runkit.gantt(f, **options))


@fuzz(15)
@given(st.lists(mangled(python_values), max_size=6).map(Case))
def test_any_frames_are_reported(case: Case) -> None:
    """Each panel of many runs, and of one, where another number is refused; tables escape all text."""
    f = runkit.frames(case.value)
    panels = [getattr(fleet, name)(f) for name in fleet.__all__]
    for of_one in (one_run.findings, one_run.questions):
        if len(f.runs) == 1:
            panels.append(of_one(f))
        else:
            with pytest.raises(UsageError, match="expected exactly one"):
                of_one(f)
    for panel in panels:
        assert panel.title
        assert panel.sentence
        assert repr(panel)
        assert panel._repr_mimebundle_()["text/html"]
        if panel.figure is not None:
            json.loads(panel.figure.to_json(), parse_constant=pytest.fail)
    for _, df in f.items():
        assert "<script" not in df_to_html(df)
