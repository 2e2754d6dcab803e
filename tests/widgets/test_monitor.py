"""The monitor: it follows a run, shows its question, and goes on through faults."""

from __future__ import annotations

import pytest

import runkit
from tests.faults import sandbox
from tests.widgets.asking import NOTE, on_a_loop, until


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Read often."""
    monkeypatch.setattr("runkit.widgets.run_monitor.FIRST", 0.05)
    monkeypatch.setattr("runkit.widgets.run_monitor.MAXIMUM", 0.2)


@pytest.fixture(scope="module")
def shared_box():
    """A sandbox in which a run takes some seconds."""
    with sandbox(speed=100) as running:
        yield running


def begin(asking, scenario, **options):
    run = asking.client.runs.create("cip_orchestrator", asking.box.business(scenario))
    return runkit.RunMonitor(asking.client, run, **options)


def sentence(monitor) -> str:
    return str(monitor.sentence.value)


@on_a_loop
async def test_a_run_is_followed_answered_and_followed_to_its_end(asking):
    monitor = begin(asking, "address_gap", who="Ana")
    assert (monitor.run.status, monitor.forms.form) == ("running", None)
    await until(lambda: "now: " in sentence(monitor))
    await until(lambda: monitor.forms.form)
    form = monitor.forms.form
    assert "Waiting" in sentence(monitor)
    form.inputs.proposals[0].choice.value = "approve"
    form.send_button.click()
    await until(lambda: monitor.run.is_finished)
    n = len([*monitor.run.walk()])
    await until(lambda: f"{n} of {n} steps done" in sentence(monitor))
    assert [receipt.delivery for receipt in monitor.receipts] == ["confirmed"]
    assert "data:image/svg" in monitor.chart.value
    assert "Confirmed by the API" in monitor.saved_html


@on_a_loop
async def test_a_form_keeps_what_was_typed_while_the_run_is_read(asking):
    monitor = runkit.RunMonitor(asking.client, asking.run())
    form = monitor.forms.form
    form.inputs.proposals[0].texts["note"].value = NOTE
    asking.box.fault("refuse", on="GET /runs", status=401, times=99)
    await until(lambda: "Live updates stopped" in sentence(monitor))
    assert "401" in sentence(monitor)
    assert monitor.forms.form is form
    assert form.inputs.proposals[0].texts["note"].value == NOTE


@on_a_loop
async def test_a_newer_monitor_of_a_run_ends_the_older_one(asking):
    """As when a cell is run again; closing ends the newest."""
    run = asking.run()
    older, newer = (runkit.RunMonitor(asking.client, run) for _ in range(2))
    asking.answer_elsewhere(run)
    await until(lambda: newer.run.status != "interrupted")
    assert older.run.status == "interrupted"
    newer.close()
    assert newer.work.is_idle
