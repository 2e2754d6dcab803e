"""Which rows a Gantt chart has, in which order, and what their words say."""

from __future__ import annotations

import json

import pytest

import runkit
from chart import draw
from strangers import fleet, records
from support import artifact, at, example, question, run, step

HOUR = 3_600


def waiting(run_id, hours):
    """A run that waits for some hours before the read at hour 100."""
    gate = question("q", 10, None)
    begin = (100 - hours) * HOUR
    raw = run(step("a", begin, begin + 10), run_id=run_id, start=begin, end=None)
    gate |= {"started_at": at(begin + 10)}
    return raw | {
        "status": "interrupted",
        "steps": [*raw["steps"], gate],
        "updated_at": at(begin + 10),
    }


def failed(run_id, seconds=10):
    """A run that failed after some seconds."""
    broken = step("b", 0, seconds, status="error", result={"error": "upstream timeout"})
    return run(broken, run_id=run_id, status="error", end=seconds)


def done(run_id, seconds=10):
    """A run that worked for some seconds."""
    return run(step("a", 0, seconds), run_id=run_id, end=seconds)


def runs_of(*parts):
    """Frames of runs that are read at hour 100."""
    return runkit.frames(list(parts), as_of=at(100 * HOUR))


def test_one_run_is_a_tree_with_a_row_for_each_step():
    chart = draw(example("completed"))
    assert chart.rows[:3] == [
        "Planning the review",
        "Delegating TIN verification",
        "Researching TIN verification",
    ]
    assert len(chart.rows) == 8
    assert chart.layout["yaxis"]["ticktext"][1] == "<b>Delegating TIN verification</b>"
    assert chart.layout["yaxis"]["ticktext"][2].startswith("\u00a0" * 4)


def test_the_title_of_one_run_names_it_and_the_line_below_says_where_the_time_went():
    known = {"business_name": "Namesake Imports LLC"}
    chart = draw(example("completed") | {"_runkit": known})
    assert chart.title == "Namesake Imports LLC · CIP Orchestrator · Completed ✓"
    spent = "40 min 59 s: 3 min 17 s work, 37 min 42 s waiting"
    assert chart.lines == [f"{spent} · run 7b0f6c1e"]
    assert chart.alt == f"Timeline: {chart.title}. {spent} · run 7b0f6c1e"


@pytest.mark.parametrize(
    ("has_question", "idle_s", "words"),
    [
        (False, 0, "1 min: 1 min work"),
        (True, 3, "1 min 43 s: 1 min work, 40 s waiting"),
        (True, 4, "1 min 44 s: 1 min work, 4 s idle, 40 s waiting"),
    ],
)
def test_idle_time_is_named_from_a_twentieth_of_what_is_no_waiting(has_question, idle_s, words):
    parts = [step("a", 0, 60)] + [question("q", 60, 100)] * has_question
    raw = run(*parts, end=60 + 40 * has_question + idle_s)
    assert draw(raw).lines == [f"{words} · run r"]


@pytest.mark.parametrize(
    ("agents", "names"),
    [
        (["tin"], ["TIN"]),
        (["tin", "tin"], ["", ""]),
        (["tin", "names"], ["TIN", "Names"]),
    ],
)
def test_a_run_has_the_name_of_its_agent_unless_it_is_the_only_one(agents, names):
    runs = [run(step("a"), run_id=f"{n}", agent=agent, end=10) for n, agent in enumerate(agents)]
    chart = draw(runs, depth=0)
    assert [" ".join(label.split()[1:-1]) for label in chart.rows] == names


def test_runs_stand_in_the_order_of_who_needs_somebody():
    """Waiting (longest first), failed, running, completed (longest first), with space between."""
    running = run(step("a", 0, None), run_id="running1", end=None, updated_at=at(60))
    parts = [done("complet1", 10), done("complet2", 20), running, failed("failed01")]
    chart = draw(runs_of(*parts, waiting("waiting1", 2), waiting("waiting2", 5)), depth=0)
    assert [label.split()[-1] for label in chart.rows] == [
        *("waiting2", "waiting1", "failed01", "running1", "complet2", "complet1"),
    ]
    assert [label[0] for label in chart.rows] == ["◷", "◷", "✕", "●", "✓", "✓"]
    assert chart.title == "6 runs · 2 waiting · 1 failed · 1 running"
    assert chart.texts[0] == "10 s  waiting 5 h"
    assert chart.layout["yaxis"]["tickvals"] == pytest.approx([0, 1, 2.4, 3.8, 5.2, 6.2])


@pytest.mark.parametrize(
    ("n_waiting", "n_failed", "n_done", "line"),
    [
        (50, 40, 410, "45 of 500 runs: 23 waiting, 11 failed, 11 completed"),
        (50, 3, 10, "45 of 63 runs: 32 waiting, 3 failed, 10 completed"),
    ],
)
def test_the_runs_of_each_status_keep_a_quarter_of_45_rows_and_the_line_counts_them(
    n_waiting, n_failed, n_done, line
):
    parts = [waiting(f"w{n}", n + 1) for n in range(n_waiting)]
    parts += [failed(f"f{n}") for n in range(n_failed)] + [done(f"d{n}") for n in range(n_done)]
    chart = draw(runs_of(*parts))
    assert len(chart.rows) == 45
    assert chart.lines[1].startswith(line)


def test_as_many_levels_of_steps_have_rows_as_fit():
    """Two runs of 7 steps are trees, six to 15 runs show top steps, more only themselves."""

    def tree(run_id):
        inner = [step(f"{n}", n, n + 1) for n in range(5)]
        return run(step("g", 0, 5, steps=inner), step("z", 5, 6), run_id=run_id)

    sizes = {n: draw([tree(f"{k}") for k in range(n)]) for n in (2, 6, 15, 16)}
    assert {n: len(chart.rows) for n, chart in sizes.items()} == {2: 16, 6: 18, 15: 45, 16: 16}
    assert sizes[6].lines[1] == "12 of 42 steps have a row"


def test_a_run_that_is_too_wide_shows_what_failed_what_waits_and_the_longest():
    steps = [step(f"{n}", n, n + 1 + n / 1_000, label=f"Step {n}") for n in range(60)]
    steps[3] |= {"status": "error", "label": "Broken"}
    steps.append(question("q", 60, None, label="Approve?"))
    raw = run(*steps, status="interrupted", end=None, updated_at=at(60))
    chart = draw(runs_of(raw))
    assert len(chart.rows) == 45
    assert "45 of 61 steps have a row" in chart.lines[1]
    assert {"Broken", "Approve?", "Step 59"} <= {*chart.rows}
    assert not {"Step 0", "Step 10"} & {*chart.rows}


def test_depth_says_how_many_levels_have_rows_in_up_to_120():
    many = [done(f"{n}") for n in range(60)]
    assert [len(draw(many, depth=depth).rows) for depth in (None, 0, 1)] == [45, 60, 120]


@pytest.mark.parametrize(
    ("n_runs", "options", "hint"),
    [
        (61, {"depth": 1}, "depth=1 needs 122 rows.*at most 120.*use a smaller one"),
        (1, {"depth": -1}, "depth=-1"),
        (1, {"title": ""}, "title=''"),
        (0, {}, "no run to draw"),
    ],
)
def test_an_argument_that_does_not_apply_is_refused(n_runs, options, hint):
    with pytest.raises(runkit.errors.UsageError, match=hint):
        runkit.gantt([done(f"{n}") for n in range(n_runs)], **options)


def test_a_long_title_wraps_and_no_word_of_it_is_lost():
    title = " ".join(f"word{n}" for n in range(24))
    chart = draw(done("d"), title=title)
    assert " ".join([chart.title, chart.lines[0]]).startswith(title[:120])
    assert title in chart.alt


SHORT, LONG = "No answer (irs_down)", " ".join(["reason"] * 20)


@pytest.mark.parametrize(
    ("is_inside", "in_row", "below_title"),
    [(True, SHORT, ""), (False, SHORT, ""), (False, "", LONG)],
)
def test_a_failure_stands_once(is_inside, in_row, below_title):
    """In the row of its step, or below the title; its record, in or behind it, has no row."""
    reason = in_row or below_title
    record = step("e", 90, 90, type="error", status="error", label=reason)
    broken = step("b", 20, 90, status="error", label="Asking", steps=[record] * is_inside)
    raw = run(step("a", 0, 20), broken, *[record] * (not is_inside), status="error", end=90)
    chart = draw(raw)
    assert chart.rows == ["Step a", "Asking"]
    assert chart.texts[1] == f"✕ 1 min 10 s  {in_row}".strip()
    assert " ".join(chart.lines[1:]) == below_title
    assert chart.alt.endswith(f". {reason}")
    texts = draw([raw, run(run_id="s")]).texts
    assert [reason[:9] in text for text in texts] == [False, False, True, False]


def test_a_failure_without_a_failed_step_is_the_label_of_its_own_row():
    record = step("e", 20, 20, type="error", status="error", label="No answer")
    chart = draw(run(step("a", 0, 20), record, status="error"))
    assert [chart.rows[1], chart.texts[1]] == ["No answer", "✕ 0 s"]
    assert len(chart.lines) == 1


def test_an_agent_has_one_color_in_all_charts_of_the_same_agents():
    """The six with the most runs and steps, in order of name. No name is cut: lines wrap."""
    runs = []
    for n in range(8):
        agent = f"enhanced_specialist_{n}"
        steps = [step(f"{k}", agent=agent) for k in range(n)]
        runs.append(run(*steps, run_id=f"{n}", agent=agent))
    f = runkit.frames(runs)
    colors = draw(f, depth=0).colors
    assert [*colors] == [f"Enhanced Specialist {n}" for n in range(2, 8)] + ["Other agents"]
    assert len({*colors.values()}) == 7
    assert draw(runs[::-1], depth=0).colors == colors
    for n in range(1, 8):
        assert draw(f.select(f"{n}"), depth=0).colors.items() <= colors.items()


def test_hover_has_agent_state_times_findings_and_values():
    found = [artifact(f"Finding {n}") for n in range(5)]
    inner = step("b", 2, 32)
    looked = step(
        "a",
        2,
        62,
        label="Looking",
        agent="tin",
        artifacts=found,
        steps=[inner],
        result={"tin": "ok"},
    )
    lines = draw(run(looked)).hovers[0].split("<br>")
    assert lines[:3] == [
        "Looking",
        "TIN · Done ✓",
        "1 min, 30 s of its own",
    ]
    assert [line for line in lines if line.startswith("◆")] == [f"◆ Finding {n}" for n in range(3)]
    assert lines[-1] == "2 more values"


HOSTILE = '<a href="https://evil.example">click</a><img src=x>$x$%{y}'


@pytest.mark.parametrize("n_runs", [1, 2, 50])
def test_hostile_text_is_text(n_runs):
    """Plotly reads labels, agents and statuses as HTML, `$…$` as a formula, `%{…}` as a value."""
    steps = (
        step("a", label=HOSTILE, agent=HOSTILE),
        step("b", status="error", result={"error": HOSTILE}),
    )
    runs = [
        run(*steps, status=HOSTILE, agent=HOSTILE, run_id=f"{n}{HOSTILE}") for n in range(n_runs)
    ]
    figure = draw(runs, title=HOSTILE).json
    del figure["layout"]["meta"]  # words for screen readers, which plotly does not draw
    shown = json.dumps(figure)
    assert "evil.example" in shown
    assert not [markup for markup in ("<a ", "<img", "$x$", "%{y}") if markup in shown]


def test_charts_have_an_upper_size():
    """JSON of at most 100 kB for 5,000 steps, a picture of at most 60 kB for a fleet."""
    steps = [step(f"{n}", n, n + 1, agent=f"agent_{n % 8}") for n in range(4_950)]
    groups = [step(f"g{n}", n, n + 99, steps=steps[n : n + 99]) for n in range(0, 4_950, 99)]
    large = runkit.gantt(run(*groups, end=4_950))
    assert len(large.to_json()) <= 100_000
    many = runkit.gantt(records(fleet(3, 500)))
    assert len(many.to_json()) <= 100_000
    for figure in (large, many):
        assert len(figure._repr_mimebundle_()["text/html"]) <= 60_000
