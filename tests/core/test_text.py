"""Words for durations and runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit import text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (0.001, "0.001 s"),
        (6e-60, "under 0.001 s"),
        (3.04, "3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (300, "5 min"),
        (3576, "59 min 36 s"),
        (3599.6, "1 h"),
        (86_364, "23 h 59 min"),
        (86_399, "1 d"),
        (50_520, "14 h 2 min"),
        (273_600, "3 d 4 h"),
        (-90, "-1 min 30 s"),
        (float("nan"), "unknown"),
        (None, "unknown"),
    ],
)
def test_durations_are_said_in_two_units(seconds: float | None, words: str) -> None:
    """Rounded to what is shown."""
    assert text.duration(seconds) == words


UNITS = {"s": (1, 60), "min": (60, 60), "h": (3600, 24), "d": (86_400, 10**9)}  # seconds, most of them


@given(st.floats(0.001, 1e9), st.floats(1, 1.1))
def test_rounding_a_duration_carries_into_the_next_unit(seconds: float, factor: float) -> None:
    """No unit is full, and a longer duration is not said to be shorter."""
    sums = []
    for value in (seconds, seconds * factor):
        words = text.duration(value).replace(",", "").split()
        numbers = [float(number) for number in words[::2]]
        assert all(0 < number < UNITS[unit][1] for number, unit in zip(numbers, words[1::2], strict=True))
        sums.append(sum(number * UNITS[unit][0] for number, unit in zip(numbers, words[1::2], strict=True)))
        assert abs(sums[-1] - value) <= max(0.05, value / 48)
    assert sums[0] <= sums[1]


def test_a_cut_text_shows_that_it_is_cut() -> None:
    """With an ellipsis, on one line, within the limit."""
    assert text.shorten("a\n b " * 50, 20).endswith("…")
    assert len(text.shorten("x" * 100, 20)) == 20
    assert text.shorten("short") == "short"


def test_moments_have_a_zone() -> None:
    """For people to the minute, with the year if it is another one; for the record to the second."""
    then = datetime(1999, 2, 3, 10, 0, 1, tzinfo=UTC)
    now = datetime.now(UTC)
    assert text.moment(then) == "Feb 3, 1999, 10:00 UTC"
    assert text.moment(now) == f"{now:%b} {now.day}, {now:%H:%M} UTC"
    assert text.timestamp(then) == "1999-02-03 10:00:01 UTC"
    assert text.moment(None) == "unknown"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.sec.gov/x?a=1#b", "www.sec.gov"),
        ("HTTP://WWW.SEC.GOV:8080", "www.sec.gov"),
        ("https://evil.example#@www.sec.gov", "evil.example"),
        ("https://[::1]/", "::1"),
    ],
)
def test_links(url, host):
    """The host that a browser opens stands beside the link, apart from the words before it."""
    shown = text.link(url, "\u202eSEC")
    assert f'href="{url}"' in shown
    assert shown.endswith(f"<bdi>\\u202eSEC</bdi></a> (<bdi>{host}</bdi>)")


@pytest.mark.parametrize(
    "url",
    [
        r"https://evil.example\@www.sec.gov/x",
        "https://www.sec.gov@evil.example",
        "https://evil.example\t/x",
        " https://evil.example",
        "https://evil.example/\u202ex",
        "https://evil.example/\u034fx",
        "https://www.s\u0435c.gov",
        "https://www.sec.gov%2f.evil.example",
        "https:evil.example",
        "https://[",
        "javascript:alert(1)",
        "https://evil.example/" + "x" * 2000,
        "",
    ],
)
def test_no_links(url):
    """An address whose host is not certain is text."""
    assert text.link(url, "SEC") == f"<bdi>SEC</bdi>: <bdi>{text.visible(url)}</bdi>"
