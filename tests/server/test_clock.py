"""Virtual time against a simulation that ticks."""

from runkit.server._clock import Clock, ClockState
from tests.server.conftest import RealTime


def test_clock_is_fast_while_a_run_works_and_slow_after():
    """Sixty virtual seconds pass in a real one until the last working run stops; then one does."""
    time = RealTime(100.0)
    clock = Clock(ClockState(0, 100.0, 0, 60), time)
    clock.expect(90_000)
    time.seconds += 1
    assert clock.now() == 60_000
    time.seconds += 1
    assert clock.now() == 90_500
    time.seconds += 10
    assert clock.now() == 100_500


def test_clock_never_runs_backwards():
    """A real clock that is set back stops virtual time and does not turn it."""
    time = RealTime(100.0)
    clock = Clock(ClockState(0, 100.0, 0, 1), time)
    time.seconds = 110
    before = clock.now()
    time.seconds = 50
    assert clock.now() == before
    clock.expect(None)
    time.seconds = 51
    assert clock.now() == before + 1000


def test_date_header_is_in_virtual_time(server):
    """Every response, a refusal too, carries the virtual date."""
    server.time.seconds += 3600
    for path in ("/runs", "/nowhere"):
        answer = server.http.get(path)
        assert answer.headers.get_list("date") == ["Tue, 03 Feb 2026 13:00:00 GMT"]
