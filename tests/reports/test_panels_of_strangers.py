"""Panels of reports on runs that are not read, and on findings without outputs."""

from __future__ import annotations

import runkit
from runkit.charts import report_panels
from support import artifact, run, step

READ = run(step("a", artifacts=[artifact(f"Finding {n}") for n in range(13)]), run_id="read")
LISTED = run(run_id="listed")


def test_findings_of_a_run_that_was_not_read_are_in_no_comparison():
    panel = report_panels.different_findings(runkit.frames([READ, LISTED]))
    assert panel.table.empty
    assert panel.sentence.startswith("Findings of 1 run not known")
    facts = report_panels.different_facts(runkit.frames([READ, LISTED])).table.set_index("fact")
    assert facts.loc["Findings"].tolist() == ["13", "–"]
