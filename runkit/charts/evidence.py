"""What counts as a finding: one rule for one run and for many."""

from __future__ import annotations

import pandas as pd

from runkit.tables.frames import Frames


def findings_of(f: Frames) -> pd.DataFrame:
    """Give the artifacts, each finding once: a proposal may repeat what a step found."""
    return f.artifacts[~f.artifacts["is_repeat"]]
