"""What is read in one batch is what is read in many."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from runkit.tables import sources as reading
from strategies import mangled

Json = dict[str, Any]


def counts(f: runkit.Frames) -> dict[str, int]:
    """How many problems of each kind there are."""
    return f.problems.groupby("problem", observed=True)["n"].sum().to_dict()


@given(st.lists(mangled(), max_size=5), st.integers(1, 3000))
def test_the_size_of_batches_changes_no_value(sources, n_bytes):
    """Small and large batches give the same frames; the problems may come in another order."""
    text = b"\n".join(json.dumps(source).encode() for source in sources)
    whole = runkit.frames(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BATCH_BYTES", n_bytes)
        cut = runkit.frames(text)
    for name, df in whole.items():
        if name != "problems":  # the first of a kind are others
            pd.testing.assert_frame_equal(df, getattr(cut, name))
    assert counts(whole) == counts(cut)
