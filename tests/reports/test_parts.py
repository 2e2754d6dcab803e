"""The parts of a report: how runs ended, what was found, asked and done, with the numbers of the frames."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from runkit import answers
from runkit.charts import panels
from runkit.models import Run
from runkit.reports import parts
from runkit.reports.bundle import Labels, ReportData, make_masker, read_source, redact_source
from support import artifact, at, example, question, run, step

EIN = "12-3456789"
SOURCE = {"url": "https://sos.example.gov/a", "source_name": "Registry", "source_tier": "government"}


def data_of(*raws: dict[str, Any], **labels: str) -> ReportData:
    """The data of a report on these runs."""
    return redact_source(read_source(list(raws)), make_masker(False), labels=Labels(**labels))


def words(part: parts.Part | None) -> str:
    """What a part says, on one line."""
    return " ".join(repr(part).split())


def tiles(part: parts.Part) -> dict[str, tuple[str, str]]:
    """The numbers of a head, by name."""
    cells = re.findall(r"<li><span>(.*?)</span> <b>(.*?)</b> <span>(.*?)</span></li>", str(part.html))
    return {name: (value, note) for name, value, note in cells}


def waiting() -> dict[str, Any]:
    """A run that waits for a reviewer since a minute."""
    item = {"id": "i", "value": {"label": "Dismiss 1 potential hit?", "type": "dismissal", "artifacts": []}}
    asked = question("q", 40, None, label="Dismiss 1 potential hit?")
    more = {"status": "interrupted", "interrupts": [item], "_runkit": {"read_at": at(100)}}
    return run(step("a", 0, 40), asked, end=None, **more)


def failed() -> dict[str, Any]:
    """A run with an error in a step."""
    error = step("e", 50, 50, type="error", label="Registry did not respond")
    return run(step("a", 0, 50), error, status="error", output={"artifacts": []})


@pytest.mark.parametrize(
    ("raw", "color", "headline"),
    [
        (example("completed"), "neutral", "✓ Completed"),
        (waiting(), "attention", "◷ Waiting Waiting for a reviewer: Dismiss 1 potential hit?"),
        (failed(), "fail", "✕ Failed No result: the review failed"),
        (run(step("a", 0, None), end=None), "neutral", "● Running No result yet"),
        (run(step("a")), "neutral", "✓ Completed No output"),
        (run(step("a"), status="odd"), "neutral", "odd No result yet"),
    ],
)
def test_the_banner_says_how_a_run_ended(raw, color, headline):
    """An icon with its word, and the outcome that the data hold."""
    head = parts.head(data_of(raw))
    assert f'<div class="banner {color}">' in head.html
    assert headline in words(head)


def test_a_failed_run_names_its_error_and_a_waiting_one_its_question():
    """With who asked, when, and how long ago that was."""
    assert "Registry did not respond" in words(parts.head(data_of(failed())))
    assert "Asked by CIP Orchestrator on Feb 3, 10:00 UTC, 1 min so far." in words(
        parts.head(data_of(waiting()))
    )


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        (
            example("completed"),
            {
                "Findings": ("2", "1 high, 1 medium"),
                "Answered by reviewers": ("1 of 1", "1 question"),
                "Sources": ("3", "3 government or primary"),
                "Time": ("40 min 59 s", "37 min 42 s waiting"),
            },
        ),
        (
            waiting(),
            {
                "Findings": ("0", ""),
                "Answered by reviewers": ("0 of 1", "1 question waiting"),
                "Sources": ("0", "0 government or primary"),
                "Time": ("1 min 40 s so far", "40 s work"),
            },
        ),
        (
            failed(),
            {
                "Findings": ("0", ""),
                "Answered by reviewers": ("–", "no questions asked"),
                "Sources": ("0", "0 government or primary"),
                "Time": ("1 min 40 s", "no waiting"),
            },
        ),
    ],
)
def test_the_numbers_of_one_run(raw, numbers):
    """Findings, answers, sources and time."""
    assert tiles(parts.head(data_of(raw))) == numbers


def test_what_needs_a_look():
    """A weaker finding under the output, one without a source, a decision by policy, a failed step."""
    weak = artifact("Weak", confidence="medium", sources=[SOURCE])
    bare = artifact("Bare")
    raw = run(
        step("a", artifacts=[weak, bare]),
        question("q", 10, 10, label="Approve?", result={"resolution": "auto_approve"}),
        step("e", 20, 30, status="error", label="Broken"),
        output={"artifacts": [artifact("Summary")]},
    )
    needs = re.findall("<li><bdi>(.*?)</bdi></li>", str(parts.head(data_of(raw)).html))
    assert needs == [
        "Finding without a source: Bare",
        "Weakest finding: Weak",
        "Auto-approved, no reviewer asked: Approve?",
        "Step failed: Broken",
    ]
    clean = run(
        step("a", artifacts=[artifact(sources=[SOURCE])]), output={"artifacts": [artifact("Summary")]}
    )
    assert "Needs a look" not in words(parts.head(data_of(clean)))


def test_findings_have_their_evidence():
    """A row for each, with its sources; a link only where the host is certain."""
    sources = [SOURCE, {"url": "javascript:1", "source_name": "Odd", "source_tier": "secondary"}]
    raw = run(step("a", artifacts=[artifact("One", sources=sources, summary="Found it"), artifact("Two")]))
    html = str(parts.findings(data_of(raw)).html)
    assert html.count("<tr>") == 3
    assert re.findall('href="(.*?)"', html) == ["https://sos.example.gov/a"]
    assert "▮▮▮ government" in html
    assert "▮▯▯ secondary" in html
    assert "No source" in html


def test_a_question_has_its_answer(state_dir):
    """What was answered, by whom as far as it is known, when, after how long, and whether it arrived."""
    raw = run(question("q", 10, 70, label="Dismiss 1 potential hit?", artifacts=[artifact(type="dismissal")]))
    known = {"run_id": "r", "interrupt_id": "i", "step_id": "q"}
    entry = answers.begin({"decision": "approve", "note": "Other birth date"}, "Ana Ortiz", known)
    answers.settle(entry, answers.CONFIRMED, None, None)
    shown = words(parts.questions(data_of(raw)))
    assert "“Other birth date”" in shown
    assert "Ana Ortiz (self-declared) · Feb 3, 10:01 UTC · after 1 min · delivery confirmed" in shown, shown


def test_what_happened_has_at_most_eight_lines():
    """The start, the end, the questions and the longest steps, in order of time; the rest is counted."""
    steps = [step(f"s{n}", n, n + (9 if n in (2, 5) else 0.5)) for n in range(20)]
    raw = run(*steps, question("q", 30, 60, label="Approve?"))
    part = parts.what_happened(data_of(raw))
    lines = re.findall(r'class="at">(.*?)</span> <span><bdi>(.*?)</bdi>', str(part.html))
    assert len(lines) == 8
    assert [label for _, label in lines if not label.startswith("Step")] == [
        "Review started",
        "Asked a reviewer: Approve?",
        "Answered",
        "Completed",
    ]
    assert {"Step s2", "Step s5"} <= {label for _, label in lines}
    assert [time for time, _ in lines] == sorted(time for time, _ in lines)
    assert "16 more lines left out here." in words(part)


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("127.0.0.1:4711", "SANDBOX"),
        ("[::1]:4711", "SANDBOX"),
        ("api.middesk.com", "LIVE"),
        ("api-sandbox.middesk.com", "TEST"),
    ],
)
def test_the_head_says_live_or_sandbox(host, mode):
    """By the host that the runs were read from; nothing where it is not known."""
    read = Run.from_json(run(step("a"))).with_local_fields(read_from=host).to_dict()
    assert f">{mode}</span>" in parts.head(data_of(read)).html
    assert "SANDBOX" not in parts.head(data_of(run(step("a")))).html


def test_two_runs_show_their_differences_only():
    """The facts, findings and steps in which they differ."""
    a = run(step("a", 0, 10, artifacts=[artifact("One")]), step("b", 10, 20, name="other"), end=20)
    b = run(step("a", 0, 10), step("b", 10, 50, name="other"), end=50, run_id="s")
    f = data_of(a, b).frames
    facts = words(parts.differences(panels.facts(f)))
    assert "Duration 20 s 50 s" in facts
    assert "Status" not in facts
    assert "only in A One High" in words(parts.differences(panels.findings(f)))
    steps = words(parts.differences(panels.steps(f)))
    assert "10 s 40 s 30 s" in steps
    assert "Step a" not in steps
    assert parts.differences(panels.findings(data_of(b, b | {"id": "t"}).frames)) is None


def test_a_fleet_is_counted_and_lists_what_needs_somebody():
    """In the banner, and below in at most 20 rows, of which one or two are of each kind."""
    runs = [waiting() | {"id": f"w{n}"} for n in range(24)] + [failed() | {"id": "f"}, run(run_id="c")]
    data = data_of(*runs)
    head = parts.head(data)
    assert "24 waiting, oldest 1 min · 1 failed" in words(head)
    assert tiles(head)["Runs"] == ("26", "all runs")
    html = str(parts.needs_you(data).html)
    assert html.count("<tr>") == 21
    assert html.count("◷ Waiting") == 19
    assert html.count("✕ Failed") == 1
    assert "20 of 25 shown, 26 runs: 24 waiting, 1 failed." in html
    assert "You&#39;re all caught up" in parts.head(data_of(run(), run(run_id="s"), run(run_id="t"))).html


def test_actions_are_listed():
    """What was done and who settled it, newest first; without `actions=` there is nothing to show."""
    known = {"created_at": pd.Timestamp("2026-02-03T10:00Z"), "run_id": "r", "note": f"of {EIN}"}
    table = pd.DataFrame([known | {"type": "dismissal", "settled_by": "reviewer", "n_effects": 1}])
    table = table.assign(user_name=pd.Series(None, [0], "str"), effects='{"tin": "12-3456789"}')
    source = read_source([run(step("a"))], table.astype({"note": "str", "effects": "str"}))
    data = redact_source(source, make_masker())
    assert data.actions["effects"].tolist() == ['{"tin":"[ein 1]"}']
    shown = words(parts.actions(data))
    assert "dismissal" in shown
    assert "reviewer" in shown
    assert "of [ein 1]" in shown
    assert parts.actions(data._replace(actions=None)) is None
