"""Runs that the sandbox's operator ends, and questions that lapse with them."""

import pytest

from runkit.errors import UsageError
from runkit.server import Sandbox


@pytest.fixture
def server(shared):
    """One for all these tests."""
    return shared


def end(server, run_id):
    """End a run, and read it."""
    Sandbox(server.running, speed=1).end_run(run_id)
    return server.run(run_id)


def test_a_question_lapses_with_its_run(server):
    """The run ends in error, and the step of its question stays open."""
    run = server.reach("combined_proposal")
    ended = end(server, run["id"])
    assert (ended["status"], ended["interrupts"], ended["output"]) == ("error", [], None)
    *before, error = ended["steps"]
    assert before == run["steps"]
    assert (error["type"], error["label"]) == ("error", "ended by the sandbox's operator")
    server.resume(run, 422, decision="approve")
    server.time.seconds += 3600
    assert server.run(run["id"]) == ended


def test_a_run_that_is_over_or_unknown_cannot_be_ended(server):
    """A run that has ended and one that is unknown are a UsageError."""
    done = server.reach("clean_pass")["id"]
    for run_id, why in ((done, "it is completed"), ("unknown", "run not found")):
        with pytest.raises(UsageError, match=why):
            end(server, run_id)
