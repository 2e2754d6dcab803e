"""Lists that say what may be missing."""

import signal
import threading

import pytest

from runkit.client import run_list
from tests.client.conftest import Answer


@pytest.fixture
def account(account, run_json):
    """Return an account with 50 runs in pages of 10, newest first; every third waits."""
    account.page_size = 10
    for number in reversed(range(50)):
        created = f"2026-02-03T00:{number:02}:00Z"
        status = "interrupted" if number % 3 == 1 else "completed"
        account.add(run_json(f"run-{number}", status=status, created_at=created))
    return account


@pytest.mark.parametrize(
    ("options", "numbers", "missing", "n_pages"),
    [
        ({}, range(49, -1, -1), (), 5),
        ({"limit": 7}, range(49, 42, -1), ("the newest 7 of 50",), 1),
        ({"limit": 10}, range(49, 39, -1), ("the newest 10 of 50",), 1),
        ({"limit": 50}, range(49, -1, -1), (), 5),
        ({"limit": 5, "status": "waiting"}, range(49, 36, -3), ("the newest 5 (limit=5)",), 2),
        ({"since": "2026-02-03T01:35+01:00"}, range(49, 34, -1), (), 2),
    ],
)
def test_a_list_has_all_runs_or_says_that_it_has_not(
    account, client, server, options, numbers, missing, n_pages
):
    """A limit counts what is left of a filter; while the newest come first, `since` ends the reading."""
    runs = client.runs.list(**options)
    assert runs.ids == tuple(f"run-{number}" for number in numbers)
    assert (runs.missing, len(server.requests)) == (missing, n_pages)


def test_a_list_that_never_ends_is_cut(server, client, run_json, monkeypatch):
    monkeypatch.setattr(run_list, "MAX_PAGES", 20)
    server.script = lambda received: Answer(
        {"data": [run_json(received.query["page"])], "has_more": True}
    )
    runs = client.runs.list()
    assert (len(runs), runs.missing) == (20, ("20 records arrived, the API has more",))
    assert len(server.requests) == 20


def test_runs_without_a_thread_may_be_of_the_business(account, client, run_json):
    """Runs that tell neither thread nor business make the list uncertain."""
    account.businesses = {"b-1": "approved"}
    known = run_json("known", thread_id=None, business_id="b-1")
    account.runs = {}
    account.add(run_json("mine", thread_id="thread-b-1"), known, run_json("un", thread_id=None))
    runs = client.runs.list(business_id="b-1")
    assert runs.ids == ("mine", "known")
    assert runs.missing == ("1 run without a thread may be missing",)


@pytest.mark.parametrize("change", ["create", "delete"])
def test_a_moving_list_says_that_it_moved(account, client, run_json, change):
    """Whatever comes or goes between two pages: no run twice, and whole means that none was missed."""
    expected = {*account.runs} - {"run-49"}  # which may be deleted

    def move():
        if change == "create":
            account.runs = {"new": run_json("new"), **account.runs}
        else:
            del account.runs["run-49"]

    account.before_page[2] = move
    runs = client.runs.list()
    assert len(runs.ids) == len(set(runs.ids))
    assert runs.missing or expected <= set(runs.ids)


def test_a_list_that_is_stopped_has_what_arrived(account, client, server):
    """Ctrl-C while the second page is read; nothing else is read then."""
    main = threading.get_ident()
    stopped = threading.Event()

    def stop():
        signal.pthread_kill(main, signal.SIGINT)
        stopped.wait(10)

    account.before_page[2] = stop
    runs = client.runs.list(with_businesses=True)
    stopped.set()
    assert runs.ids == tuple(account.runs)[:10]
    assert runs.missing == ("stopped by Ctrl-C: 10 records arrived, more were not read",)
    assert server.lines == ["GET /runs"] * 2
