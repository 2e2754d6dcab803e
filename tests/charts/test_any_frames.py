"""Charts of whatever frames were made: drawn, or refused in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from chart import values
from runkit.errors import UsageError
from strategies import fuzz, mangled


@fuzz(30)
@given(
    st.lists(mangled(), min_size=1, max_size=5),
    st.sampled_from([True, False, "auto"]),
)
def test_any_frames_have_a_chart(source, compress_waits):
    """With strict JSON, nothing infinite in it, and a sentence."""
    f = runkit.frames(source)
    options = {"compress_waits": compress_waits} if len(f.runs) <= 4 else {}
    if f.runs.empty:
        with pytest.raises(UsageError, match="no run to draw"):
            runkit.gantt(f)
        return
    figure = runkit.gantt(f, **options)
    for trace in json.loads(figure.to_json(), parse_constant=pytest.fail)["data"]:
        assert all(np.isfinite(values(trace.get(key))).all() for key in ("x", "base", "y"))
    assert figure.layout.meta["alt"]
