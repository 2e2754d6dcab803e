"""Frames as tables for people.

Words instead of numbers, nothing hostile, bounded, and cuts are said.
"""

from __future__ import annotations

from itertools import chain
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from runkit.display.html_tables import MAX_ROWS, df_to_html
from runkit.display.status_words import MISSING
from runkit.tables.read_frames import frames
from support import example

HOSTILE = '<img src=x onerror="window.hacked=1">&"\''


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
    """A column in `_s` loses its unit, one of a comparison too.

    A text of that name stays as it is.
    """
    assert column("wait_s", [5400.0, 0.0, None]) == ["Wait", "1 h 30 min", "0 s", MISSING]
    assert column("total_s_diff", [-5.0]) == ["Total, B − A", "-5 s"]
    assert column("notes_s", ["a"], dtype="str") == ["Notes", "a"]


def test_times_have_their_zone_to_the_minute():
    """A year that is not this one is given."""
    times = pd.to_datetime(["2025-02-03T23:59:31+02:00", None], utc=True)
    assert column("asked_at", times) == ["Asked", "Feb 3, 2025, 21:59 UTC", MISSING]


def test_flags_are_yes_or_no():
    """Also where pandas can hold a missing one; the prefix goes."""
    assert column("is_critical", [True, False]) == ["On the critical path", "yes", "no"]
    assert column("has_steps", [True, None], dtype="boolean") == ["Steps", "yes", MISSING]


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


def test_an_address_with_an_uncertain_host_is_no_link():
    url = "https://good.example@evil.example/"
    table = parsed(pd.DataFrame({"url": pd.Series([url], dtype="str")}))
    assert (table.find(".//a"), rows(table)[1]) == (None, [url])


def test_hostile_text_is_escaped_wherever_it_stands():
    """In a cell, a header, an address and a closed word."""
    df = pd.DataFrame({HOSTILE: [HOSTILE], "url": [HOSTILE], "status": pd.Categorical([HOSTILE])})
    table = parsed(df)
    assert {item.tag for item in table.iter()}.isdisjoint({"img", "b", "a"})
    assert rows(table)[1] == [HOSTILE] * 3


def test_right_to_left_characters_are_isolated_in_their_cell():
    """Text of a run is set apart, so that it does not turn what stands after it."""
    assert "<bdi>\\u202eevil</bdi>" in df_to_html(pd.DataFrame({"label": ["\u202eevil"]}))


def test_a_table_shows_20_rows_and_how_many_there_are():
    """The first rows, and how many of how many."""
    df = pd.DataFrame({"n_steps": range(10_000)})
    table = parsed(df)
    assert [row[0] for row in rows(table)[1:]] == [f"{n:,}" for n in range(MAX_ROWS)]
    assert "".join(table.find(".//p").itertext()) == "20 of 10,000 rows shown."
    assert parsed(df.head(MAX_ROWS)).find(".//p") is None
    assert "5 of 9 rows shown." in df_to_html(df.head(5), n_rows=9)


@pytest.mark.parametrize("name", frames([]).keys())
def test_each_of_the_linked_frames_can_be_read(name):
    """With rows and without; every cell of a row is there and none says nan."""
    for f in (frames([example("completed"), example("interrupted")]), frames([])):
        texts = rows(parsed(f[name]))
        assert [len(row) for row in texts] == [len(f[name].columns)] * (len(f[name]) + 1)
        assert {"nan", "NaT", "None", "<NA>"}.isdisjoint(chain(*texts))
