"""The monitor on a real sandbox and in a real IPython, which records what it displays."""

from __future__ import annotations

from html import unescape
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import runkit
from runkit import Run, RunMonitor
from support import until
from tests.faults import sandbox
from tests.widgets.conftest import WIDGET, threads
from tests.widgets.pages import Page


@pytest.fixture(scope="module")
def slow_box():
    with sandbox(speed=600) as running:
        yield running


@pytest.fixture
def box(slow_box):
    yield slow_box
    slow_box.clear_faults()


@pytest.fixture
def begin(box, client):
    return lambda scenario: client.runs.create("cip_orchestrator", box.business(scenario))


@pytest.fixture
def watch(client, shown):
    monitors: list[RunMonitor] = []

    def watch(run: Run, *, until_waiting: bool = False) -> tuple[RunMonitor, Page | None]:
        """Display a monitor as a front end does, and wait for its question on request."""
        monitor = RunMonitor(client, run)
        monitors.append(monitor)
        monitor._ipython_display_()
        monitor._on_views(1)
        until(lambda: not until_waiting or monitor._forms.forms, 30)
        card = monitor._card  # None if the run has ended by now
        return monitor, None if card is None else Page(card)

    yield watch
    for monitor in monitors:
        monitor.close()


def look_now(monitor: RunMonitor) -> None:
    """Do not wait for the next poll."""
    monitor._on_views(0)
    monitor._on_views(1)


def test_a_run_is_followed_answered_and_found(begin, watch, shown):
    """The form comes when it pauses, and its findings stay at the end, without a widget."""
    monitor, page = watch(begin("address_gap"), until_waiting=True)
    until(lambda: "Add a source for the office address?" in shown.html())
    until(lambda: " so far, checking every" in shown.html())
    until(lambda: monitor._drawn_wait_s > 1)  # in seconds, as the chart says
    page.answer("approve")
    until(lambda: monitor.run.is_finished, 30)
    until(lambda: WIDGET not in shown.outputs()[1])
    assert "CIP summary for Lakeline Family Dental PLLC" in shown.html()
    assert "Source added, " in shown.html()
    assert "data:image/svg+xml," in shown.outputs()[1]["text/html"]


def test_the_run_ends_while_an_answer_is_being_sent(box, begin, watch, shown):
    """The form stays until the verdict, which is shown although live updates are off."""
    run = begin("watchlist_hit")
    monitor, page = watch(run, until_waiting=True)
    box.fault("hold", on="/resume")
    page.answer("reject")
    [controller] = monitor._forms.forms.values()
    until(lambda: [*runkit.answer_log()["delivery"]] == ["sending"])
    box.end_run(run.id)
    look_now(monitor)
    until(lambda: "Live updates off." in shown.html())
    assert (controller.snapshot.receipt, len(monitor._forms.forms)) == (None, 1)
    box.clear_faults()
    until(lambda: controller.snapshot.receipt is not None)
    until(lambda: controller.snapshot.receipt.title in unescape(shown.html()))


def test_a_lasting_refusal_stops_updates_and_keeps_the_entries(box, begin, watch, shown):
    """What was typed stays, and the card says that live updates stopped, and why."""
    monitor, page = watch(begin("watchlist_hit"), until_waiting=True)
    page.type(note="not him")
    box.fault("refuse", on="GET /runs", times=99, status=401)
    look_now(monitor)
    until(lambda: "Live updates stopped" in shown.html())
    assert "401" in shown.html()
    [controller] = monitor._forms.forms.values()
    assert controller.entries["0"]["note"] == "not him"


def test_a_run_is_followed_through_faults(box, begin, watch, shown):
    box.fault("refuse", on="GET /runs", times=2)
    monitor, _ = watch(begin("clean_pass"))
    until(lambda: monitor.run.is_finished, 60)
    until(lambda: threads("watch") == 0)
    assert "CIP summary" in shown.html()


def test_a_hidden_card_stops_following_its_run(begin, watch):
    """When its output is cleared nothing is followed, and when it is displayed again it goes on."""
    monitor, _ = watch(begin("watchlist_hit"))
    monitor._on_views(0)
    until(lambda: threads("watch") == 0)
    monitor._on_views(1)
    until(lambda: monitor.run.status == "interrupted", 30)


TYPED = "Seen on the permit of 1987"
UNATTENDED = f"""
import runkit
box = runkit.sandbox(speed=3000)
client = box.client(rate=None)
made = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
run = client.runs.wait(made, poll=0.02)
form = runkit.InterruptForm(client, run)
form.controller.edit({{"0": {{"decision": "reject", "note": {TYPED!r}}}}})
display(form, runkit.RunMonitor(client, run), runkit.InterruptInbox(client))
"""


def test_a_notebook_that_runs_without_a_page_shows_twins_and_keeps_nothing_typed(
    tmp_path, monkeypatch
):
    """Each card has its twin, and the running chart its picture, also where no page shows widgets."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(UNATTENDED)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs: list[Any] = [output.data for output in notebook.cells[0].outputs]
    cards = [WIDGET in data for data in outputs]
    assert cards == [False, True] * 3
    assert all("text/html" in twin for twin in outputs[::2])
    assert ["<img" in card.get("text/html", "") for card in outputs[1::2]] == [False, True, False]
    notebook.cells[0].source = ""
    assert TYPED not in nbformat.writes(notebook)
