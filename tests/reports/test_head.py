"""The head of a report and its own panels: how runs ended, what happened, with the numbers of the frames."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from runkit.api.models import Run
from runkit.charts import report_panels
from runkit.reports._bundle import Labels, ReportData, make_masker, read_source, redact_source
from screens import tiles
from support import artifact, at, example, question, run, step

EIN = "12-3456789"
SOURCE = {
    "url": "https://sos.example.gov/a",
    "source_name": "Registry",
    "source_tier": "government",
}


def data_of(*raws: dict[str, Any], **labels: str) -> ReportData:
    """The data of a report on these runs."""
    return redact_source(read_source(list(raws)), make_masker(False), labels=Labels(**labels))


def words(data: object) -> str:
    """What a head says, on one line."""
    return " ".join(repr(data).split())


def waiting() -> dict[str, Any]:
    """A run that waits for a reviewer since a minute."""
    item = {
        "id": "i",
        "value": {"label": "Dismiss 1 potential hit?", "type": "dismissal", "artifacts": []},
    }
    pause = question("q", 40, None, label="Dismiss 1 potential hit?")
    more = {"status": "interrupted", "interrupts": [item], "_runkit": {"read_at": at(100)}}
    return run(step("a", 0, 40), pause, end=None, **more)


def failed() -> dict[str, Any]:
    """A run with an error in a step."""
    error = step("e", 50, 50, type="error", label="Registry did not respond")
    return run(step("a", 0, 50), error, status="error", output={"artifacts": []})


@pytest.mark.parametrize(
    ("raw", "color", "headlines"),
    [
        (example("completed"), "neutral", ["✓ Completed"]),
        (
            waiting(),
            "attention",
            [
                "◷ Waiting Waiting for a reviewer: Dismiss 1 potential hit?",
                "Asked by CIP Orchestrator, waiting 1 min.",
            ],
        ),
        (failed(), "fail", ["✕ Failed No result: the review failed", "Registry did not respond"]),
        (
            failed() | {"output": {"artifacts": [artifact()]}},
            "fail",
            ["✕ Failed The review failed"],
        ),
        (run(step("a", 0, None), end=None), "neutral", ["● Running No result yet"]),
        (run(step("a")), "neutral", ["✓ Completed No output"]),
        (run(step("a"), status="odd"), "neutral", ["odd No result yet"]),
    ],
)
def test_the_banner_says_how_a_run_ended(raw, color, headlines):
    """An icon with its word, and the outcome that the data hold."""
    data = data_of(raw)
    assert f'<div class="banner {color}">' in data._repr_html_()
    assert [text for text in headlines if text not in words(data)] == []


def test_the_banner_lists_what_the_agent_returned():
    """Of an output step without an artifact, and beside the title of an output."""
    result = {"recommendation": "reject", "risk_score": 71, "note": "<b>late</b>"}
    returned = step("o", 10, 20, type="output", result=result)
    summary = step("s", 20, 30, type="output", artifacts=[artifact("Summary", summary="It is so.")])
    for raw in (run(step("a"), returned), run(step("a"), returned, summary)):
        data = data_of(raw)
        page = data._repr_html_()
        values = re.findall(r"<li><bdi>(.*?)</bdi></li>", page)
        assert values[:2] == ["recommendation: reject", "risk score: 71"]
        assert "<b>late" not in page
        assert page.count("What the agent returned") == 1
        assert "No output" not in page


def test_times_have_the_year_always():
    year = datetime.now(UTC).year
    text = words(
        data_of(json.loads(json.dumps(waiting() | {"_runkit": {}}).replace("2026-", f"{year}-")))
    )
    for times in ("last updated {}, 10:00", "created {}, 09:59", "waiting since {}"):
        assert times.format(f"Feb 3, {year}") in text


OPEN = [("0", ""), ("0 of 1", "1 question waiting"), ("0", "")]
UNREAD = [
    ("–", "not known"),
    ("–", "questions for reviewers of 1 run not known"),
    ("–", "not known"),
]


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        (
            example("completed"),
            [
                ("2", "1 medium, 1 high"),
                ("1 of 1", "1 question for reviewers"),
                ("3", "all government or primary"),
                ("40 min 59 s", "3 min 17 s work, 37 min 42 s waiting"),
            ],
        ),
        (waiting(), [*OPEN, ("1 min 40 s so far", "40 s work, 1 min waiting")]),
        (waiting() | {"_runkit": {}}, [*OPEN, ("40 s work", "waiting since Feb 3, 2026")]),
        (
            example("minimal"),
            [*UNREAD, ("7 min 28 s", "steps not read")],
        ),
        (
            run(step("a", artifacts="none"), question("q", 10, 20)),
            [
                UNREAD[0],
                ("1 of 1", "1 question for reviewers; 1 run not read in full"),
                UNREAD[2],
                ("1 min 40 s", "10 s work, 1 min 20 s idle, 10 s waiting"),
            ],
        ),
        (
            failed(),
            [
                ("0", ""),
                ("–", "no questions for reviewers"),
                ("0", ""),
                ("1 min 40 s", "50 s work, 50 s idle"),
            ],
        ),
    ],
)
def test_tiles_of_one_run_count_findings_answers_sources_and_time(raw, numbers):
    names = ("Findings", "Answered by reviewers", "Sources", "Time")
    assert tiles(data_of(raw)._repr_html_()) == dict(zip(names, numbers, strict=True))


def test_the_attention_box_lists_weak_findings_and_failures():
    """A weaker finding under the output, one without a source, a decision by policy, a failed step."""
    strong = artifact(sources=[SOURCE])
    others = [strong | {"confidence": word, "title": f"Is {word}"} for word in ("solid", "", None)]
    raw = run(
        step("o", artifacts=others),
        step(
            "a",
            artifacts=[artifact("Weak", confidence="medium", sources=[SOURCE]), artifact("Bare")],
        ),
        question("q", 10, 10, label="Approve?", result={"resolution": "auto_approve"}),
        step("e", 20, 30, status="error", label="Broken"),
        output={"artifacts": [artifact("Summary")]},
    )
    assert re.findall("<li><bdi>(.*?)</bdi></li>", data_of(raw)._repr_html_()) == [
        "Finding without a source: Bare",
        "Weakest finding: Weak",
        "Unrated: Is; Is None",
        "Rated in other words: “solid”: Is solid",
        "Decided by policy: Approve?",
        "Step failed: Broken",
    ]
    output = {"artifacts": [artifact("Summary", confidence="low")]}  # the banner shows it
    clean = [run(), run(step("a", artifacts=[strong]), output=output)]  # the first is older
    assert "Needs a look" not in words(data_of(*clean))


SENTENCES = [f"Sentence {n} says what was found on the way." for n in range(20)]


@pytest.mark.parametrize(("n", "is_whole"), [(3, True), (20, False)])
def test_a_quote_keeps_its_conclusion(n, is_whole):
    """Whole up to 600 characters, else its start and its last sentence, with the rest folded."""
    summary = " ".join([*SENTENCES[:n], "Recommendation: keep in review."])
    html = data_of(run(step("a"), output={"artifacts": [artifact(summary=summary)]}))._repr_html_()
    assert "<strong>Recommendation: keep in review.</strong>”" in html
    assert ("Whole text" not in html) == is_whole
    assert SENTENCES[n - 1] in html


def test_a_failed_run_says_what_was_not_checked():
    """By the error's own record, which says what to do next."""
    bad = step("b", 5, 60, status="error", label="Asking", agent="tin_verification")
    record = artifact("Step failed", summary="It failed. Start it again later.")
    note = step("e", 60, 60, type="error", status="error", label="No answer", artifacts=[record])
    html = data_of(
        run(step("a"), bad, note | {"agent": "tin_verification"}, status="error")
    )._repr_html_()
    assert "“It failed. <strong>Start it again later.</strong>”" in html
    assert "Not checked</b> <strong>TIN Verification</strong>" in html


def test_a_failed_run_quotes_what_was_written_of_its_cause():
    """The cause ended last, though another failed step comes after it."""

    def failed(name: str, end: int) -> list[dict[str, Any]]:
        record = artifact(f"Error {name}", summary=f"Words about {name}.")
        ended = {"type": "error", "status": "error", "label": f"No {name}", "artifacts": [record]}
        return [
            step(name, 5, end, status="error"),
            step(f"{name}-error", end, end, **ended),
        ]

    data = data_of(run(*failed("register", 60), *failed("owner", 30), status="error"))
    assert "<strong>Words about register.</strong>" in data._repr_html_()
    assert data.frames.runs["outcome"].tolist() == ["No register"]


def test_what_happened_does_not_say_that_an_error_failed():
    refused = step("e", 5, 6, type="error", status="error", label="The register refused")
    events = report_panels.what_happened(data_of(run(refused, status="error")).frames).table
    assert "✕ The register refused" in events["label"].tolist()


def test_what_happened_has_at_most_eight_lines():
    """The start, the end, the questions and the longest steps; all lines are folded."""
    steps = [step(f"s{n}", n, n + (9 if n in (2, 5) else 0.5)) for n in range(20)]
    raw = run(*steps, question("q", 30, 60, label="Approve?"))
    panel = report_panels.what_happened(data_of(raw).frames)
    shown, unfolded = panel.body.split('<details class="whole">')
    labels = re.findall(r"<span><bdi>(.*?)</bdi>", shown)
    expected = ["Review started", "Asked a reviewer: Approve?", "Answered", "Completed"]
    assert [label for label in labels if not label.startswith("Step")] == expected
    assert len(labels) == 8
    assert {"Step s2", "Step s5"} <= set(labels)
    assert unfolded.count("<li") == 24
    assert "No errors. No questions waiting." in panel.body


def test_the_head_says_live_or_sandbox():
    """By the host that the runs were read from; nothing where it is not known."""
    hosts = {
        "127.0.0.1:4711": "SANDBOX",
        "[::1]:4711": "SANDBOX",
        "api.middesk.com": "LIVE",
        "api-sandbox.middesk.com": "TEST",
    }
    for host, mode in hosts.items():
        read = Run.from_json(run(step("a"))).with_local_fields(read_from=host).to_dict()
        assert f">{mode}</span>" in data_of(read)._repr_html_()
    assert "SANDBOX" not in data_of(run(step("a")))._repr_html_()


LATE = waiting() | {"_runkit": {"read_at": at(5 * 3_600)}}
UNDATED = [waiting() | {"id": f"u{n}", "_runkit": {}} for n in range(30)]  # of a plain file
COMPLETED = [run(run_id=name) for name in "abc"]


@pytest.mark.parametrize(
    ("raws", "headline"),
    [
        ([*COMPLETED, waiting(), LATE | {"id": "x"}], "1 of 2 open questions over 4 h"),
        ([*COMPLETED, waiting()], "1 open question, not over 4 h"),
        (COMPLETED, "No questions waiting"),
        (UNDATED, "30 open questions, not known whether over 4 h"),
        ([LATE, *UNDATED[:2]], "1 of 3 open questions over 4 h; 2 not known"),
    ],
)
def test_the_headline_of_a_fleet_counts_late_questions(raws, headline):
    """How many open questions are over the limit, and of how many that is not known."""
    data = data_of(*raws)
    assert f"{headline} ◷" in words(data)
    assert [*tiles(data._repr_html_())] == [
        "◷ Waiting",
        "Questions over 4 h",
        "✕ Failed",
        "Low confidence",
    ]


def test_changes_are_masked():
    then = run(run_id="r", end=None)
    now = run(step("e", type="error", label=f"EIN {EIN}"), run_id="r", status="error")
    data = redact_source(read_source(now, before=then), make_masker())
    assert data.changes["change"].tolist() == ["failed"]
    assert EIN not in data.changes.to_csv()
