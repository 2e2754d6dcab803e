"""Widgets as a cell shows them: what is saved, what is drawn, what is left of them."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets as w
import nbformat
import pytest
from comm import get_comm_manager
from nbclient import NotebookClient

import runkit
from runkit.widgets._work import VIEW, SavedBox, close_tree
from tests.widgets.asking import NOTE, off_the_loop, on_a_loop, until

KINDS = [runkit.InterruptForm, runkit.InterruptInbox, runkit.RunMonitor]


def make(kind, client, run, **options):
    is_inbox = kind is runkit.InterruptInbox
    return kind(client, **options) if is_inbox else kind(client, run, **options)


OVERRIDDEN = {"__init__", "__repr__", "close"}


class Plain(w.VBox):
    """What each subclass of a VBox has."""


@pytest.mark.parametrize("kind", KINDS)
@on_a_loop
async def test_no_name_of_ours_is_a_name_of_a_vbox(asking, kind):
    """A VBox and its own code would use it."""
    made = make(kind, asking.client, asking.run())
    ours = {*vars(kind), *vars(SavedBox)} - vars(Plain).keys()
    ours |= vars(made).keys() - vars(Plain()).keys()
    assert {"work", "saved_html", "show"} < ours
    assert (ours - OVERRIDDEN) & {*dir(w.VBox)} == set()


@pytest.mark.parametrize("kind", KINDS)
@on_a_loop
async def test_a_saved_notebook_has_the_question_then_the_receipt(asking, shown, kind):
    """In place, as HTML without a widget, and without what was typed and the key."""
    run = asking.run()
    made = make(kind, asking.client, run, who="Ana")
    made._ipython_display_()
    view, saved = shown.outputs()
    assert VIEW in view
    assert VIEW not in saved
    assert "Dismiss 1 potential hit?" in saved["text/html"]
    form = made.listing.form if kind is runkit.InterruptInbox else made.forms.form
    form.inputs.proposals[0].texts["note"].value = NOTE
    form.inputs.proposals[0].choice.value = "approve"
    form.send_button.click()
    await until(lambda: made.receipts)
    view, saved = shown.outputs()
    assert "Confirmed by the API: dismiss the hit" in saved["text/html"]
    text = json.dumps(shown.outputs())
    assert NOTE not in text
    assert asking.box.key not in text


@pytest.mark.parametrize("kind", KINDS)
@on_a_loop
async def test_it_is_a_vbox_that_composes_and_closes(asking, kind):
    """Of a closed one no task and no widget is left but the parts of others."""
    run = asking.run()
    comms = get_comm_manager().comms  # type: ignore[no-untyped-call]
    n_comms = len(comms)
    made = make(kind, asking.client, run)
    assert isinstance(made, w.VBox)
    tab = w.Tab([w.VBox([made])])
    await until(lambda: made.work.is_idle)
    form = made.listing.form if kind is runkit.InterruptInbox else made.forms.form
    form.inputs.proposals[0].choice.value = "reject"
    form.send_button.click()
    await until(lambda: made.receipts)
    made.close()
    for part in (*tab.children, tab):
        close_tree(part)
    await until(lambda: made.work.is_idle)
    assert len(comms) == n_comms


@on_a_loop
async def test_a_press_waits_for_a_cell_and_is_one_answer(asking):
    """Clicks that a busy kernel delivers together are one answer."""
    run = asking.run()
    form = runkit.InterruptForm(asking.client, run)
    arrived = asking.box.answers()
    form.forms.form.inputs.proposals[0].choice.value = "reject"
    for _ in range(5):
        form.forms.form.send_button.click()
    assert arrived() == 0
    await until(lambda: form.receipts)
    assert arrived() == 1


@on_a_loop
async def test_choosing_what_needs_a_reason_moves_the_focus_to_it(asking):
    form = runkit.InterruptForm(asking.client, asking.run()).forms.form
    [proposal] = form.inputs.proposals
    focused: list[Any] = []
    proposal.texts["note"].focus = lambda: focused.append("note")
    proposal.choice.value = "reject"
    assert focused == []
    proposal.choice.value = "approve"
    assert focused == ["note"]
    proposal.texts["note"].value = NOTE
    proposal.choice.value = "reject"
    proposal.choice.value = "approve"
    assert focused == ["note"]


@on_a_loop
async def test_a_run_of_several_questions_asks_them_one_after_the_other(asking):
    run = asking.run("combined_proposal")
    form = runkit.InterruptForm(asking.client, run)
    for item in form.forms.form.inputs.proposals:
        item.choice.value = "approve"
        item.texts["note"].value = NOTE
    button = form.forms.form.send_button
    await until(lambda: button.description == "Send: verify the TIN, dismiss the hit")
    form.forms.form.send_button.click()
    await until(lambda: form.receipts)
    assert form.forms.form is None
    assert form.run.status != "interrupted"


@on_a_loop
async def test_the_documents_of_the_business_are_offered(asking):
    form = runkit.InterruptForm(asking.client, asking.run("tin_mismatch")).forms.form
    [proposal] = form.inputs.proposals
    await until(lambda: proposal.document is not None)
    proposal.document.value = proposal.document.options[0][1]
    proposal.choice.value = "approve"
    form.send_button.click()
    await until(lambda: form.receipt)
    assert form.receipt.delivery == "confirmed"


@on_a_loop
async def test_documents_that_cannot_be_listed_are_a_sentence(asking):
    run = asking.run("tin_mismatch")
    asking.box.fault("refuse", on="GET /documents", status=401, times=9)
    form = runkit.InterruptForm(asking.client, run).forms.form
    await until(lambda: "can&#x27;t be listed" in form.status.value)


@off_the_loop
def test_without_a_loop_a_press_ends_when_it_returns(asking):
    """As in a script."""
    form = runkit.InterruptForm(asking.client, asking.run())
    form.forms.form.inputs.proposals[0].choice.value = "reject"
    form.forms.form.send_button.click()
    assert [receipt.delivery for receipt in form.receipts] == ["confirmed"]


UNATTENDED = f"""
import runkit
box = runkit.sandbox(speed=3000)
client = box.client(rate=None)
made = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
run = client.runs.wait(made, poll=0.02)
form = runkit.InterruptForm(client, run)
form.forms.form.inputs.proposals[0].texts["note"].value = {NOTE!r}
display(form, runkit.RunMonitor(client, run), runkit.InterruptInbox(client))
"""


def test_a_notebook_that_runs_without_a_page_keeps_the_questions_and_nothing_typed(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(UNATTENDED)])
    NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=False).execute()
    outputs: list[Any] = [output.data for output in notebook.cells[0].outputs]
    assert [VIEW in data for data in outputs] == [True, False] * 3
    assert all("Dismiss 1 potential hit?" in data["text/html"] for data in outputs[1::2])
    notebook.cells[0].source = ""
    assert NOTE not in nbformat.writes(notebook)
    assert "widgets" not in notebook.metadata
