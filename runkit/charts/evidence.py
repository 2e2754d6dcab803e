"""What counts as a finding: one rule for one run and for many."""

from __future__ import annotations

import pandas as pd

from runkit.tables.linked import Frames

STEP = ["run_id", "step_id"]


def findings_of(f: Frames) -> pd.DataFrame:
    """Give the rows of the artifacts frame without those of error steps.

    What an error step carries is the report of a failure and no finding: it has no evidence to rest on.
    """
    failed = pd.MultiIndex.from_frame(f.steps.loc[f.steps["type"] == "error", STEP])
    return f.artifacts[~pd.MultiIndex.from_frame(f.artifacts[STEP]).isin(failed)]
