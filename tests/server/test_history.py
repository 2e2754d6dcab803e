"""Equal seeds, and what a past looks like."""

from collections import Counter

import runkit


def runs_of(server):
    """All runs, newest first."""
    return list(server.get("/runs", per_page=100)["data"])


def test_the_history_of_a_sandbox_has_runs_of_two_weeks(serve):
    """Two weeks of runs, newest first: most are done, some failed, some wait, none still works."""
    server = serve(history=60, seed=1)
    runs = runs_of(server)
    created = [run["created_at"] for run in runs]
    assert created == sorted(created, reverse=True)
    assert "2026-01-20T12" <= created[-1] < created[0] < "2026-02-03T11:46"
    found = Counter(run["status"] for run in runs)
    assert set(found) == {"completed", "interrupted", "error"}
    assert (found.total(), found["completed"] > 30, min(found.values()) >= 3) == (60, True, True)
    assert server.actions("watchlist_hit")


def test_the_questions_of_a_past_name_who_decided(serve):
    """Each of three people decided some; an answer of another form says it in its own words."""
    server = serve(history=60, seed=1)
    whole = [server.get(f"/runs/{run['id']}", include="steps") for run in runs_of(server)]
    answered = runkit.frames(whole).interrupts.query("outcome == 'answered'")
    assert {"Ana Ortiz", "Ben Adeyemi", "Chloe Martin"} <= set(answered["answered_by"])
    assert {"approve", "reject"} < set(answered["decision"])
