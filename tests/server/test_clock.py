"""Virtual time."""

from runkit.server._store import Clock
from tests.server.conftest import RealTime


def test_clock_is_fast_while_a_run_works_and_slow_after():
    """Sixty virtual seconds pass in a real one until the last working run stops; then one does.

    A real clock that is set back stops virtual time and does not turn it.
    """
    time = RealTime(100.0)
    clock = Clock(0, 60, time)
    clock.expect(90_000)
    seen = []
    for passed in (1, 1, 10, -9):
        time.seconds += passed
        seen.append(clock.now())
    assert seen == [60_000, 90_500, 100_500, 100_500]
    clock.expect(0)
    time.seconds += 1
    assert clock.now() == 101_500


def test_date_header_is_in_virtual_time(server):
    """Every response, a refusal too, carries the virtual date."""
    server.time.seconds += 3600
    for path in ("/runs", "/nowhere"):
        answer = server.http.get(path)
        assert answer.headers.get_list("date") == ["Tue, 03 Feb 2026 13:00:00 GMT"]
