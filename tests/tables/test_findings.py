"""Artifacts, sources and questions.

What was found, on which evidence, and what a person was asked.
"""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from support import artifact, at, column, numbered, question, run, step


def pending(item_id: str = "int-1", **value: Any) -> dict[str, Any]:
    return {"id": item_id, "value": {"label": "Approve?", "agent": "a"} | value}


def asking_run(*steps: dict[str, Any], items: list[dict[str, Any]], **more: Any) -> runkit.Frames:
    return runkit.frames(run(*steps, end=None, status="interrupted", interrupts=items, **more))


NAMED = [question("int-2", 10, None), question("s2", 20, None, result={"interrupt_id": "int-1"})]
ALIKE = [question(name, 10, None, agent=name, label="Approve?") for name in ("b", "a")]
OTHERS = [question(name, 10, None, agent="x", label="Approve?") for name in ("p", "q")]


@pytest.mark.parametrize(
    ("steps", "items", "rows"),
    [
        (NAMED, ["int-1", "int-2"], [["int-2", "int-2"], ["int-1", "s2"]]),
        ([*ALIKE, question("c", 10, None)], ["int-1"], [["", "b"], ["int-1", "a"], ["", "c"]]),
        (
            [question("done", 1, 5), question("open", 10, None, agent="x")],
            ["int-1"],
            [["", "done"], ["int-1", "open"]],
        ),
        (OTHERS, ["int-1"], [["int-1", ""]]),
        (OTHERS, ["int-1", "int-2"], [["int-1", ""], ["int-2", ""]]),
        ([question("int-1", 1, 5)], ["int-1"], [["", "int-1"], ["int-1", ""]]),
        ([], ["int-1"], [["int-1", ""]]),
    ],
    ids=[
        "by id",
        "by agent and label",
        "only one of each",
        "fits neither",
        "several alike",
        "an answered one with its id",
        "as a list page shows it",
    ],
)
def test_a_question_and_its_step_are_one_row(steps, items, rows):
    """Where several are left, the items are the rows."""
    f = asking_run(*steps, items=[pending(item) for item in items])
    assert f.interrupts[["interrupt_id", "step_id"]].fillna("").values.tolist() == rows


def test_an_item_that_may_be_any_step_waits_since_the_first_began():
    later, first = (
        question(name, since, None, agent="x") for name, since in (("p", 30), ("q", 10))
    )
    f = asking_run(later, first, items=[pending("int-1")], updated_at=at(100))
    assert column(f.interrupts, "wait_s") == [90]
    assert column(f.runs, "waiting_s") == [90]


def test_a_failed_question_without_an_answer_waits():
    """Whether or not an item is paired with it."""
    asks = [question(name, 10, None, agent="x", status="error") for name in ("p", "q")]
    for steps in (asks[:1], asks):
        f = asking_run(*steps, items=[pending("int-1")], updated_at=at(100))
        assert {*f.steps["state"]} == {"waiting"}
        assert column(f.runs, "waiting_s") == [90]


ENDINGS = {
    "answered": (question("q", 10, 30), {}, ["answered", 20]),
    "auto_approve": (
        question("q", 10, 11, result={"resolution": "auto_approve"}),
        {},
        ["auto_approve", 1],
    ),
    "skip": (question("q", 10, 10, result={"resolution": "skip"}), {}, ["skip", 0]),
    "skip in the step": (question("q", 10, 11, resolution="SKIP"), {}, ["skip", 1]),
    "failed": (question("q", 10, None), {"status": "error"}, ["expired", None]),
    "completed": (question("q", 10, None), {}, ["expired", None]),
    "interrupted, with an end": (
        question("q", 10, None),
        {"status": "interrupted"},
        ["expired", None],
    ),
    "waits": (
        question("q", 10, None),
        {"status": "interrupted", "ended_at": None},
        ["pending", 90],
    ),
    "settled without a time": (
        question("q", 10, None, status="completed"),
        {},
        ["answered", None],
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_question_is_open_answered_settled_or_expired(name):
    asks, more, expected = ENDINGS[name]
    f = runkit.frames(run(asks, **more))
    assert [column(f.interrupts, name)[0] for name in ("outcome", "wait_s")] == expected


TEXTS = {
    "label": ({"label": "Approve?", "message": "later"}, "Approve?"),
    **{
        name: ({"label": None, name: "Sure?"}, "Sure?")
        for name in ("message", "question", "prompt", "title", "text", "description")
    },
    "proposals": ({"label": None, "artifacts": [artifact("Hit"), artifact("Two")]}, "Hit; Two"),
    "kind": ({"label": None, "type": "dismissal"}, "dismissal"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_question_has_its_own_text(name):
    value, expected = TEXTS[name]
    assert column(asking_run(items=[pending(**value)]).interrupts, "label") == [expected]


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


def test_the_best_tier_is_the_most_official_one():
    """Known tiers come before other words, which stay as they came; none is null."""
    artifacts = [
        found(("https://a.example", "secondary"), ("https://b.example", "Primary")),
        found(("x", "rumor"), ("x", "secondary"), ("x", "government")),
        found((None, None), ("https://c.example", "rumor")),
        found(("https://c.example", None)),
        found(),
    ]
    f = runkit.frames(run(step("a", artifacts=artifacts)))
    assert column(f.artifacts, "best_tier") == ["Primary", "government", "rumor", None, None]
    assert column(f.artifacts, "n_sources") == [2, 3, 2, 1, 0]


RATED = [
    (["high", "guess", "low"], ["high"], "low", "high"),
    (["medium", None], ["high", None], "medium", "high"),
    (["medium"], ["high", "low", "medium"], "output", "low"),
    (["high"], ["0.87", None], None, "0.87"),
    (["LOW"], [], "LOW", None),
]


def test_the_weakest_finding_and_the_confidence_of_a_run():
    """The finding or output with the lowest rating below high; the lowest rating of the output."""
    runs = []
    for findings, output, *_ in RATED:
        artifacts = [artifact(str(word), confidence=word) for word in findings]
        delivered = [artifact("output", confidence=word) for word in output]
        runs.append(run(step("a", artifacts=artifacts), output={"artifacts": delivered}))
    f = runkit.frames(numbered(runs))
    assert f.runs["n_findings"].tolist() == [len(findings) for findings, *_ in RATED]
    assert column(f.runs, "weakest") == [weakest for *_, weakest, _ in RATED]
    assert column(f.runs, "confidence") == [confidence for *_, confidence in RATED]


def test_open_words_stay_and_sorting_means_something():
    """In any case; a number is its text; the known ones come first; no problem."""
    values = ["0.87", 0.5, " HIGH ", "low", None, "very_low", "medium"]
    found = [artifact(str(n), confidence=value) for n, value in enumerate(values)]
    f = runkit.frames(run(step("a", artifacts=found)))
    expected = ["0.87", "0.5", "HIGH", "low", None, "very_low", "medium"]
    assert column(f.artifacts, "confidence") == expected
    in_order = column(f.artifacts.sort_values("confidence"), "confidence")
    assert in_order[:3] == ["HIGH", "medium", "low"]
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
    joined = f.sources.merge(f.artifacts, on=["run_id", "artifact_no"])
    assert len(joined) == len(f.sources) == 6 * 1_700
    assert (joined["host"] == joined["title"] + ".example").all()
