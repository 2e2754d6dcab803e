"""A form as its cell shows it, without a kernel: its outputs, its clicks, its end."""

from __future__ import annotations

import pytest
from comm import get_comm_manager

import runkit
from runkit import InterruptForm, InterruptInbox, RunMonitor
from runkit.errors import UsageError
from support import jobs_end, question, until
from tests.client.conftest import Answer
from tests.widgets.answering import answer
from tests.widgets.conftest import WIDGET, threads
from tests.widgets.pages import Page


@pytest.fixture
def in_a_page():
    """Show forms in pages, and take them away in the end."""
    forms: list[InterruptForm] = []

    def show(form: InterruptForm) -> Page:
        forms.append(form)
        return Page(form.widget)

    yield show
    for form in forms:
        form.close()
    jobs_end()


# ---------------------------------------------------------------------------------------- in a page


def test_a_question_without_an_id_is_listed_and_not_answered(
    server, scripted_client, run_json, in_a_page
):
    """With its own evidence, and nothing is ever sent; the inbox does not say that none waits."""
    hit = {"title": "Hit", "type": "dismissal"}
    before = question("q", 0, 5, artifacts=[hit | {"title": "Hit of an answered question"}])
    item = {"agent": "x", "label": "Dismiss it?", "artifacts": [hit]}
    run = run_json(status="interrupted", interrupts=[item], steps=[before])
    listed = {"object": "list", "data": [run], "has_more": False}
    server.script = lambda request: Answer(run if "run-1" in request.path else listed)
    form = InterruptForm(scripted_client, "run-1")
    page = in_a_page(form)
    [evidence] = page.view["question"]["proposals"][0]["evidence"]
    assert evidence["title"] == "Hit"
    page.answer("approve", note="Another person")
    assert (form.state, page.view["status"]["read_only"]) == ("failed", True)
    assert server.posts == []
    inbox = InterruptInbox(scripted_client)
    inbox.close()
    assert [(row.run_id, row.interrupt_id) for row in inbox.rows] == [("run-1", None)]


def test_a_reviewer_without_a_name_types_one(asking, in_a_page, monkeypatch):
    """A shared login is no name; the name that is typed signs the answer. A reload shows the receipt."""
    monkeypatch.setenv("JUPYTERHUB_USER", "jovyan")
    reasons = ["Another date of birth"]
    form = InterruptForm(asking.client, asking.run(), reasons={"dismissal": reasons})
    page = in_a_page(form)
    question = page.view["question"]
    shown = question["business"], question["title"], question["sections"][0]["reasons"]
    assert shown == ("Tacoma Harbor Imports LLC", "Dismiss 1 potential hit?", reasons)
    page.answer("reject")
    status = page.view["status"]
    assert (form.state, status["message"]) == ("invalid", "Not sent. Type your name first.")
    assert status["ask"]
    page.tell(who="Ana Ortiz")
    assert (page.view["status"]["who"], page.view["status"]["ask"]) == ("Ana Ortiz", False)
    page.answer("reject")
    until(lambda: page.view["receipt"] is not None)
    for item in (page, in_a_page(form)):
        title = item.view["receipt"]["title"]
        assert title.startswith("Hit kept, ")
        assert title.endswith("signed Ana Ortiz")
    assert list(runkit.answer_log()["answered_by"]) == ["Ana Ortiz"]


# ---------------------------------------------------------------------------------------- in a cell


def test_a_receipt_has_the_time_of_the_server(in_a_page):
    with (
        runkit.sandbox(speed=3000, now="2020-03-01T10:00:00Z") as box,
        box.client(rate=None) as client,
    ):
        created = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
        form = InterruptForm(client, client.runs.wait(created, poll=0.05), who="Ada")
        in_a_page(form).answer("approve", note="Another person")
        until(lambda: form.receipt is not None)
        jobs_end()
    assert "Mar 1, 2020" in str(form.receipt)


@pytest.mark.parametrize("receipts", ["full", "short"])
def test_the_two_outputs_become_a_receipt(asking, shown, receipts):
    """The question stays as HTML; the card's output ends as a receipt without a widget."""
    form = InterruptForm(asking.client, asking.run(), who="Ada", receipts=receipts)
    form._ipython_display_()
    head, card = shown.outputs()
    assert WIDGET not in head
    assert "Dismiss 1 potential hit?" in head["text/html"]
    assert f"SANDBOX {asking.client.host}" in head["text/html"]
    assert "No buttons below? Install anywidget where JupyterLab runs" in head["text/html"]
    assert WIDGET in card
    assert "Rerun the cell" in card["text/html"]
    assert form.controller is not None
    answer(form.controller, {"0": {"decision": "reject", "note": "a reason of ours"}})
    until(lambda: WIDGET not in shown.outputs()[1])
    head, card = shown.outputs()
    assert "Hit kept, " in card["text/plain"]
    assert "signed Ada" in card["text/plain"]
    assert "Watchlist hit is another person" in card["text/html"]
    assert ("a reason of ours" in card["text/html"]) is (receipts == "full")
    assert repr(form).endswith(", settled, SANDBOX)")
    form.close()


def test_rerunning_the_cell_replaces_the_form(asking, shown):
    """After the answer, running the cell again shows its receipt."""
    run = asking.run()
    first = InterruptForm(asking.client, run)
    second = InterruptForm(asking.client, run)
    first._ipython_display_()
    first._on_views(1)
    second._ipython_display_()
    assert [WIDGET in bundle for bundle in shown.outputs()] == [False, False, False, True]
    assert "Form closed" in shown.outputs()[1]["text/html"]
    asking.client.runs.resume(run, run.interrupts[0].id, {"decision": "reject"})
    shown.clear()
    third = InterruptForm(asking.client, run)
    third._ipython_display_()
    [receipt] = shown.outputs()
    assert (third.state, WIDGET in receipt) == ("closed", False)
    assert "Hit kept" in receipt["text/html"]
    second.close()


@pytest.mark.parametrize("kind", [InterruptForm, InterruptInbox, RunMonitor])
def test_closing_leaves_no_view_widget_or_thread(asking, shown, kind):
    """No view, widget or thread is left of them."""
    run = asking.run()
    made = kind(asking.client) if kind is InterruptInbox else kind(asking.client, run)
    comms = get_comm_manager().comms  # type: ignore[no-untyped-call]
    n_comms = len(comms)
    cards = []
    for _ in range(2):
        made._ipython_display_()
        cards.append(made._card)
        Page(cards[-1])
    assert sum(WIDGET in bundle for bundle in shown.outputs()) == 1
    made.close()
    assert [card.comm for card in cards] == [None] * 2
    assert len(comms) == n_comms
    until(lambda: threads("form", "inbox", "watch") == 0)


def test_a_displayed_form_notices_an_answer_from_elsewhere(asking, shown, monkeypatch):
    """A form that is on a page notices an answer from elsewhere; its thread ends with that."""
    monkeypatch.setattr("runkit.widgets.interrupt_form.CHECK_INTERVAL", 0.05)
    form = InterruptForm(asking.client, asking.run())
    form._ipython_display_()
    form._on_views(1)
    assert form.controller is not None
    asking.answer_elsewhere(form.controller.question)
    until(lambda: form.state == "conflict")
    until(lambda: "by Priya Raman" in shown.outputs()[1]["text/html"])
    form._on_views(1)
    form.close()


def test_one_of_several_questions_must_be_named(server, scripted_client, run_json, question):
    """Two questions at once: one must be named."""
    both = [question, {"id": "int-2", "value": {"type": "dismissal", "label": "And this?"}}]
    server.script = lambda request: Answer(
        run_json(status="interrupted", interrupts=both, steps=[])
    )
    with pytest.raises(UsageError, match=r"2 questions waiting; choose one .*'int-2': And this\?"):
        InterruptForm(scripted_client, "run-1")
    assert InterruptForm(scripted_client, "run-1", "int-2").state == "open"
