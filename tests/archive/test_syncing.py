"""An archive follows the API.

What is new or changed is read, nothing else, and it goes on where it ended.
"""

import signal
import threading

import httpx
import pytest

from runkit.errors import UsageError
from support import until
from tests.faults import sandbox

N_RUNS = 30


class Watched(httpx.HTTPTransport):
    """The network, with a list of the runs that were read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def handle_request(self, request):
        """Note a run that is read with its steps, and let it pass."""
        if "include=steps" in str(request.url):
            self.read.append(request.url.path.rpartition("/")[2])
        return super().handle_request(request)


@pytest.fixture
def box():
    """A sandbox with a past; while nothing runs there, nothing changes."""
    with sandbox(speed=600, history=N_RUNS, seed=3) as started:
        yield started


@pytest.fixture
def wire():
    """What the client sends."""
    return Watched()


@pytest.fixture
def client(box, wire):
    """One that is watched, has no pace, and may only read, which is enough."""
    with box.client(rate=None, read_only=True, transport=wire) as made:
        yield made


def test_sync_reads_runs_that_have_no_steps_yet(archive, client, wire):
    """What was added from a list is completed; what has its steps is left alone."""
    listed = client.runs.list()
    archive.add(listed[:10])
    archive.add(client.runs.fetch(listed[10:20]))
    wire.read.clear()
    synced = archive.sync(client)
    assert len(wire.read) == 20
    assert (synced.added.n_new, synced.added.n_changed) == (10, 10)
    assert archive.frames().runs["has_steps"].all()


def test_sync_reads_only_the_runs_that_were_chosen(archive, box, client):
    """As `runs.list` chooses; a limit that was asked for is complete; the business is kept."""
    business = box.business("watchlist_hit")
    archive.sync(client, business_id=business, status=["completed", "interrupted", "error"])
    assert set(archive.frames().runs["business_id"]) == {business}
    limited = archive.sync(client, limit=3)
    assert (limited.n_listed, limited.is_complete) == (3, True)
    assert set(archive.frames().runs["business_id"].dropna()) == {business}
    assert archive.sync(client, since="2100-01-01").n_listed == 0
    with pytest.raises(UsageError, match="status"):
        archive.sync(client, status="done")


def test_a_business_that_is_known_later_is_stored(archive, box, client):
    archive.sync(client)
    business = box.business("watchlist_hit")
    synced = archive.sync(client, business_id=business)
    stored = archive.frames().runs.dropna(subset="business_name")
    assert len(stored) == synced.n_listed > 0
    assert set(stored["business_id"]) == {business}


def interrupt_when(is_time):
    """Press Ctrl-C once it is time."""
    main = threading.main_thread().ident
    assert main is not None

    def press():
        until(is_time)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_writes_what_arrived_and_the_next_sync_goes_on(archive, box, client, wire):
    """No run that is in the archive is read again."""
    box.fault("slow", "GET /runs/", times=None)
    thread = interrupt_when(lambda: len(wire.read) > 10)
    first = archive.sync(client, workers=2, progress=False)
    thread.join()
    assert (first.is_interrupted, first.is_complete) == (True, False)
    assert "interrupted" in repr(first)
    assert 0 < len(archive) == first.added.n_new < N_RUNS
    box.clear_faults()
    wire.read.clear()
    second = archive.sync(client)
    assert second.is_complete
    assert len(wire.read) <= second.added.n_new == N_RUNS - first.added.n_new
