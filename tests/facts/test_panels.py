"""Panels of many runs with less information: what nobody knows is no number and no absence."""

from __future__ import annotations

import random
import re

import pytest

import runkit
import strangers
from strangers import ABSENCE, HOUR, Finding, Truth
from support import at, question, run, step


def test_runs_whose_steps_were_not_read_are_said_to_lack_nothing():
    rng = random.Random(2)
    page = strangers.fleet(rng).page
    f = runkit.frames(strangers.reduced(page, ["without_steps_and_questions"], 1, rng))
    ended = f.select(f.runs["status"].ne("running"))
    for name in ("waits", "failed_steps", "weak_findings", "slowest_steps", "variants"):
        sentence = getattr(runkit.fleet, name)(ended).sentence
        assert not ABSENCE.search(sentence), sentence
        assert re.search(r"\d+ runs?,? not known", sentence)


def test_waits_have_a_class_and_the_longest_of_a_loop():
    fleet = strangers.fleet(random.Random(2))
    waits_s = fleet.waits_s("pending", "answered")
    row = runkit.fleet.waits(runkit.frames(fleet.page)).table.set_index("kind").loc["All"]
    assert row["over 3 d"] == sum(seconds > 72 * HOUR for seconds in waits_s)
    assert row["longest_s"] == pytest.approx(max(waits_s), abs=0.01)


def test_questions_of_a_file_are_late_by_its_newest_time():
    """30 questions that were asked up to 18 days before the newest time of their file."""
    asking = [
        run(question("q", n, None), run_id=f"asking{n}", end=None, status="interrupted")
        for n in range(30)
    ]
    later = run(step("s"), run_id="later", updated_at=at(18 * 24 * HOUR + 60))
    f = runkit.frames({"object": "list", "data": [*asking, later]})
    row = runkit.fleet.waits(f).table.set_index("kind").loc["All"]
    assert row[["n_late", "over 3 d"]].tolist() == [30, 30]
    assert "oldest at least 18 d, all over 4 h" in runkit.overview(f).body
    words = runkit.overview(f).sentence
    assert "Open waits are counted to Feb 21, 2026, 10:01 UTC" in words
    assert words.count("Feb 21, 2026, 10:01") == 1


def test_low_findings_without_an_output_need_attention():
    made = [item for seed in range(6) for item in strangers.findings_only(random.Random(seed))]
    panel = runkit.overview(strangers.raws(made))
    assert panel.table[["next_step", "n_runs"]].values.tolist() == [["Read", 6]]
    assert '<b class="text">6</b> <span>of 6 completed runs</span>' in panel.body


def test_findings_without_tiers_are_not_known_to_be_weak():
    rng, findings = random.Random(0), []
    for n, tiers in enumerate([("web",), (None,), ("government",), ()]):
        findings.append(Finding(f"Finding {n}", "high", tiers))
    work = step("work", 0, 9, artifacts=[strangers.evidence(item) for item in findings])
    made = strangers.stranger(rng, work, truth=Truth(findings=tuple(findings)))
    panel = runkit.fleet.weak_findings(runkit.frames([made.raw]))
    assert panel.table["title"].tolist() == ["Finding 3", "Finding 0"]
    assert panel.sentence.startswith("2 of 4 findings with weak evidence; 1 not known: ")
