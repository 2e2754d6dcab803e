"""Artifacts, sources and questions.

What was found, on which evidence, and what a person was asked.
"""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from support import artifact, column, numbered, question, run, step


def pending(item_id: str = "int-1", **value: Any) -> dict[str, Any]:
    return {"id": item_id, "value": {"label": "Approve?", "agent": "a"} | value}


def asking_run(*steps: dict[str, Any], items: list[dict[str, Any]], **more: Any) -> runkit.Frames:
    return runkit.frames(run(*steps, end=None, status="interrupted", interrupts=items, **more))


NAMED = [question("int-2", 10, None), question("s2", 20, None, result={"interrupt_id": "int-1"})]
ALIKE = [question(name, 10, None, agent=name, label="Approve?") for name in ("b", "a")]
OTHERS = [question(name, 10, None, agent="x", label="Approve?") for name in ("p", "q")]


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
            OTHERS,
            ["int-1"],
            [["", "p"], ["", "q"], ["int-1", ""]],
            ["unpaired_interrupt"],
        ),
        (OTHERS, ["int-1", "int-2"], [["int-1", "p"], ["int-2", "q"]], []),
        ([], ["int-1"], [["int-1", ""]], []),  # as a list page shows it
    ],
    ids=["by id", "by agent and label", "only one of each", "fits neither", "by label", "no steps"],
)
def test_a_question_and_its_step_are_one_row(steps, items, rows, problems):
    frames = asking_run(*steps, items=[pending(item) for item in items])
    assert frames.interrupts[["interrupt_id", "step_id"]].fillna("").values.tolist() == rows
    assert frames.problems["problem"].tolist() == problems


def test_a_question_names_the_proposals_that_nothing_else_names():
    """One for a document has no artifact that names it, and is of a kind of its own."""
    parts = [
        {"label": "Upload it"},
        {"label": " "},
        {"label": "Add it?", "type": "add_sources", "artifacts": [artifact()]},
    ]
    labels = [None, " ", "Two to review", "Upload it first"]
    f = asking_run(items=[pending(label=label, proposals=parts) for label in labels])
    both = "Upload it / Add it?"
    named = [both, both, f"Two to review: {both}", "Upload it first: Add it?"]
    assert f.interrupts["label"].tolist() == named
    assert set(f.interrupts["kind"]) == {"mixed"}


def test_a_question_is_answered_settled_by_policy_or_lapsed():
    """Answered by a person, settled by the policy (in either place and case), or lapsed with its run."""
    approved, skipped = ({"resolution": word} for word in ("auto_approve", "skip"))
    runs = [
        run(question("q", 10, 30)),
        run(question("q", 10, 11, result=approved)),
        run(question("q", 10, 10, result=skipped)),
        run(question("q", 10, 11, resolution="SKIP")),
        run(question("q", 10, None), status="error"),
    ]
    f = runkit.frames(numbered(runs))
    assert f.interrupts[["outcome", "wait_s"]].values.tolist() == [
        *(["answered", 20], ["auto_approve", 1], ["skip", 0], ["skip", 1], ["lapsed", 90])
    ]


def test_a_question_that_was_settled_without_a_time_has_no_known_wait():
    """Also where only its result says so, and its run is over."""
    done = {"status": "completed"}
    decided = {"result": {"decision": "approve", "reviewer": "Bo"}}
    by_policy = {"result": {"resolution": "skip"}}
    runs = [run(question("q", 10, None, **more)) for more in (done, decided, by_policy)]
    f = runkit.frames(numbered(runs))
    known = f.interrupts[["outcome", "decision", "answered_by"]].astype(object).fillna("")
    assert known.values.tolist() == [
        ["answered", "", ""],
        ["answered", "approved", "Bo"],
        ["skip", "", ""],
    ]
    assert f.interrupts[["answered_at", "wait_s"]].isna().all(axis=None)
    assert f.problems["problem"].tolist() == ["contradiction"]


def found(*sources: tuple[str | None, str | None], title: str = "Finding") -> dict[str, Any]:
    """A finding with sources of some URLs and tiers."""
    return artifact(title, sources=[{"url": url, "source_tier": tier} for url, tier in sources])


def test_a_source_has_its_host_in_lower_case():
    """In lower case, without user and port; null where there is none."""
    hosts = {
        "https://SOS.example.gov/business/1": "sos.example.gov",
        "https://user:secret@example.com:8443/x": "example.com",
        "http://[::1]/x": "[::1]",
        "urn:isbn:1": None,
        "not a url": None,
        "javascript:alert(1)": None,
    }
    f = runkit.frames(run(step("a", artifacts=[found(*((url, None) for url in hosts))])))
    assert column(f.sources, "host") == [*hosts.values()]


def test_a_finding_has_its_number_of_hosts_and_best_tier():
    """Pages of one site are one host; the best tier is the most official one."""
    artifacts = [
        found(("https://a.example/1", "secondary"), ("https://a.example/2", "secondary")),
        found(("https://a.example", "secondary"), ("https://B.example/", "primary")),
        found(("x", "rumor"), ("x", "secondary"), ("x", "government")),
        found((None, None), ("https://c.example", "rumor")),
        found(("https://c.example", None)),
        found(),
    ]
    f = runkit.frames(run(step("a", artifacts=artifacts)))
    assert f.artifacts["n_hosts"].tolist() == [1, 2, 0, 1, 1, 0]
    tiers = ["secondary", "primary", "government", "other", None, None]
    assert column(f.artifacts, "best_tier") == tiers


def test_the_weakest_finding_and_the_confidence_of_a_run():
    """The finding or output with the lowest rating, null if none is rated below high.

    The confidence is the lowest rating of the output.
    """
    rated = [
        (["high", "guess", "low"], ["high"], "low", "high"),
        (["medium", None], ["high", None], "medium", "high"),
        (["medium"], ["high", "low", "medium"], "output", "low"),
        (["high"], ["0.87", None], None, None),
    ]
    runs = []
    for findings, output, *_ in rated:
        artifacts = [artifact(str(label), confidence=label) for label in findings]
        delivered = [artifact("output", confidence=label) for label in output]
        runs.append(run(step("a", artifacts=artifacts), output={"artifacts": delivered}))
    f = runkit.frames(numbered(runs))
    assert f.runs["n_findings"].tolist() == [len(findings) for findings, *_ in rated]
    assert column(f.runs, "weakest") == [weakest for *_, weakest, _ in rated]
    assert column(f.runs, "confidence") == [confidence for *_, confidence in rated]


def test_an_unknown_confidence_or_tier_is_other_and_kept_as_text():
    """Ordered categories with the same words in all frames, in any case; no problem."""
    odd = found(("x", "web"), ("x", "paid"))
    known = found(("x", "web"), ("x", "Primary"))
    known["confidence"] = "HIGH"
    artifacts = [odd | {"confidence": "0.87"}, known, found(("x", None)) | {"confidence": None}]
    f = runkit.frames(run(step("a", artifacts=artifacts)))
    assert column(f.artifacts, "confidence") == ["other", "high", None]
    assert column(f.artifacts, "confidence_text") == ["0.87", "HIGH", None]
    assert column(f.artifacts, "best_tier_text") == ["web", "Primary", None]
    assert column(f.sources, "source_tier") == ["other", "other", "other", "primary", None]
    assert column(f.sources, "source_tier_text") == ["web", "paid", "web", "Primary", None]
    assert f.artifacts["confidence"].max() == "high"
    assert f.problems.empty


def test_sources_join_their_own_finding():
    """Each finding keeps its own evidence, in more runs than are read at once."""

    def of_run(name: str) -> list[dict[str, Any]]:
        titles = {f"{name}-{n}": n for n in (2, 0, 3, 1)}
        return [
            found(*((f"https://{title}.example/{k}", None) for k in range(n)), title=title)
            for title, n in titles.items()
        ]

    f = runkit.frames(
        run(step("a", artifacts=of_run(name)), run_id=name)
        for name in (f"r{number}" for number in range(1_700))
    )
    joined = f.sources.drop(columns="title").merge(f.artifacts, on=["run_id", "artifact_no"])
    assert len(joined) == len(f.sources) == 6 * 1_700
    assert (joined["host"] == joined["title"] + ".example").all()
    assert (f.sources["host"] == f.sources["title"] + ".example").all()
