"""Frames of a file that names no business, and where the names come from."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from support import column, run

RUNS = [
    run(run_id="aaaaaaaa-1") | {"thread_id": "t-1"},
    run(run_id="bbbbbbbb-1") | {"thread_id": "t-1"},
    run(run_id="cccccccc-1") | {"thread_id": "t-2"},
    run(run_id="dddddddd-1"),
]
NAMES = {"t-1": "Acme LLC", "t-2": "Beta Inc", "t-9": "Other LLC"}


def table(key: str, rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows.items()), columns=[key, "business_name"])


@pytest.mark.parametrize(
    ("businesses", "names"),
    [
        (table("thread_id", NAMES), ["Acme LLC", "Acme LLC", "Beta Inc", None]),
        (table("run_id", {"aaaaaaaa-1": "A", "e": "E"}), ["A", None, None, None]),
    ],
)
def test_a_table_names_businesses_by_thread_or_run(businesses, names):
    """Rows of other runs are none of these."""
    f = runkit.frames(RUNS, businesses=businesses)
    assert column(f.runs, "business_name") == names


def test_a_table_fills_in_what_is_not_known():
    rows = table("thread_id", NAMES).assign(business_id=["b-1", "b-2", "b-9"])
    f = runkit.frames(RUNS, businesses=rows)
    again = runkit.frames(f, businesses=table("business_id", {"b-1": "Acme"})).runs
    assert column(again, "business_name") == ["Acme", "Acme", "Beta Inc", None]
    assert column(again, "business_id") == ["b-1", "b-1", "b-2", None]


@pytest.mark.parametrize(
    ("businesses", "words"),
    [
        (pd.DataFrame({"id": ["a"], "name": ["b"]}), r"the columns \[id, name\]; expected a"),
        (
            pd.DataFrame({"thread_id": ["a", "a"], "business_name": ["b", "c"]}),
            "several .* thread_id 'a'",
        ),
        (pd.DataFrame(columns=["run_id", *["business_name"] * 2]), "and one business_name"),
        ("names.csv", "businesses='names.csv'; expected a Client, or a DataFrame"),
    ],
)
def test_a_table_of_businesses_without_a_key_is_a_usage_error(businesses, words):
    with pytest.raises(UsageError, match=words):
        runkit.frames(RUNS, businesses=businesses)


def test_a_client_names_the_businesses_of_a_file():
    """Those of `runs.list(with_businesses=True)`; what is known takes no request."""
    with runkit.sandbox(history=6, speed=3000) as box, box.client(rate=None) as client:
        data = [raw | {"_runkit": None} for raw in map(runkit.Run.to_dict, client.runs.list())]
        listed = client.runs.list(with_businesses=True)
        f = runkit.frames(data, businesses=client)
    assert f.runs["business_name"].tolist() == [item.business_name for item in listed]
