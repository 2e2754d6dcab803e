"""`runkit.overview`: counts, what needs attention, and the newest runs."""

from __future__ import annotations

import re

import pytest

import runkit
from screens import tiles
from support import at, example, question, run
from tests import faults

PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture(scope="module")
def account():
    """The overview of 30 of 40 runs."""
    with runkit.sandbox(speed=600, history=40, seed=3) as box, box.client(rate=None) as client:
        return runkit.overview(client, limit=30, progress=False)


def test_the_tiles_count_what_is_below(account):
    counts = tiles(account.body)
    assert counts["Runs"][0] == "30"
    assert counts["Runs"][1].startswith("newest 30 of 40, ")
    waiting = account.table[account.table["next_step"] == "Answer"]
    assert int(counts["◷ Waiting"][0]) == len(waiting) > 0
    assert account.sentence.startswith("SANDBOX · 127.0.0.1")


def test_every_run_has_its_business_and_a_line_of_code(account):
    assert account.table["business_name"].notna().all()
    assert "runkit.InterruptForm(client, &#34;" in account.body
    assert account.body.count("<pre>") == len(account)


def test_frames_need_no_client_and_no_run_needs_a_figure():
    panel = runkit.overview([example("completed"), run(status="interrupted")])
    assert "runkit.InterruptForm(runkit.Client(), &#34;r&#34;)" in panel.body
    assert set(panel._repr_mimebundle_()) == {"text/html", "text/plain", PLOTLY}
    nothing = runkit.overview([])
    assert [value for value, _ in tiles(nothing.body).values()] == ["0", "0", "0", "0", "–"]
    assert set(nothing._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_sla_h_is_compared_with_known_waits_only():
    pending = question("q", 10, None)
    asking = run(pending, end=None, status="interrupted")
    dated = [
        asking | {"id": f"d{hours}", "_runkit": {"read_at": at(10 + 3_600 * hours)}}
        for hours in (1, 3)
    ]
    panel = runkit.overview([*dated, asking, asking | {"id": "u"}], sla_h=2)
    assert tiles(panel.body)["◷ Waiting"] == ("4", "oldest at least 3 h, 1 over 2 h; 2 not known")


def test_an_account_without_businesses():
    """Runs are shown by their agents where the API tells of no business."""
    with faults.sandbox(speed=600, history=4, seed=3) as box, box.client(rate=None) as client:
        box.fault("refuse", "GET /businesses", times=100, status=403)
        panel = runkit.overview(client, progress=False)
    assert panel.table["business_name"].isna().all()
    assert tiles(panel.body)["Runs"] == ("4", "all runs")
    assert tiles(runkit.overview([run(), 5]).body)["Runs"] == ("1", "not complete")


@pytest.mark.parametrize(("name", "head"), [(None, "Run"), ("Northwind LLC", "Business")])
def test_a_column_of_businesses_holds_no_agent(name, head):
    """Where no business is known, it is a column of runs."""
    known = {"_runkit": {"business_id": "b", "business_name": name}} if name else {}
    waiting = [
        run(question("q", 0, None), run_id=f"w{n}", status="interrupted", end=None, **fields)
        for n, fields in enumerate([known, {}])
    ]
    body = runkit.overview(waiting).body
    assert re.findall('<div class="need heads"><span>Next step</span> <span>(.*?)<', body) == [head]
    named = re.findall("<b><bdi>(.*?)</bdi></b> <code>", body)
    assert sorted(named) == (sorted([name, "–"]) if name else ["CIP Orchestrator"] * 2)
