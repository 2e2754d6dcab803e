"""Panels of many runs: their numbers, for no run, for one, for hundreds and for odd ones."""

from __future__ import annotations

import pytest

from runkit.charts import fleet
from runkit.errors import UsageError
from runkit.tables.read_frames import frames
from support import artifact, at, question, run, step

SOURCE = {"url": "https://a.example/1", "source_name": "Register", "source_tier": "government"}


def failed(n, label):
    """A run that ended with an error."""
    cause = step(f"e{n}", 0, 5, type="error", status="error", label=label)
    return run(cause, run_id=f"f{n}", status="error", created_at=at(n))


def waiting(n, waited=60, **more):
    """A run whose question has waited so many seconds."""
    pending, read = question(f"q{n}", 10, None, label="Is it so?"), {"read_at": at(10 + waited)}
    return run(pending, run_id=f"w{n}", end=None, status="interrupted", _runkit=read) | more


def completed(run_id, title="Fine", sure="high", steps=()):
    """A completed run with a finding and an output of this confidence."""
    found = artifact(title, confidence=sure or "high", sources=[SOURCE])
    output = {"artifacts": [artifact("Summary", confidence=sure)]}
    return run(step("a", artifacts=[found]), *steps, run_id=run_id, output=output)


def needs(*runs):
    """The table of what needs attention."""
    return fleet.needs_attention(frames(list(runs))).table


def test_failures_with_the_same_error_are_one_row_that_has_all_ids():
    runs = [failed(n, "The register did not answer") for n in range(6)]
    table = needs(*runs, failed(9, "No such business"), waiting(1))
    assert table["run_ids"].tolist() == [["w1"], ["f9"], ["f5", "f4", "f3", "f2", "f1", "f0"]]
    assert table["n_runs"].tolist() == [1, 1, 6]
    assert table["next_step"].tolist() == ["Answer", "Check", "Check"]


def test_watchlist_hits_come_first_then_the_longest_wait():
    value = {"label": "Dismiss?", "type": "dismissal", "artifacts": []}
    hit = waiting(3, interrupts=[{"id": "i", "value": value}])
    table = needs(waiting(1, 60), waiting(2, 7_200), hit)
    assert table["run_id"].tolist() == ["w3", "w2", "w1"]
    assert table["age_s"].tolist() == [60, 7_200, 60]


def test_a_question_is_never_folded_below_20_nor_is_an_error():
    others = [failed(1, "No answer"), completed("low", "Hit left open", "low")]
    panel = fleet.needs_attention(frames([*(waiting(n) for n in range(20)), *others]))
    above, below = panel.body.split('<details class="needs-rest">')
    assert (above.count("Is it so?"), above.count("No answer")) == (20, 1)
    assert '<span class="fail">▽</span> <bdi>Low: Hit left open' in below
    assert "1 more row, 1 run: 1 low" in below


def test_folded_rows_count_each_run_once():
    """A run may have two reasons."""
    low = completed("low", "Hit left open", "low")
    low |= {"steps": [*low["steps"], question("q", 10, None, label="Is it so?")]}
    above = [failed(n, f"No answer {n}") for n in range(8)]
    rest = fleet.needs_attention(frames([*above, low])).body.split('<details class="needs-rest">')
    assert "2 more rows, 1 run: 1 low, 1 expired" in rest[1]


def test_above_20_questions_those_of_one_kind_about_a_business_are_one_row():
    """Each is counted and has its line of code; runs of unknown businesses stay apart."""
    known = {"business_id": "b", "business_name": "Northwind LLC", "read_at": at(90)}
    runs = [waiting(n, _runkit=known) for n in range(19)]
    pair = [question(f"{n}", 10, None, label="Is it?", result={"interrupt_id": n}) for n in "ab"]
    runs.append(run(*pair, run_id="pair", end=None, status="interrupted", _runkit=known))
    panel = fleet.needs_attention(frames([*runs, waiting(90), waiting(91)]))
    table = panel.table
    assert table["reason"].tolist() == ["21 questions: Is it so?", "Is it so?", "Is it so?"]
    assert table["n_runs"].tolist() == [20, 1, 1]
    assert " ".join(table["run_ids"][0]) in panel.body
    assert panel.body.count("runkit.InterruptForm(runkit.Client(), ") == 23
    assert "&#34;pair&#34;, &#39;b&#39;)" in panel.body


def test_attention_is_ordered_by_confidence_data_and_policy():
    """Low confidence by its weakest finding, decisions of the policy, medium."""
    pending = question("q", 10, 10, label="Approve?", result={"resolution": "auto_approve"})
    runs = [
        completed("fine"),
        completed("low", "Hit left open", "low"),
        completed("none", sure=None),
        completed("medium", "Mixed", "medium"),
        completed("policy", steps=[pending]),
    ]
    table = needs(*runs)
    assert table["run_id"].tolist() == ["low", "none", "policy", "medium"]
    assert table["next_step"].tolist() == ["Read", "Read", "Sample", "Sample"]
    assert table["reason"].tolist() == [
        *("Low: Hit left open", "Unrated: Summary"),
        *("Auto-approved: Approve?", "Medium: Mixed"),
    ]
    assert fleet.needs_attention(frames([runs[0], 5])).sentence.startswith("1 record not read")
    assert fleet.needs_attention(frames(runs[0])).sentence == "You're all caught up."
    assert fleet.needs_attention(frames([])).sentence == "There are no runs."


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


@pytest.mark.parametrize(
    ("slow", "sentences"),
    [
        (
            timed("slow", 20, wait_s=7_200),
            [
                "Slow because it waited 2 h, median 0 s: 2 h for “Approve?”.",
            ],
        ),
        (
            timed("slow", 58),
            [
                "Slow because it worked 1 min 3 s, median 25 s: “Looking up” took 58 s itself.",
            ],
        ),
        (
            grouped("slow", 600),
            [
                "Slow because it worked 10 min, median 25 s: “Step g” took 9 min itself.",
            ],
        ),
        (
            timed("slow", 600, wait_s=7_200),
            [
                "Slow because it waited 2 h, median 0 s: 2 h for “Approve?”.",
                "Besides, it worked 10 min 5 s, median 25 s: “Looking up” took 10 min itself.",
            ],
        ),
        (
            timed("slow", 10),
            ["Not slow beside 5 others: it worked 15 s, median 25 s; it waited 0 s, median 0 s."],
        ),
        (
            timed("slow", 25) | {"ended_at": at(100), "updated_at": at(100)},
            [
                "Slow because nothing ran for 1 min 10 s, median 0 s.",
            ],
        ),
    ],
)
def test_the_largest_unusual_part_of_a_run_comes_first(slow, sentences):
    panel = fleet.why_slow(frames([slow, *USUAL, timed("failed", 1, status="error")]), "slow")
    assert panel.sentence == " ".join(sentences)
    assert panel.table["n_runs"].tolist() == [1, 5]


def test_work_is_compared_with_work_though_others_wait_longer():
    """It worked 34 minutes; the others wait for hours, and 10 of 30 take longer in all."""
    others = [timed(f"o{n}", 140 + n, wait_s=5 * 3_600 if n < 10 else 0) for n in range(30)]
    panel = fleet.why_slow(frames([timed("slow", 2_040), *others]), "slow")
    assert panel.sentence.startswith("Slow because it worked 34 min 5 s, median 2 min")


def listed(run_id):
    """A run as a list has it, without steps."""
    return timed(run_id, 9) | {"steps": []}


def test_runs_that_were_not_read_are_counted_and_in_no_median():
    """Of 6 others 3 may be faster; of 5 none can change that one in ten took as long."""
    panel = fleet.why_slow(frames([timed("x", 19), *USUAL[:3], *map(listed, "def")]), "x")
    assert panel.sentence.startswith("Not slow beside 3 others: it worked 24 s, median 25 s;")
    assert panel.sentence.endswith("3 other runs left out: where the time went is not known.")
    assert panel.table[["n_runs", "n_steps"]].values.tolist() == [[1, 2], [3, 2]]
    panel = fleet.why_slow(frames([timed("x", 23), *USUAL[:3], listed("d")]), "x")
    assert panel.sentence.startswith("Not known whether it is slow beside 3 others: it worked")
    panel = fleet.why_slow(frames([timed("x", 23), listed("d"), listed("e")]), "x")
    assert "slow" not in panel.sentence.lower()
    assert "2 other runs left out" in panel.sentence


def test_a_run_that_goes_on_is_not_called_normal():
    running = timed("x", 5) | {"status": "running", "ended_at": None}
    panel = fleet.why_slow(frames([running | {"_runkit": {"read_at": at(10)}}, *USUAL]), "x")
    assert panel.sentence == "Still running: 10 s so far, 10 s work."
    running = timed("x", 600) | {"status": "running", "ended_at": None}
    panel = fleet.why_slow(frames([running | {"_runkit": {"read_at": at(605)}}, *USUAL]), "x")
    assert "Slow because it worked 10 min 5 s" in panel.sentence


def test_times_that_contradict_the_steps_are_no_duration():
    """The run ends before it begins: nothing took 0 s."""
    odd = timed("x", 400) | {"ended_at": at(-60)}
    panel = fleet.why_slow(frames([odd, *USUAL]), "x")
    assert panel.sentence == "Duration not known, its steps took 6 min 45 s."
    assert "left out" in fleet.why_slow(frames([odd, *USUAL]), "a").sentence


def test_a_failed_run_and_a_single_one_are_not_compared():
    bad = step("e", 5, 6, type="error", status="error", label="No answer")
    f = frames(
        [
            *USUAL,
            run(step("a"), bad, run_id="bad", status="error"),
            timed("z", 9) | {"agent": "tin"},
        ]
    )
    sentence = "It failed after 1 min 40 s in “No answer”. A failed run is not compared."
    assert fleet.why_slow(f, "bad").sentence == sentence
    assert "no other completed run" in fleet.why_slow(f, "z").sentence
    with pytest.raises(UsageError):
        fleet.why_slow(f, "unknown-run")


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


def test_each_run_is_in_one_row_of_outcomes():
    """Every run is in one row, and the shares of an agent's runs make 100%."""
    runs = [run(step("s", 0, 60), run_id=f"r{n}", end=60) for n in range(3)]
    table = fleet.outcomes(frames([*runs, run(run_id="e", status="error")])).table
    assert table[["n_runs", "runs_percent"]].values.tolist() == [[3, 75], [1, 25]]
    assert table.loc[0, ["median_s", "p90_s", "longest_s", "total_s"]].tolist() == [60, 60, 60, 180]


def test_why_slow_says_what_is_not_known_yet():
    """A waiting run waits still, and without steps nobody knows where the time went."""
    undated = waiting(2) | {"_runkit": {}}
    f = frames([waiting(1), undated, completed("a"), run(run_id="bare", end=300)])
    sentences = {name: fleet.why_slow(f, name).sentence for name in ("w1", "w2", "bare")}
    assert sentences["w1"].startswith("Still waiting: 1 min 10 s so far")
    assert sentences["w2"].startswith("Still waiting: 0 s work, 10 s idle, waiting since Feb")
    assert "steps not read" in sentences["bare"]
    assert fleet.why_slow(f, "w2").table.loc[0, ["duration_s", "waiting_s"]].isna().all()
    alone = fleet.outcomes(frames([undated])).table
    assert alone[["median_s", "total_s"]].isna().to_numpy().all()


def test_failures_are_grouped_by_the_error_without_its_numbers():
    """They name all runs, the newest first; groups that failed with a step in them are left out."""

    def broken(run_id, seconds, start):
        look = {"status": "error", "error": f"IRS timed out after {seconds} s"}
        inner = step("b", start, start + 5, label="Asking", **look)
        note = step("e", start + 5, start + 5, type="error", status="error", label=look["error"])
        outer = step("o", start, start + 5, status="error", steps=[inner, note])
        return run(outer, run_id=run_id, status="error", start=start)

    panel = fleet.failed_steps(
        frames([broken("old", 20, 0), broken("new", 30, 9), run(step("a"), run_id="fine")])
    )
    [row] = panel.table.to_dict("records")
    assert row["error"] == "IRS timed out after * s"
    assert [row[name] for name in ("label", "n_steps", "n_runs")] == ["Asking", 2, 2]
    assert row["run_ids"] == ["new", "old"]
    assert panel.sentence == "2 of 3 runs with failed steps."
    same = fleet.failed_steps(frames([broken("a", 20, 0), broken("b", 20, 9)])).table["error"]
    assert same.tolist() == ["IRS timed out after 20 s"]

    named = {"_runkit": {"business_id": "b", "business_name": "Kestrel LLC"}}
    for more, share in ((named, "2 of its 3 runs"), ({}, "2 runs")):
        others = [broken("b", 20, 9) | more, run(step("a"), run_id="c") | named]
        body = fleet.failed_steps(frames([broken("a", 20, 0) | named, *others])).body
        assert f"Asking · Kestrel LLC, {share}: b a" in body.striptags()


def test_variants_are_sequences_of_steps_that_work():
    """The most frequent first, with an example; a group that works for half of its time is none."""
    inner = step(
        "g", 0, 18, name="group", steps=[step("a", 0, 5, name="look"), step("b", 5, 9, name="read")]
    )
    runs = [run(inner, run_id=f"r{n}") for n in range(2)]
    runs.append(run(step("a", 0, 5, name="look"), run_id="x", status="error"))
    damaged = run(step("a", artifacts=[5]), run_id="d")
    panel = fleet.variants(frames([*runs, run(run_id="y"), damaged]))
    assert panel.sentence.startswith("2 variants of 3 runs. Steps of 2 runs not known")
    table = panel.table
    columns = ["variant", "n_runs", "runs_percent", "n_failed", "run_id"]
    rows = [["look > read", 2, 66.7, 0, "r0"], ["look", 1, 33.3, 1, "x"]]
    assert table[columns].values.tolist() == rows
    alone = step("g", 0, 19, name="group", steps=inner["steps"])
    assert fleet.variants(frames(run(alone))).table["variant"].tolist() == ["group > look > read"]


def test_kinds_of_steps_without_names_are_known_by_their_labels():
    """The own time of the group is 9 of 12 seconds in each of two runs."""
    lookup = step("b", 2, 5, name=None, label="Lookup", parent_step_id="a")
    runs = [
        run(step("a", 0, 12, name=None, label="Review", steps=[lookup]), run_id=n) for n in "xy"
    ]
    table = fleet.slowest_steps(frames(runs)).table.set_index("label")
    assert table["critical_s"].to_dict() == {"Review": 18, "Lookup": 6}
