"""Panels of many runs: their numbers, for no run, for one, for hundreds and for odd ones."""

from __future__ import annotations

import pandas as pd
import pytest

from runkit.charts import fleet
from runkit.charts.overview import fleet_tiles
from runkit.facts import Facts
from runkit.tables.read_frames import frames
from support import artifact, at, question, run, step

SOURCE = {"url": "https://a.example/1", "source_name": "Register", "source_tier": "government"}


def failed(n, label):
    """A run that ended with an error."""
    cause = step(f"e{n}", 0, 5, type="error", status="error", label=label)
    return run(cause, run_id=f"f{n}", status="error", created_at=at(n))


def waiting(n, waited=60, **more):
    """A run whose question has waited so many seconds."""
    pending = question(f"q{n}", 10, None, label="Is it so?")
    read = {"read_at": at(10 + waited)}
    return run(pending, run_id=f"w{n}", end=None, status="interrupted", _runkit=read) | more


def completed(run_id, title="Fine", sure="high", steps=()):
    """A completed run with a finding and an output of this confidence."""
    found = artifact(title, confidence=sure or "high", sources=[SOURCE])
    output = {"artifacts": [artifact("Summary", confidence=sure)]}
    return run(step("a", artifacts=[found]), *steps, run_id=run_id, output=output)


def needs(*runs):
    """What needs attention."""
    return fleet.needs_attention(frames(list(runs)))


def test_rows_are_ordered_by_what_is_to_do_and_one_error_is_one_row():
    """Watchlist hits before longer waits; low confidence by its weakest finding, then the policy's."""
    hit = {"id": "i", "value": {"label": "Dismiss?", "type": "dismissal", "artifacts": []}}
    by_policy = question("q", 10, 10, label="Approve?", result={"resolution": "auto_approve"})
    items = [{"id": "u", "value": {"label": "Is it so?"}}]
    undated = waiting(4, updated_at=at(-9_000), _runkit={}, steps=[step("a")], interrupts=items)
    table = needs(
        completed("fine"),
        completed("medium", "Mixed", "medium"),
        completed("policy", steps=[by_policy]),
        completed("none", sure=None),
        completed("strong", sure="strong"),
        completed("low", "Hit left open", "low"),
        *(failed(n, "No answer") for n in range(3)),
        failed(9, "No such business"),
        *(waiting(1, 60), waiting(2, 7_200), waiting(3, interrupts=[hit]), undated),
    ).table
    assert table[["next_step", "run_ids", "reason"]].values.tolist() == [
        ["Answer", ["w3"], "Dismiss?"],
        ["Answer", ["w4"], "Is it so?"],
        ["Answer", ["w2"], "Is it so?"],
        ["Answer", ["w1"], "Is it so?"],
        ["Check", ["f9"], "No such business"],
        ["Check", ["f2", "f1", "f0"], "No answer"],
        ["Read", ["low"], "Low: Hit left open"],
        ["Read", ["none"], "Unrated: Summary"],
        ["Read", ["strong"], "Rated “strong”: Fine"],
        ["Sample", ["policy"], "Auto-approved: Approve?"],
        ["Sample", ["medium"], "Medium: Mixed"],
    ]
    assert table["age_s"].dropna().tolist()[:3] == [60, 7_200, 60]


def test_nothing_needs_attention_only_if_all_was_read():
    fine = completed("fine")
    silent = run(step("a"), end=None, _runkit={"read_at": at(3_601)})
    cases = [[fine], [], [fine, 5], [fine | {"status": "paused"}], [silent]]
    sentences = [needs(*runs).sentence for runs in cases]
    assert sentences[:2] == ["You're all caught up.", "There are no runs."]
    assert sentences[2].startswith("1 of 2 records refused.")
    assert sentences[3].startswith("1 run of an unknown status")
    assert sentences[4].startswith("1 run running, not updated since Feb 3")


def test_a_question_is_never_folded_below_20_nor_is_an_error():
    """Of the folded rows each run counts once, which may have two reasons."""
    low = completed("low", "Hit left open", "low")
    low |= {"steps": [*low["steps"], question("q", 10, None, label="Is it so?")]}
    skipped = question("s", 10, 10, label="Dismiss?", result={"resolution": "skip"})
    others = [failed(1, "No answer"), low, completed("skipped", steps=[skipped])]
    panel = needs(*(waiting(n) for n in range(20)), *others)
    above, below = panel.body.split('<details class="needs-rest">')
    assert (above.count("Is it so?"), above.count("No answer")) == (20, 1)
    assert '<span class="fail">▽</span> <bdi>Low: Hit left open' in below
    assert "3 more rows, 2 runs: 1 low, 1 expired, 1 decided by policy" in below


def test_above_20_questions_equal_ones_about_a_business_are_one_row():
    """Each is counted and has its line of code, and the row is as old as the oldest of them."""
    known = {"business_id": "b", "business_name": "Northwind LLC", "read_at": at(90)}
    runs = [waiting(n, _runkit=known) for n in range(19)]
    pair = [question(n, 0, None, label="Is it so?", result={"interrupt_id": n}) for n in "ab"]
    pair.append(question("c", 20, None, label="Owner?"))
    runs.append(run(*pair, run_id="pair", end=None, status="interrupted", _runkit=known))
    panel = needs(*runs, waiting(90), waiting(91))
    table = panel.table
    assert table[["reason", "n_runs", "age_s"]].values.tolist() == [
        ["21 questions: Is it so?", 20, 90],
        ["Is it so?", 1, 60],
        ["Is it so?", 1, 60],
        ["Owner?", 1, 70],
    ]
    assert table["since"].tolist()[0] == pd.Timestamp(at(0))
    assert " ".join(table["run_ids"][0]) in panel.body
    assert panel.body.count("runkit.InterruptForm(runkit.Client(), ") == 24
    assert "&#34;pair&#34;, &#39;b&#39;)" in panel.body


def timed(run_id, look_s, wait_s=0, status="completed"):
    """A run with two steps, and a question if it waited."""
    end = 5 + look_s + wait_s
    steps = [
        step("p", 0, 5, name="plan"),
        step("l", 5, 5 + look_s, name="look_up", label="Looking up"),
    ]
    steps += [question("q", 5 + look_s, end, label="Approve?")] if wait_s else []
    return run(*steps, run_id=run_id, end=end, status=status)


USUAL = [timed(name, look_s) for name, look_s in zip("abcde", (20, 22, 18, 21, 19), strict=True)]


def grouped(run_id, end):
    """A run in which a group works itself, but for a child of a minute."""
    group = step("g", 0, end, name="group", steps=[step("c", 0, 60)])
    return run(group, run_id=run_id, end=end)


def slowness(source, *others):
    """What is said of a run beside others."""
    return fleet.why_slow(frames([source, *others]), source["id"]).sentence


@pytest.mark.parametrize(
    ("slow", "sentence"),
    [
        (
            timed("slow", 600, wait_s=7_200),
            "Slow because it waited 2 h, median 0 s, for “Approve?”. "
            "Besides, it worked 10 min 5 s, median 25 s: “Looking up” took 10 min itself.",
        ),
        (
            grouped("slow", 600),
            "Slow because it worked 10 min, median 25 s: “Step g” took 9 min itself.",
        ),
        (
            timed("slow", 25) | {"ended_at": at(100), "updated_at": at(100)},
            "Slow because nothing ran for 1 min 10 s, median 0 s.",
        ),
        (
            timed("slow", 10),
            "Not slow beside 5 others: it worked 15 s, median 25 s; it waited 0 s, median 0 s.",
        ),
        (
            timed("slow", 400) | {"ended_at": at(-60)},  # nothing took 0 s
            "Duration not known.",
        ),
        (
            timed("slow", 95, status="error"),
            "It failed after 1 min 40 s. A failed run is not compared.",
        ),
        (
            timed("slow", 9) | {"agent": "tin"},
            "14 s, 14 s work. There is no other completed run of its agent to compare.",
        ),
    ],
)
def test_the_largest_unusual_part_of_a_run_comes_first(slow, sentence):
    assert slowness(slow, *USUAL, timed("failed", 1, status="error")) == sentence


def test_work_is_compared_with_work_though_others_wait_longer():
    """It worked 34 minutes; the others wait for hours, and 10 of 30 take longer in all."""
    others = [timed(f"o{n}", 140 + n, wait_s=5 * 3_600 if n < 10 else 0) for n in range(30)]
    words = "Slow because it worked 34 min 5 s, median 2 min"
    assert slowness(timed("slow", 2_040), *others).startswith(words)


def test_runs_that_were_not_read_are_counted_and_in_no_median():
    """Of 6 others 3 may be faster; of 5 none can change that one in ten took as long."""
    listed = [timed(run_id, 9) | {"steps": []} for run_id in "def"]
    f = frames([timed("x", 19), *USUAL[:3], *listed])
    panel = fleet.why_slow(f, "x")
    assert panel.sentence.startswith("Not slow beside 3 others: it worked 24 s, median 25 s;")
    assert panel.sentence.endswith("3 other runs left out: where the time went is not known.")
    assert panel.table[["n_runs", "n_steps"]].values.tolist() == [[1, 2], [3, 2]]
    words = slowness(timed("x", 23), *USUAL[:3], listed[0])
    assert words.startswith("Not known whether it is slow beside 3 others: it worked")
    words = slowness(timed("x", 23), *listed[:2])
    assert "slow" not in words.lower()
    assert "2 other runs left out" in words


def test_a_run_that_goes_on_is_not_called_normal():
    """A waiting run waits still, for nobody knows how long where its time of reading is not known."""

    def running(seconds, read_s):
        """A run that goes on, read at some second."""
        more = {"status": "running", "ended_at": None, "_runkit": {"read_at": at(read_s)}}
        return timed("x", seconds) | more

    words = "Not finished. Slow because it worked 10 min 5 s, median 25 s"
    starts = {
        "Not finished: 10 s so far, 10 s work.": running(5, 10),
        words: running(600, 605),
        "Not finished. Slow because it waited 1 min, median 0 s, for": waiting(1),
        "Not finished: 0 s work, 10 s idle, waiting since Feb": waiting(2) | {"_runkit": {}},
        "5 min, steps not read": run(run_id="bare", end=300),
    }
    sentences = {start: slowness(source, *USUAL) for start, source in starts.items()}
    assert [start for start in starts if not sentences[start].startswith(start)] == []
    undated = frames(waiting(2) | {"_runkit": {}})
    assert fleet.why_slow(undated).table.loc[0, ["duration_s", "waiting_s"]].isna().all()


def test_waits_are_counted_by_kind_and_class_with_a_border_at_the_sla():
    """What the policy settled waited for nobody; an expired question is counted apart."""
    settled = question("auto", 0, 1, result={"resolution": "auto_approve"})
    answered = run(settled, question("q", 0, 5 * 3_600), run_id="x", end=18_000)
    lapsed = run(question("q", 10, None), run_id="l", status="error")
    runs = [waiting(1, 60), waiting(2, 3 * 3_600), answered, lapsed]
    panel = fleet.waits(frames(runs), sla_h=2)
    counts = panel.table.set_index("kind").loc["All"]
    classes = ["to 30 min", "to 2 h", "to 1 d", "to 3 d", "over 3 d"]
    assert counts[classes].tolist() == [2, 0, 2, 0, 0]
    columns = ["n_pending", "n_late", "n_questions", "n_answered", "n_lapsed"]
    assert counts[columns].tolist() == [2, 2, 4, 1, 1]
    assert '<td class="late attention">1 + ◷ 1</td>' in panel.body
    assert fleet.waits(frames([])).table.empty


def test_failures_are_grouped_by_the_error_without_its_numbers():
    """They name all runs, the newest first; groups that failed with a step in them are left out."""

    def broken(run_id, seconds, start):
        look = {"status": "error", "error": f"IRS timed out after {seconds} s"}
        inner = step("b", start, start + 5, label=f"Asking {seconds}c1372ab", **look)
        note = step("e", start + 5, start + 5, type="error", status="error", label=look["error"])
        outer = step("o", start, start + 5, status="error", steps=[inner, note])
        return run(outer, run_id=run_id, status="error", start=start)

    panel = fleet.failed_steps(
        frames([broken("old", 20, 0), broken("new", 30, 9), run(step("a"), run_id="fine")])
    )
    [row] = panel.table.to_dict("records")
    assert row["error"] == "IRS timed out after * s"
    assert [row[name] for name in ("label", "n_steps", "n_runs")] == ["Asking *", 2, 2]
    assert row["run_ids"] == ["new", "old"]
    assert panel.sentence == "2 of 3 runs with failed steps."
    same = fleet.failed_steps(frames([broken("a", 20, 0), broken("b", 20, 9)])).table["error"]
    assert same.tolist() == ["IRS timed out after 20 s"]
    coded = [
        run(step("s", status="error", result={"error": "Down"} | code), run_id=name, status="error")
        for name, code in (("a", {}), ("b", {"code": "down"}))
    ]
    f = frames(coded)
    assert fleet.failed_steps(f).table["error"].tolist() == ["Down"]
    assert fleet_tiles(Facts(f))["failed"].note == "1 cause"

    named = {"_runkit": {"business_id": "b", "business_name": "Kestrel LLC"}}
    others = [broken("b", 20, 9) | named, run(step("a"), run_id="c") | named]
    body = fleet.failed_steps(frames([broken("a", 20, 0) | named, *others])).body
    assert "· Kestrel LLC, 2 of its 3 runs: b a" in body.striptags()


def test_kinds_of_steps_without_names_are_known_by_their_labels():
    """The own time of the group is 9 of 12 seconds in each of two runs."""
    lookup = step("b", 2, 5, name=None, label="Lookup", parent_step_id="a")
    runs = [
        run(step("a", 0, 12, name=None, label="Review", steps=[lookup]), run_id=n) for n in "xy"
    ]
    table = fleet.slowest_steps(frames(runs)).table.set_index("label")
    assert table["critical_s"].to_dict() == {"Review": 18, "Lookup": 6}
