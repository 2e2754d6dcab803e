"""Frames as tables for people.

Words instead of numbers, nothing hostile, bounded, and cuts are said.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pandas as pd
from runkit.display.html_tables import df_to_html

from runkit.display.text import MISSING

HOSTILE = "<img src=x onerror=canary=1>"


def parsed(df: pd.DataFrame, **options: Any) -> ElementTree.Element:
    """Write a table and read it."""
    return ElementTree.fromstring(f"<div>{df_to_html(df, **options)}</div>")  # noqa: S314


def rows(table: ElementTree.Element) -> list[list[str]]:
    """The texts of a table, its header first."""
    return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]


def column(name: str, values: Any, **options: Any) -> list[str]:
    """The texts of a table of one column, its header first."""
    return [row[0] for row in rows(parsed(pd.DataFrame({name: pd.Series(values, **options)})))]


def test_seconds_are_durations():
    """A column in `_s` loses its unit; a text of that name stays as it is."""
    assert column("wait_s", [5400.0, 0.0, None]) == ["Wait", "1 h 30 min", "0 s", MISSING]
    assert column("notes_s", ["a"], dtype="str") == ["Notes", "a"]


def test_times_have_their_zone_to_the_minute():
    """A year that is not this one is given."""
    times = pd.to_datetime(["2025-02-03T23:59:31+02:00", None], utc=True)
    assert column("asked_at", times) == ["Asked", "Feb 3, 2025, 21:59 UTC", MISSING]


def test_numbers_have_thousands_and_stand_on_the_right():
    """Counts are whole, shares are percent, and the head is aligned with them."""
    df = pd.DataFrame({"n_steps": [1_234_567], "runs_percent": [12.5]})
    assert rows(parsed(df)) == [["Steps", "Share"], ["1,234,567", "12%"]]
    assert df_to_html(df).count('style="text-align:right') == 4
    assert column("runs_percent", [0.0, 0.4, 100.0]) == ["Share", "0%", "under 1%", "100%"]


def test_status_words_are_readable_and_missing_values_are_a_dash():
    """The words of people for the API's; None, NaN and NaT are a dash."""
    words = pd.Categorical(["completed", None], categories=["completed", "error"])
    assert column("status", words) == ["Status", "✓ Completed", MISSING]
    assert column("agent", ["tin_check", None], dtype="str") == ["Agent", "TIN Check", MISSING]
    assert column("source_tier", ["primary", "odd"], dtype="str") == [
        "Source tier",
        "▮▮▮ primary",
        "▯▯▯ odd",
    ]
    assert column("outcome", ["pending"], dtype="str") == ["Outcome", "Waiting for a reviewer"]
    assert column("ended_at", pd.to_datetime([None], utc=True)) == ["Ended", MISSING]


def test_an_address_is_a_link_with_its_host():
    """It opens apart and tells nobody where it was clicked."""
    url = "https://sos.example.gov/b/1?x=1&y=2"
    table = parsed(pd.DataFrame({"url": pd.Series([url], dtype="str")}))
    [link] = table.iter("a")
    shown = {"href": url, "rel": "noopener noreferrer", "target": "_blank"}
    assert link.attrib | shown == link.attrib
    assert rows(table)[1] == [f"{url} (sos.example.gov)"]


def test_the_name_of_a_column_is_escaped():
    assert "<img" not in df_to_html(pd.DataFrame({HOSTILE: [1]}))
