"""Lists that say what may be missing."""

import pickle
import signal
import threading

import pytest

from runkit.api.models import Run
from runkit.client import RunList, run_list
from tests.client.conftest import Answer


class Book:
    """A server's list, newest first, that a test may change between two pages."""

    def __init__(self, run_json, count, size=10):
        self.run_json = run_json
        self.size = size
        self.runs = [self.compose(number) for number in reversed(range(count))]
        self.between = {}  # what happens before the nth request
        self.reads = []

    def compose(self, number, **fields):
        """Compose a run that is as old as its number is small."""
        created = f"2026-02-03T{number // 60:02}:{number % 60:02}:00Z"
        return self.run_json(f"run-{number}", created_at=created, **fields)

    def page(self, number):
        """Return a page, after what was to happen before this read."""
        self.reads.append(number)
        self.between.pop(len(self.reads), lambda: None)()
        start = (number - 1) * self.size
        counts = {"has_more": start + self.size < len(self.runs), "total_count": len(self.runs)}
        return {"object": "list", "data": self.runs[start : start + self.size], **counts}

    def answer(self, received):
        """Answer a request."""
        return Answer(self.page(int(received.query["page"])))


@pytest.mark.parametrize(("run_id", "n", "n_pages"), [("run-1", 1, 2), ("run-{}", 20, 20)])
def test_a_list_that_never_ends_is_cut(
    server, client, run_json, page, monkeypatch, run_id, n, n_pages
):
    """A server repeats its page, or has a new run on each page."""
    monkeypatch.setattr(run_list, "MAX_PAGES", 20)
    server.script = lambda received: page(
        run_json(run_id.format(received.query["page"])), has_more=True
    )
    runs = client.runs.list()
    records = "1 record" if n == 1 else f"{n} records"
    assert (len(runs), runs.missing) == (n, (f"{records} arrived, the API has more",))
    assert len(server.requests) == n_pages


def test_limit_counts_runs_after_filtering(server, client, run_json):
    book = Book(run_json, 50)
    for run in book.runs[::3]:
        run["status"] = "interrupted"
    server.script = book.answer
    runs = client.runs.list(limit=5, status="interrupted")
    assert [run.status for run in runs] == ["interrupted"] * 5
    assert (runs.missing, book.reads) == (("the newest 5 (limit=5)",), [1, 2])
    assert server.requests[0].query["per_page"] == "100"


def test_since_and_until_bound_created_at(server, client, run_json):
    """`since` is included, `until` is not.

    While the list is newest first, `since` ends the reading.
    """
    book = Book(run_json, 50)
    server.script = book.answer
    runs = client.runs.list(since="2026-02-03T00:35:00", until="2026-02-03T01:38:00+01:00")
    assert runs.ids == ("run-37", "run-36", "run-35")
    assert not runs.missing
    assert book.reads == [1, 2]


def test_runs_without_a_thread_may_be_of_the_business(server, client, run_json, page):
    """Runs that tell neither thread nor business make the list uncertain.

    The business alone will do.
    """
    thread = {"object": "thread", "id": "thread-1", "status": "completed"}
    thread |= dict.fromkeys(["created_at", "updated_at"], "2026-02-03T10:00:00Z")
    known = run_json("known", thread_id=None, business_id="b-1")
    listed = page(run_json("mine"), known, run_json("unknown", thread_id=None))
    business = thread | {"object": "business", "id": "b-1", "name": "Acme"}
    server.say(Answer(business), page(thread), listed)
    runs = client.runs.list(business_id="b-1")
    assert runs.ids == ("mine", "known")
    assert runs.missing == ("1 run without a thread may be missing",)


@pytest.mark.parametrize("change", ["create", "delete"])
def test_a_moving_list_says_that_it_moved(server, client, run_json, change):
    """Whatever comes or goes between two pages: no run twice, and whole means that none was missed."""
    book = Book(run_json, 35)
    expected = {f"run-{number}" for number in range(34)}  # run-34 may be deleted

    def move():
        if change == "create":
            book.runs.insert(0, book.compose(100))
        else:
            del book.runs[0]

    book.between[2] = move
    server.script = book.answer
    runs = client.runs.list(progress=False)
    assert len(runs.ids) == len(set(runs.ids))
    assert runs.missing or expected <= set(runs.ids)


def test_a_slice_of_a_list_says_that_it_is_one(run_json):
    runs = RunList(tuple(Run.from_json(run_json(f"run-{number}")) for number in range(8)))
    assert (runs[:].missing, runs[:2].ids) == ((), runs.ids[:2])
    assert runs[:2].missing == ("a slice: 2 of 8",)
    assert pickle.loads(pickle.dumps(runs)).ids == runs.ids


def test_a_list_has_all_runs_or_says_that_it_has_not(server, client, run_json):
    """Three pages are read to the end; a limit that cuts is said, one that does not is not."""
    server.script = Book(run_json, 23).answer
    whole, cut, enough = (client.runs.list(limit=n, progress=False) for n in (None, 7, 23))
    assert (len(whole), len(set(whole.ids)), whole.missing) == (23, 23, ())
    assert (cut.ids, cut.missing) == (whole.ids[:7], ("the newest 7 of 23",))
    assert (len(enough), enough.missing) == (23, ())


def test_a_list_is_read_to_its_end_although_it_counts_fewer(server, client, run_json, page):
    """`has_more` counts, also once as many have come as the first page says."""
    server.say(page(run_json("a"), has_more=True, total=1), page(run_json("b"), total=1))
    runs = client.runs.list()
    assert runs.ids == ("a", "b")
    assert runs.missing == ("2 records arrived, the API counts 1",)


@pytest.mark.parametrize("options", [{}, {"with_businesses": True}])
def test_a_list_that_is_stopped_has_what_arrived(server, client, run_json, options):
    """Ctrl-C while the second page is read; nothing else is read then."""
    main = threading.main_thread().ident
    assert main is not None
    book = Book(run_json, 35)
    stopped = threading.Event()

    def stop():
        signal.pthread_kill(main, signal.SIGINT)
        stopped.wait(10)

    book.between[2] = stop
    server.script = book.answer
    runs = client.runs.list(**options)
    stopped.set()
    assert runs.ids == tuple(f"run-{number}" for number in range(34, 24, -1))
    assert runs.missing == ("stopped by Ctrl-C: 10 records arrived, more were not read",)
    assert server.lines == ["GET /runs"] * 2
