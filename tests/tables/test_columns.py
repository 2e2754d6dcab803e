"""Columns: order of words, hosts of sources, and times."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError
from support import artifact, column, numbered, run, step

GOOD_TIMES = {
    "2026-02-03T10:00:00.5Z": "2026-02-03 10:00:00.500000",
    "2026-02-03T12:00:00+02:00": "2026-02-03 10:00:00",
    "2026-02-03T10:00:00": "2026-02-03 10:00:00",
    "2026-02-03T10:00:00.123456789Z": "2026-02-03 10:00:00.123456",
    "0001-01-01T00:00:00Z": "0001-01-01 00:00:00",
    "9999-12-31T23:59:59.999999Z": "9999-12-31 23:59:59.999999",
}
BAD_TIMES = [
    1770112800,
    "2026-02-03T23:59:60Z",
    "0001-01-01T00:00:00+02:00",
    "9999-12-31T23:59:59-02:00",
    "2026-02-30T00:00:00Z",
    "2026-02-03",
    "soon",
]
HOSTS = {
    "https://SOS.example.gov/business/1": "sos.example.gov",
    "https://user:secret@example.com:8443/x": "example.com",
    "http://[::1]/x": "[::1]",
    "urn:isbn:1": None,
    "not a url": None,
    "javascript:alert(1)": None,
}


def test_times_are_utc_to_the_microsecond():
    """Offsets are applied, further decimals cut, and the years 1 to 9999 hold."""
    f = runkit.frames(numbered(run(created_at=t, started_at=t) for t in GOOD_TIMES))
    times = [pd.Timestamp(text, tz="UTC") for text in GOOD_TIMES.values()]
    assert f.runs["started_at"].tolist() == times


def test_an_invalid_time_is_null_and_a_required_one_refuses_the_record():
    f = runkit.frames(numbered(run(started_at=value) for value in BAD_TIMES))
    assert f.runs["started_at"].isna().all()
    assert f.problems["location"].tolist() == [f"$[{n}].started_at" for n in range(len(BAD_TIMES))]
    with pytest.raises(DataError) as caught:
        runkit.frames(numbered(run(created_at=value) for value in BAD_TIMES))
    assert len(caught.value.problems) == len(BAD_TIMES)


def test_known_words_are_sorted_before_others():
    """In any case; words that nobody knows come last and are no problem."""
    values = ["0.87", 0.5, " HIGH ", "low", None, "very_low", "medium"]
    found = [artifact(str(n), confidence=value) for n, value in enumerate(values)]
    f = runkit.frames(run(step("a", artifacts=found)))
    in_order = column(f.artifacts.sort_values("confidence"), "confidence")
    assert in_order[:3] == ["HIGH", "medium", "low"]
    assert f.problems.empty


def test_a_source_has_its_host():
    """In lower case, without user and port; null where there is none."""
    sources = [{"url": url} for url in HOSTS]
    f = runkit.frames(run(step("a", artifacts=[artifact(sources=sources)])))
    assert column(f.sources, "host") == [*HOSTS.values()]
