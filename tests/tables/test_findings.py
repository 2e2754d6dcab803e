"""Artifacts, sources and questions.

What was found, on which evidence, and what a person was asked.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import runkit
from support import artifact, question, run, step


def pending(item_id: str = "int-1", **value: Any) -> dict[str, Any]:
    return {"id": item_id, "value": {"label": "Approve?", "agent": "a"} | value}


def asking_run(*steps: dict[str, Any], items: list[dict[str, Any]], **more: Any) -> runkit.Frames:
    return runkit.frames(run(*steps, end=None, status="interrupted", interrupts=items, **more))


NAMED = [question("int-2", 10, None), question("s2", 20, None, result={"interrupt_id": "int-1"})]
ALIKE = [question(name, 10, None, agent=name, label="Approve?") for name in ("b", "a")]


@pytest.mark.parametrize(
    ("steps", "items", "rows", "problems"),
    [
        (NAMED, ["int-1", "int-2"], [["int-2", "int-2"], ["int-1", "s2"]], []),
        ([*ALIKE, question("c", 10, None)], ["int-1"], [["", "b"], ["int-1", "a"], ["", "c"]], []),
        (
            [question("done", 1, 5), question("open", 10, None, agent="x")],
            ["int-1"],
            [["", "done"], ["int-1", "open"]],
            [],
        ),
        (
            [question("p", 1, None), question("q", 1, None)],
            ["int-1"],
            [["", "p"], ["", "q"], ["int-1", ""]],
            ["unpaired_interrupt"],
        ),
        ([], ["int-1"], [["int-1", ""]], []),  # as a list page shows it
    ],
    ids=["by id", "by agent and label", "only one of each", "fits neither", "no steps"],
)
def test_a_question_and_its_step_are_one_row(steps, items, rows, problems):
    frames = asking_run(*steps, items=[pending(item) for item in items])
    assert frames.interrupts[["interrupt_id", "step_id"]].fillna("").values.tolist() == rows
    assert frames.problems["problem"].tolist() == problems


@pytest.mark.parametrize(
    ("pause", "status", "outcome", "wait"),
    [
        (question("q", 10, 30), "completed", "answered", 20),
        (
            question("q", 10, 11, result={"resolution": "auto_approve"}),
            "completed",
            "auto_approve",
            1,
        ),
        (question("q", 10, 10, result={"resolution": "skip"}), "completed", "skip", 0),
        (question("q", 10, 11, resolution="skip"), "completed", "skip", 1),
        (question("q", 10, None), "error", "lapsed", 90),
    ],
)
def test_a_question_is_answered_settled_by_policy_or_lapsed(pause, status, outcome, wait):
    """Answered by a person, settled by the policy (in either place), or lapsed with its run."""
    row = runkit.frames(run(pause, status=status)).interrupts.iloc[0]
    assert (row["outcome"], row["wait_s"]) == (outcome, wait)


def test_artifacts_are_numbered_over_the_run():
    """Steps in tree order, then the output; the number joins the sources."""
    sources = [{"url": "https://a.example/x"}, {"url": "https://b.example"}]
    inner = step("b", artifacts=[artifact("two", sources=sources)])
    frames = runkit.frames(
        run(
            step("a", artifacts=[artifact("one")], steps=[inner]),
            output={"artifacts": [artifact("three", sources=sources[:1])]},
        )
    )
    assert frames.artifacts[["artifact_no", "title", "origin", "n_sources"]].values.tolist() == [
        [0, "one", "step", 0],
        [1, "two", "step", 2],
        [2, "three", "output", 1],
    ]
    joined = frames.sources.merge(frames.artifacts, on=["run_id", "artifact_no"])
    assert joined["title_x"].tolist() == joined["title_y"].tolist() == ["two", "two", "three"]
    assert frames.sources["source_no"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://SOS.example.gov/business/1", "sos.example.gov"),
        ("https://user:secret@example.com:8443/x", "example.com"),
        ("http://[::1]/x", "[::1]"),
        ("urn:isbn:1", None),
        ("not a url", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_source_has_its_host_in_lower_case(url, host):
    """In lower case, without user and port; null where there is none."""
    found = runkit.frames(run(step("a", artifacts=[artifact(sources=[{"url": url}])]))).sources[
        "host"
    ]
    assert found.astype(object).where(found.notna(), None).tolist() == [host]


@pytest.mark.parametrize(
    ("sources", "n_hosts", "tier"),
    [
        (
            [("https://a.example/1", "secondary"), ("https://a.example/2", "secondary")],
            1,
            "secondary",
        ),
        ([("https://a.example", "secondary"), ("https://B.example/", "primary")], 2, "primary"),
        ([("x", "rumor"), ("x", "secondary"), ("x", "government")], 0, "government"),
        ([(None, None), ("https://c.example", "rumor")], 1, "other"),
        ([("https://c.example", None)], 1, None),
        ([], 0, None),
    ],
)
def test_a_finding_has_its_number_of_hosts_and_best_tier(sources, n_hosts, tier):
    """Pages of one site are one host; the best tier is the most official one.

    Another word is `other`.
    """
    found = artifact(sources=[{"url": url, "source_tier": word} for url, word in sources])
    [row] = runkit.frames(run(step("a", artifacts=[found]))).artifacts.to_dict("records")
    assert row["n_hosts"] == n_hosts
    assert row["best_tier"] == tier if tier else pd.isna(row["best_tier"])


@pytest.mark.parametrize(
    ("findings", "output", "weakest", "confidence"),
    [
        (["high", "low", "medium"], ["low"], "low", "low"),
        (["high", "guess", "low"], ["high"], "low", "high"),
        (["medium", None], ["high", None], "medium", "high"),
        ([None, "0.87"], ["guess"], None, None),
        (["medium"], ["high", "low", "medium"], "output", "low"),
        ([None, "guess"], ["high", "0.87"], None, "high"),
        (["high"], ["0.87", None], None, None),
        ([], ["medium"], "output", "medium"),
    ],
)
def test_the_weakest_finding_and_the_confidence_of_a_run(findings, output, weakest, confidence):
    """The finding or output with the lowest rating, null if none is rated below high.

    The confidence is the lowest rating of the output.
    """
    found = step("a", artifacts=[artifact(str(label), confidence=label) for label in findings])
    delivered = {"artifacts": [artifact("output", confidence=label) for label in output]}
    row = runkit.frames(run(found, output=delivered)).runs.astype(object).iloc[0]
    columns = ["n_findings", "weakest", "confidence"]
    assert row[columns].where(row.notna(), None).tolist() == [len(findings), weakest, confidence]


def test_an_unknown_confidence_or_tier_is_other_and_kept_as_text():
    """Confidence and tier are ordered categories with the same words in all frames; no problem."""
    sources = [{"url": f"https://{word}.example", "source_tier": word} for word in ("web", "paid")]
    found = artifact(confidence="0.87", sources=sources)
    known = artifact(confidence="high", sources=[*sources, sources[0] | {"source_tier": "primary"}])
    bare = artifact(confidence=None, sources=[{"url": "https://a.example"}])
    f = runkit.frames(run(step("a", artifacts=[found, known, bare])))
    columns = ["confidence", "confidence_text", "best_tier", "best_tier_text"]
    assert f.artifacts[columns].astype("str").fillna("").values.tolist() == [
        ["other", "0.87", "other", "web"],
        ["high", "high", "primary", "primary"],
        ["", "", "", ""],
    ]
    tiers = f.sources[["source_tier", "source_tier_text"]].astype("str").fillna("")
    assert tiers["source_tier"].tolist() == ["other"] * 4 + ["primary", ""]
    assert tiers["source_tier_text"].tolist() == ["web", "paid", "web", "paid", "primary", ""]
    assert f.artifacts["confidence"].max() == "high"
    assert f.problems.empty


@pytest.mark.parametrize("n_runs", [2, 1700])
def test_sources_join_their_own_finding(n_runs):
    """Each finding keeps its own evidence, in few runs and in more than are read at once."""

    def found(name: str, n: int) -> dict[str, Any]:
        title = f"{name}-{n}"
        return artifact(title, sources=[{"url": f"https://{title}.example/{k}"} for k in range(n)])

    f = runkit.frames(
        run(step("a", artifacts=[found(name, n) for n in (2, 0, 3, 1)]), run_id=name)
        for name in (f"r{number}" for number in range(n_runs))
    )
    joined = f.sources.drop(columns="title").merge(f.artifacts, on=["run_id", "artifact_no"])
    assert len(joined) == len(f.sources) == 6 * n_runs
    assert (joined["host"] == joined["title"] + ".example").all()
    assert (f.sources["host"] == f.sources["title"] + ".example").all()
    assert (f.artifacts.groupby("run_id")["n_sources"].sum() == 6).all()
