"""Widgets as a cell shows them: what is saved, what is drawn, what is left of them."""

from __future__ import annotations

import json

import ipywidgets as w
import pytest
from comm import get_comm_manager

import runkit
from runkit.widgets._work import VIEW, close_tree
from tests.widgets.asking import NOTE, off_the_loop, on_a_loop, until

KINDS = [runkit.InterruptForm, runkit.InterruptInbox, runkit.RunMonitor]


def make(kind, client, run, **options):
    is_inbox = kind is runkit.InterruptInbox
    return kind(client, **options) if is_inbox else kind(client, run, **options)


@pytest.mark.parametrize("kind", KINDS)
@on_a_loop
async def test_a_saved_notebook_has_the_question_then_the_receipt(asking, shown, kind):
    """In place, as HTML without a widget or the key, and without what was typed until it is sent."""
    run = asking.run()
    made = make(kind, asking.client, run, who="Ana")
    made._ipython_display_()
    view, saved = shown.outputs()
    assert VIEW in view
    assert VIEW not in saved
    assert "Dismiss 1 potential hit?" in saved["text/html"]
    if kind is not runkit.InterruptInbox:
        assert "Watchlist Resolution" in saved["text/html"]  # who asks
    form = made.listing.form if kind is runkit.InterruptInbox else made.forms.form
    form.inputs.proposals[0].texts["note"].value = NOTE
    form.inputs.proposals[0].choice.value = "approve"
    assert NOTE not in json.dumps(shown.outputs())
    form.send_button.click()
    await until(lambda: made.receipts)
    view, saved = shown.outputs()
    assert f"Confirmed by the API: “Dismiss the hit”, “{NOTE}”" in saved["text/html"]
    assert asking.box.key not in json.dumps(shown.outputs())


@pytest.mark.parametrize("kind", KINDS)
@on_a_loop
async def test_it_is_a_vbox_that_composes_and_closes(asking, kind):
    """Of a closed one no task and no widget is left but the parts of others."""
    run = asking.run()
    comms = get_comm_manager().comms  # type: ignore[no-untyped-call]
    n_comms = len(comms)
    made = make(kind, asking.client, run)
    assert isinstance(made, w.VBox)
    tab = w.Tab([made])
    await until(lambda: made.work.is_idle)
    form = made.listing.form if kind is runkit.InterruptInbox else made.forms.form
    form.inputs.proposals[0].choice.value = "reject"
    form.send_button.click()
    await until(lambda: made.receipts)
    made.close()
    close_tree(tab)
    await until(lambda: made.work.is_idle)
    assert len(comms) == n_comms


@off_the_loop
def test_without_a_loop_a_press_ends_when_it_returns(asking):
    """As in a script."""
    form = runkit.InterruptForm(asking.client, asking.run())
    form.forms.form.inputs.proposals[0].choice.value = "reject"
    form.forms.form.send_button.click()
    assert [receipt.delivery for receipt in form.receipts] == ["confirmed"]
