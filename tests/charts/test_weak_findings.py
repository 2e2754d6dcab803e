"""The panel of evidence: which findings claim more than their sources carry."""

from __future__ import annotations

from typing import Any

import runkit
from runkit.charts import fleet
from support import artifact, run, step


def found(
    title: str, confidence: str, *sources: tuple[str, str | None], kind: str = "registration"
) -> dict[str, Any]:
    """A finding with sources: their addresses and tiers."""
    evidence = [
        {"url": url, "source_name": "Register", "source_tier": tier} for url, tier in sources
    ]
    return artifact(title, type=kind, confidence=confidence, sources=evidence)


def test_each_weakness_of_evidence_is_a_row():
    """Each weakness is a row; a finding with a good source, and one of another run or type, is none."""
    register = ("https://register.example/1", "primary")
    web = ("https://web.example/1", "secondary")
    blog = ("https://web.example/2", "secondary")
    findings = [
        found("bare", "medium"),
        found("sure of the web", "high", web, blog, kind="address"),
        found("sure of its word", "high", ("https://paid.example/1", "commercial"), kind="web"),
        found("not so sure", "medium", web, kind="address"),
        found("sure", "high", register),
        found("not sure", "low", register),
        found("of another type", "low", register, kind="address"),
        found("whose tier is not known", "high", ("https://web.example/3", None)),
    ]
    other = [found("sure as well", "high", register), found("a word", "certain", register)]
    runs = [
        run(
            step("s", artifacts=findings),
            run_id="one",
            output={"artifacts": [artifact("Summary", sources=[])]},
        ),
        run(step("t", artifacts=other), run_id="other"),
    ]
    panel = fleet.weak_findings(runkit.frames(runs))
    assert list(zip(panel.table["weakness"], panel.table["title"], strict=True)) == [
        ("no source", "bare"),
        ("high confidence, no source of a known government or primary tier", "sure of the web"),
        ("high confidence, no source of a known government or primary tier", "sure of its word"),
        ("high and low confidence on one source", "sure"),
        ("high and low confidence on one source", "not sure"),
    ]
    assert panel.table["n_hosts"].tolist() == [0, 1, 1, 1, 1]
    assert panel.sentence.startswith("5 of 10 findings with weak evidence; 1 not known: 2 high")
    assert panel.table["best_tier"].fillna("").tolist()[2] == "commercial"
    assert "▯▯▯ commercial" in panel._repr_mimebundle_()["text/html"]
