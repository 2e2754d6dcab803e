"""`runkit.overview`: counts, what needs somebody, and the newest runs, of a client or of frames."""

from __future__ import annotations

import re

import pytest

import runkit
from runkit.charts.overview import Overview
from runkit.client import Client
from runkit.errors import UsageError
from support import example, run
from tests import faults


@pytest.fixture(scope="module")
def account() -> Overview:
    """The overview of 30 of 40 runs."""
    with runkit.sandbox(speed=600, history=40, seed=3) as box, box.client(rate=None) as client:
        return runkit.overview(client, limit=30, progress=False)


def values(shown: Overview) -> list[str]:
    """The numbers of the tiles."""
    return [tile.value for tile in shown.tiles]


def test_the_tiles_count(account) -> None:
    """They count the runs that were read, and say of how many."""
    runs, open_s = account.frames.runs, account.frames.interrupts.query("outcome == 'pending'")["wait_s"]
    counts = [int((runs["status"] == word).sum()) for word in ("interrupted", "error")]
    n_low = int(runs.query("status == 'completed'")["confidence"].eq("low").sum())
    assert values(account)[:3] == ["30", *map(str, counts)]
    assert values(account)[4] == str(n_low)
    assert account.tiles[0].note == "newest 30 of 40"
    assert f"{int((open_s > 4 * 3_600).sum())} over 4 h" in account.tiles[1].note


def test_every_run_has_its_business(account) -> None:
    """Names are found by the businesses' threads."""
    assert account.frames.runs["business_name"].notna().all()
    assert re.search(r"<b>[A-Z][\w ]+</b> <code>[0-9a-f]{8}</code>", account._repr_mimebundle_()["text/html"])


def test_it_is_shown_with_a_figure_or_without(account) -> None:
    """A front end gets HTML, text and the figure; no run, no figure."""
    assert {"text/html", "text/plain", "application/vnd.plotly.v1+json"} == set(account._repr_mimebundle_())
    nothing = runkit.overview([])
    assert values(nothing) == ["0", "0", "0", "–", "0"]
    assert set(nothing._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_each_kind_of_need_has_a_row(account) -> None:
    """Eight rows at most, and none of a kind is crowded out."""
    html = account._repr_mimebundle_()["text/html"]
    steps = re.findall(r"<summary>(.+?)</summary>", html)
    assert len(steps) == min(8, len(account.needs_you.table))
    assert set(steps) == set(account.needs_you.table["next_step"])


def test_an_account_without_businesses() -> None:
    """Runs are shown by their agents where the API tells of no business."""
    with faults.sandbox(speed=600, history=4, seed=3) as box, box.client(rate=None) as client:
        box.fault("refuse", "GET /businesses", times=100)
        shown = runkit.overview(client, progress=False)
    assert shown.frames.runs["business_name"].isna().all()
    assert values(shown)[0] == "4"


def test_frames_files_and_hostile_names(tmp_path) -> None:
    """Anything that holds runs is read, and its texts are escaped."""
    name = '<img src=x onerror="alert(1)">'
    source = run(status="interrupted", _runkit={"business_id": "b", "business_name": name})
    shown = runkit.overview([example("completed"), source])
    assert values(shown)[:2] == ["2", "1"]
    assert "<img" not in shown._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", 0), ("limit", -1), ("limit", True), ("limit", "200"), ("sla_h", None)],
)
def test_what_cannot_be_used(name: str, value: object) -> None:
    """It is refused before any request."""
    with (
        Client("mk_test_x", base_url="http://127.0.0.1:9/v1") as client,
        pytest.raises(UsageError, match=name),
    ):
        runkit.overview(client, **{name: value})  # type: ignore[arg-type]
