"""Threads beside the kernel's: one for each job, and one that repeats."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from runkit.widgets import jobs
from runkit.widgets.jobs import Ticker
from support import until

NAME = "runkit-ticks"


def running() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


@pytest.fixture
def tickers() -> Iterator[list[Ticker]]:
    """Tickers that are stopped with the test."""
    made: list[Ticker] = []
    yield made
    for ticker in made:
        ticker.stop()
    until(lambda: running() == 0)


def make(tickers: list[Ticker], *waits: float | None, first: float = 0) -> tuple[Ticker, list[int]]:
    """A ticker that is told these waits, then to end, and the numbers of its ticks."""
    ticks, numbers, left = [], count(), iter(waits)

    def work() -> float | None:
        ticks.append(next(numbers))
        return next(left, None)

    tickers.append(Ticker(work, "ticks", first))
    return tickers[-1], ticks


def test_it_repeats_until_its_work_says_so(tickers: list[Ticker]) -> None:
    """Each time it waits as long as its work said; None is the end of its thread."""
    ticker, ticks = make(tickers, 0, 0.01, 0)
    ticker.start()
    until(lambda: running() == 0)
    assert ticks == [0, 1, 2, 3]


def test_starting_twice_leaves_one_thread(tickers: list[Ticker]) -> None:
    """However often it is started."""
    ticker, _ = make(tickers, first=60)
    for _ in range(3):
        ticker.start()
    assert running() == 1


def test_stopped_and_started_again(tickers: list[Ticker]) -> None:
    """The thread before ends at once, and the new one waits as if it were the first."""
    ticker, ticks = make(tickers, first=60)
    for _ in range(50):
        ticker.start()
        ticker.stop()
    ticker.start()
    until(lambda: running() == 1)
    assert ticks == []


def test_an_error_is_no_end(
    tickers: list[Ticker], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and after a pause it goes on."""
    monkeypatch.setattr(jobs, "PAUSE", 0.01)
    ticks: list[int] = []

    def work() -> float | None:
        ticks.append(1)
        return None if len(ticks) == 2 else 1 / 0

    tickers.append(Ticker(work, "ticks"))
    tickers[0].start()
    until(lambda: running() == 0)
    assert (len(ticks), "ZeroDivisionError" in caplog.text) == (2, True)
