"""Panels of many runs with less information: what nobody knows is no number and no absence."""

from __future__ import annotations

import random
import re

import runkit
import strangers
from strangers import ABSENCE, HOUR
from support import at, question, run, step


def test_runs_whose_steps_were_not_read_are_said_to_lack_nothing():
    rng = random.Random(2)
    page = strangers.fleet(rng).page
    f = runkit.frames(strangers.reduced(page, ["without_steps_and_questions"], 1, rng))
    ended = f.select(f.runs["status"].ne("running"))
    for name in ("waits", "failed_steps", "weak_findings", "slowest_steps"):
        sentence = getattr(runkit.fleet, name)(ended).sentence
        assert not ABSENCE.search(sentence), sentence
        assert re.search(r"\d+ runs?,? not (known|read)", sentence)


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
    f = runkit.frames(strangers.raws(made))
    panel = runkit.overview(f)
    assert panel.table[["next_step", "n_runs"]].values.tolist() == [["Read", 6]]
    assert '<b class="text">6</b> <span>of 6 completed runs</span>' in panel.body
