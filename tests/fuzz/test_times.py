"""Times as text: read to the microsecond or refused in words, and chosen by in the same way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, python_values, texts, times
from runkit.contract import parse_time, read_time
from runkit.tables.columns import micros
from runkit.text import duration, moment, timestamp
from support import run, step

OFFSETS = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@fuzz(100)
@given(times | texts | python_values.map(Case) | st.text("0123456789-:+.TZ Wz", max_size=30))
@example("2016-12-31T23:59:60Z")
def test_anything_is_a_time_or_a_value_error(value: object) -> None:
    """In UTC, within the years 1 to 9999; shown in short where it is refused."""
    value = value.value if isinstance(value, Case) else value
    try:
        when, is_naive = read_time(value)
    except ValueError as error:
        assert len(str(error)) < 300  # noqa: PT017
        return
    assert when.utcoffset() == timedelta(0)
    assert isinstance(is_naive, bool)
    assert micros(when) == (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@fuzz(100)
@given(st.datetimes(timezones=OFFSETS), st.booleans(), st.integers(0, 999))
def test_a_time_is_read_to_the_microsecond(when: datetime, is_spaced: bool, nanoseconds: int) -> None:
    """Whatever its offset; what comes after the microsecond is cut."""
    text = when.isoformat(" " if is_spaced else "T", "microseconds")
    text = text[:26] + f"{nanoseconds:03}" + text[26:]
    try:
        expected = when.astimezone(UTC)
    except OverflowError:
        with pytest.raises(ValueError, match="outside the years"):
            parse_time(text)
    else:
        assert parse_time(text) == expected


@fuzz(60)
@given(st.datetimes(timezones=OFFSETS))
def test_frames_read_the_same_time(when: datetime) -> None:
    """Fast and careful, as `parse_time` does."""
    text = when.isoformat()
    f = runkit.frames(
        [run(step("a", started_at=text)), run(step("b", started_at=text, completed_at=5), run_id="odd")]
    )
    try:
        expected = [pd.Timestamp(parse_time(text)).as_unit("us")] * 2
    except ValueError:
        assert f.steps.empty
    else:
        assert f.steps["started_at"].tolist() == expected


@fuzz(60)
@given(
    st.floats(-1e30, 1e30) | st.just(float("inf")) | st.just(float("nan")) | st.integers(-(10**30), 10**30)
)
def test_any_duration_is_said(seconds: float) -> None:
    """In a few characters."""
    assert 0 < len(duration(seconds)) < 70


@fuzz(60)
@given(st.datetimes(timezones=OFFSETS) | st.none())
def test_any_time_has_words(when: datetime | None) -> None:
    """With four digits of a year."""
    words = timestamp(when)
    assert words == "unknown" or words[:4].isdigit()
    assert moment(when).endswith(words.rpartition(" ")[2])
