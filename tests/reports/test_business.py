"""The panels of a dossier: every finding, question and source of all runs once, and what changed."""

from __future__ import annotations

import random
from collections import Counter

import pandas as pd
import pytest

import runkit
from runkit.charts.report_panels import dossier
from runkit.errors import UsageError
from support import artifact, at, flat, question, run, step
from tests.strangers import object_page, one_business

NAME = {"_runkit": {"business_id": "b", "business_name": "Kestrel LLC"}}
OTHER = {"_runkit": {"business_id": "c", "business_name": "Kestrel LLC"}}


def findings(*pairs):
    """A step that found these titles with these confidences."""
    found = [artifact(title, confidence=confidence) for title, confidence in pairs]
    return step("s", artifacts=found)


def test_every_finding_question_and_source_of_five_runs_stands_there_once(business, fetched):
    """A loop over the raw runs, in which questions repeat findings as proposals."""
    asked = []
    sources = set()
    found = set()
    for raw in (item.to_dict() for item in fetched if item.id in set(business.runs["run_id"])):
        steps = flat(raw["steps"])
        asked += [(s["started_at"], s["label"]) for s in steps if s["type"] == "interrupt"]
        outputs = raw["output"]["artifacts"]
        everything = [a for s in steps for a in s["artifacts"]] + outputs
        sources |= {(c["url"], c["source_name"]) for a in everything for c in a["sources"]}
        found |= {(a["type"], a["title"]) for a in everything if a not in outputs}
    panels = dossier(business)
    table = panels["questions"].table
    assert sorted(panels["known"].table["title"]) == sorted(title for _, title in found)
    assert [*zip(table["asked_at"], table["question"], strict=True)] == [
        (pd.Timestamp(time), label) for time, label in sorted(asked)
    ]
    shown = panels["sources"].table
    assert Counter(zip(shown["url"], shown["source_name"], strict=True)) == Counter(sources)
    tiers = shown["source_tier_text"].map(["secondary", "primary", "government"].index)
    assert tiers.is_monotonic_decreasing


def test_findings_are_followed_from_run_to_run_as_a_multiset():
    """Another title is one gone and one new; a repeated key has all its ratings.

    A newer run of another agent is beside them: what it did not look for is not gone.
    """
    twice = ("Hit", "medium"), ("Hit", "medium")
    f = runkit.frames(
        [
            run(findings(("TIN", "low"), ("Site", "high"), *twice), run_id="r1") | NAME,
            run(run_id="q", start=150, end=160, status="error") | NAME,
            run(
                findings(("TIN", "high"), ("Hit", "low"), *twice[1:]),
                run_id="r2",
                start=200,
                end=300,
            )
            | NAME,
            run(findings(("TIN", "high")), run_id="r3", start=400, end=500, status="error") | NAME,
            run(
                findings(("Press", "high")),
                question("q", 650, None, label="Sure?", artifacts=[artifact("Sure?")]),
                run_id="media",
                start=600,
                end=None,
            )
            | {"agent": "media", "status": "interrupted"}
            | NAME,
        ]
    )
    panels = dossier(f)
    table = panels["changed"].table.drop(columns="created_at").astype(object)
    rows = table.where(table.notna(), None).to_numpy().tolist()
    assert sorted(rows, key=str) == [
        ["r2", "Hit", "other confidence", "medium, medium", "low, medium"],
        ["r2", "Site", "gone", "high", None],
        ["r2", "TIN", "other confidence", "low", "high"],
        ["r3", "Hit", "not reached", "low, medium", None],
    ]
    known = panels["known"].table
    day = pd.Timestamp(at(0)).strftime("%b %-d, %Y")
    assert dict(zip(known["title"], known["before"], strict=True)) == {
        "Press": "",
        "TIN": f"last on {day}, same confidence on {day}",
        "Site": f"last on {day}",
        "Hit": f"last on {day}, was medium, medium on {day}",
    }
    now, earlier = panels["known"].body.split("In earlier runs only")
    shown = [[name in part for name in ("Press", "TIN", "Site")] for part in (now, earlier)]
    assert shown == [[True, True, False], [False, False, True]]


def test_nothing_is_said_of_runs_that_were_not_read():
    """Neither that nothing changed, nor that a finding is new."""
    runs = [
        run(findings(("TIN", "low")), run_id=f"r{n}", start=200 * n, end=200 * n + 100)
        for n in (0, 1)
    ]
    changed = dossier(runkit.frames([one | NAME for one in runs]))["changed"]
    assert (len(changed), changed.sentence) == (
        0,
        "No finding differs in title or confidence in 2 runs.",
    )
    unread = runkit.frames([runs[1] | NAME, runs[0] | NAME | {"steps": None}])
    assert dossier(unread)["changed"].sentence.startswith("Findings of 1 run not known")
    assert dossier(unread)["known"].table["before"].tolist() == [""]
    newest = runkit.frames([runs[1] | NAME | {"steps": None}, runs[0] | NAME])
    known = dossier(newest)["known"]
    assert "not known" in known.sentence
    assert known.table["title"].tolist() == ["TIN"]


def test_answers_have_their_person_and_reason_where_known():
    asked = [question("q1", 10, 20, label="Approve?"), question("q2", 30, 40, label="Add?")]
    f = runkit.frames(run(*asked) | NAME)
    answer = {"run_id": "r", "step_id": "q1", "decision": "rejected", "answered_by": "Ana"}
    panel = dossier(f, pd.DataFrame([answer]))["questions"]
    body = panel.body.striptags()
    assert panel.table["answered_by"].tolist()[0] == "Ana"
    assert body.count("Rejected") == 1
    assert "1 answer not known. Neither the answer" in panel.sentence


@pytest.mark.parametrize(
    ("runs", "listed"),
    [
        ([run() | NAME, run(run_id="q") | OTHER], "2 businesses .*LLC': 1 run; .*LLC': 1 run.*"),
        ([run() | NAME, run(run_id="q")], "1 business .*LLC': 1 run; 'no known business': 1 run"),
        ([run()], "0 businesses .'no known business': 1 run"),
    ],
)
def test_several_businesses_or_none_are_refused_and_listed(runs, listed):
    """Two businesses may have one name."""
    with pytest.raises(UsageError, match=listed):
        dossier(runkit.frames(runs))


def test_strangers_are_one_business():
    """One id with two names, and object pages that a person named by hand."""
    named = runkit.frames([made.raw for made in one_business(random.Random(1))])
    assert len(dossier(named)["runs"].table) == 5
    pages = runkit.frames([made.raw for made in object_page(random.Random(1))])
    pages.runs["business_name"] = "By hand Inc"
    panels = dossier(pages)
    assert panels["known"].table["title"].tolist() == ["TIN matches"]
    assert [len(panels[name]) for name in ("changed", "questions", "runs")] == [0, 0, 1]
