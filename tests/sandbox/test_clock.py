"""Virtual time against a simulation that ticks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runkit.errors import UsageError
from runkit.server.clock import Clock, ClockState
from tests.sandbox.conftest import RealTime, Serve, Server

TICK = 0.001


def simulate(arrivals: list[tuple[int, int]], speed: int, ticks: int) -> list[int]:
    """Virtual milliseconds at each real one: `speed` a tick while any run works, else 1."""
    virtual, stops, seen = 0, [], []
    for tick in range(ticks):
        stops += [virtual + work for at, work in arrivals if at == tick]
        seen.append(virtual)
        horizon = max(stops, default=0)
        fast = min(speed, horizon - virtual) if horizon > virtual else 0
        # The tick in which work ends is part fast, part slow; whole ticks keep the simulation exact.
        virtual += fast if fast == speed else fast + round(1 - fast / speed)
    return seen


@settings(max_examples=60)
@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 50)), max_size=6),
)
def test_clock_agrees_with_a_ticking_one(speed: int, arrivals: list[tuple[int, int]]) -> None:
    """Computed when asked, virtual time is what a clock that ticks would show."""
    arrivals = sorted((at, work * speed) for at, work in arrivals)
    time = RealTime(0.0)
    clock = Clock(ClockState(0, 0.0, 0, speed), time)
    for tick, expected in enumerate(simulate(arrivals, speed, 300)):
        time.seconds = tick * TICK
        assert clock.now() == pytest.approx(expected, abs=1 + len(arrivals) * speed)
        for at, work in arrivals:
            if at == tick:
                clock.expect(clock.now() + work)


def test_clock_is_fast_while_a_run_works_and_slow_after() -> None:
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


def test_clock_never_runs_backwards() -> None:
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


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_speed_must_be_positive(speed: float) -> None:
    """A speed that is no positive number is refused."""
    with pytest.raises(UsageError, match="positive"):
        Clock(ClockState(0, 0.0, 0, speed))


def test_date_header_is_in_virtual_time(server: Server) -> None:
    """Every response, a refusal too, carries the virtual date."""
    server.time.seconds += 3600
    for path in ("/runs", "/nowhere"):
        answer = server.http.get(path)
        assert answer.headers.get_list("date") == ["Tue, 03 Feb 2026 13:00:00 GMT"]


def test_waiting_for_a_person_takes_real_time(serve: Serve) -> None:
    """At speed 60 work rushes by, and the wait for an answer does not."""
    server = serve(speed=60)
    run_id = server.start("watchlist_hit")
    server.time.seconds += 30
    run = server.run(run_id)
    assert run["status"] == "interrupted"
    before = server.running.store.clock.now()
    server.time.seconds += 10
    assert server.running.store.clock.now() - before == 10_000
