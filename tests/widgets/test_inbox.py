"""The inbox on a real sandbox, without a kernel: what it lists, what it says, and answering from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as w
import pytest

import runkit
from runkit.client import Client
from runkit.models import Run
from runkit.server import Sandbox
from runkit.widgets import inbox as inboxes
from runkit.widgets import inbox_controller
from runkit.widgets.inbox import InterruptInbox
from runkit.widgets.inbox_controller import Row, Snapshot

HOSTILE = '<img src=x onerror=alert(1)> $x$ "'


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with runkit.sandbox(speed=3000) as box:
        yield box


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with box.client(rate=None) as client:
        yield client


def ask(box: Sandbox, client: Client, scenario: str = "watchlist_hit") -> Run:
    """Start a run and let it come to its first stop."""
    return client.runs.wait(client.runs.create("cip_orchestrator", box.business(scenario)), poll=0.02)


def approve(client: Client, run: Run) -> Run:
    answer = {"decision": "approve", "note": "another person"}
    return client.runs.wait(client.runs.resume(run, run.interrupts[0].id, answer), poll=0.02)


def eventually(holds: Callable[[], object]) -> None:
    """Wait for a job to end."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def shown(inbox: InterruptInbox) -> InterruptInbox:
    inbox._ipython_display_()
    return inbox


def find(inbox: InterruptInbox, kind: type[w.Widget], description: str) -> Any:
    """Find a widget of the card by the start of its description."""

    def below(widget: Any) -> Iterator[Any]:
        yield widget
        for child in getattr(widget, "children", ()):
            yield from below(child)

    assert inbox._view is not None
    return next(one for one in below(inbox._view.box) if isinstance(one, kind) and named(one, description))


def named(widget: Any, description: str) -> bool:
    return str(widget.description).startswith(description)


def open_question(inbox: InterruptInbox, number: int = 0) -> None:
    find(inbox, w.Dropdown, "Question").index = number
    find(inbox, w.Button, "Open").click()
    eventually(lambda: not inbox.controller.snapshot.is_opening and is_up_to_date(inbox))


def is_up_to_date(inbox: InterruptInbox) -> bool:
    assert inbox._view is not None
    with inbox._view._lock:  # held until all is shown
        return inbox._view._version == inbox.controller.snapshot.version


def ids(inbox: InterruptInbox) -> list[str]:
    return [row.run_id for row in inbox.rows]


def test_it_lists_what_waits(box: Sandbox, client: Client) -> None:
    """The questions of all runs stand there when it is made, oldest first; runs that ask nothing do not."""
    first, _, second = [ask(box, client, one) for one in ("watchlist_hit", "clean_pass", "combined_proposal")]
    inbox = InterruptInbox(client)
    assert ids(inbox) == [first.id, second.id]
    row = inbox.rows[1]
    assert (row.kind, row.n_proposals, row.outcome) == ("mixed", 2, "pending")
    assert repr(inbox) == "InterruptInbox(2 questions waiting, SANDBOX)"


def test_a_later_look(box: Sandbox, client: Client) -> None:
    """The next look finds new questions, drops what was answered elsewhere, and says what it covered."""
    old = ask(box, client)
    inbox = InterruptInbox(client)
    approve(client, old)
    new = ask(box, client, "decision")
    inbox.controller.refresh()
    assert ids(inbox) == [new.id]
    snapshot = inbox.controller.snapshot
    assert snapshot.coverage.startswith("Last full check ")
    assert " · updated " in snapshot.coverage
    assert snapshot.receipts == ()


def test_a_known_run_asks_again(box: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was answered is watched until it ends, even if it is no longer at the start of the list."""
    monkeypatch.setattr("runkit.widgets.inbox_controller.FIRST_PAGE", 1)
    run = ask(box, client, "two_questions")
    inbox = InterruptInbox(client)
    ask(box, client, "clean_pass")
    approve(client, run)
    inbox.controller.refresh()
    assert [(row.run_id, row.kind) for row in inbox.rows] == [(run.id, "decision")]


def test_the_button_looks_through_everything(
    box: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a look at the start of the list does not reach is found by the button."""
    monkeypatch.setattr("runkit.widgets.inbox_controller.FIRST_PAGE", 1)
    inbox = shown(InterruptInbox(client))
    runs = [ask(box, client), ask(box, client)]
    inbox.controller.refresh()
    assert ids(inbox) == [runs[1].id]
    find(inbox, w.Button, "Refresh all").click()
    eventually(lambda: not inbox.controller.snapshot.is_refreshing)
    assert ids(inbox) == [run.id for run in runs]


def test_a_question_lapses(box: Sandbox, client: Client) -> None:
    """A question whose run ended is set apart and is no rejection."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    box.end_run(run.id)
    inbox.controller.refresh()
    assert inbox.rows == ()
    assert [row.run_id for row in inbox.expired] == [run.id]
    assert (
        "doesn&#39;t count as a rejection" in inboxes.static(inbox.controller.snapshot, client)["text/html"]
    )


def test_what_has_ended_is_let_go(box: Sandbox, client: Client) -> None:
    """Runs that ended are not kept and not looked at again, and what lapsed stays listed once."""
    lapsing, answered = ask(box, client), ask(box, client)
    inbox = InterruptInbox(client)
    box.end_run(lapsing.id)
    approve(client, answered)
    for _ in range(2):
        inbox.controller.refresh()
    assert inbox.controller._runs == {}
    assert [row.run_id for row in inbox.expired] == [lapsing.id]


def test_a_run_is_deleted(box: Sandbox, client: Client) -> None:
    """A run that the API no longer has leaves the list, and that is said."""
    run, other = ask(box, client), ask(box, client)
    inbox = InterruptInbox(client)
    box.fault("refuse", on=f"GET /runs/{run.id}", status=404)
    inbox.controller.refresh()
    assert ids(inbox) == [other.id]
    assert "the API no longer has 1 run" in inbox.controller.snapshot.coverage


def test_a_look_fails(box: Sandbox, client: Client) -> None:
    """It says why and of when that is what is shown, and the next look that works takes it back."""
    run = ask(box, client)
    inbox = shown(InterruptInbox(client))
    box.fault("refuse", on="GET /runs", status=401)
    inbox.controller.refresh()
    assert ids(inbox) == [run.id]
    error = inbox.controller.snapshot.error
    assert "401" in error
    assert "Showing questions as of" in error
    assert inbox._view is not None
    assert "Update failed." in inbox._view.guard.announcement
    inbox.controller.refresh()
    assert inbox.controller.snapshot.error == ""


def test_a_slow_look_brings_nothing_back(box: Sandbox, client: Client) -> None:
    """A run that was read before it was answered, and comes in afterwards, is passed over."""
    before = ask(box, client)
    inbox = InterruptInbox(client)
    approve(client, before)
    inbox.controller.refresh()
    inbox.controller._update_runs([before])
    assert inbox.rows == ()


def test_much_that_waits_is_looked_at_less_often() -> None:
    """Looks come every 15 seconds, or so far apart that they take a quarter of 20 requests a second."""
    assert inbox_controller.pause_after(1) == 15
    assert inbox_controller.pause_after(1000) == 200


def test_a_look_comes_when_it_is_due(box: Sandbox, client: Client) -> None:
    """A tick soon after a look does nothing but say when the next one is."""
    inbox = InterruptInbox(client)
    ask(box, client)
    assert 10 < inbox.controller.tick() <= 15
    assert inbox.rows == ()


def test_answering(box: Sandbox, client: Client) -> None:
    """A question is opened and answered in place; a receipt is left, and the focus goes to the choice."""
    run, other = ask(box, client), ask(box, client)
    inbox = shown(InterruptInbox(client))
    open_question(inbox)
    find(inbox, w.Dropdown, "Your answer").value = "reject"
    find(inbox, w.Button, "Keep the hit").click()
    eventually(lambda: inbox.controller.snapshot.form is None and is_up_to_date(inbox))
    assert ids(inbox) == [other.id]
    [receipt] = inbox.controller.snapshot.receipts
    assert run.id[:8] in receipt
    assert "reject" in receipt
    assert receipt in inboxes.static(inbox.controller.snapshot, client)["text/html"]
    view = inbox._view
    assert view is not None
    assert not view._form_box.children
    assert view.guard.announcement.startswith(receipt)
    assert view.guard.focus_on["class"] in view._choice._dom_classes
    assert client.runs.get(run).status != "interrupted"


def test_the_choice_stays(box: Sandbox, client: Client) -> None:
    """What was chosen stays chosen when the list changes; when nothing is left the list says so."""
    runs = [ask(box, client), ask(box, client)]
    inbox = shown(InterruptInbox(client))
    choice = find(inbox, w.Dropdown, "Question")
    choice.index = 1
    approve(client, runs[0])
    inbox.controller.refresh()
    assert choice.value[0] == runs[1].id
    approve(client, runs[1])
    inbox.controller.refresh()
    assert (choice.label, choice.index) == ("You're all caught up", 0)
    find(inbox, w.Button, "Open").click()
    assert inbox.controller.snapshot.message == "No question to open."


def test_answered_elsewhere_while_open(box: Sandbox, client: Client) -> None:
    """The next look closes a form whose question somebody else has answered, and says so."""
    run = ask(box, client)
    inbox = shown(InterruptInbox(client))
    open_question(inbox)
    approve(client, run)
    inbox.controller.refresh()
    assert inbox.controller.snapshot.form is None
    assert "Answered from another notebook" in inbox.controller.snapshot.receipts[0]


def test_opening_what_was_answered(box: Sandbox, client: Client) -> None:
    """A question that was answered since the last look is said to be closed, and leaves the list."""
    run = ask(box, client)
    inbox = shown(InterruptInbox(client))
    approve(client, run)
    open_question(inbox)
    assert inbox.controller.snapshot.message == "This question is already closed."
    assert inbox.rows == ()


def test_opening_fails(box: Sandbox, client: Client) -> None:
    """A question that cannot be read is not opened, in words."""
    run = ask(box, client)
    inbox = shown(InterruptInbox(client))
    box.fault("refuse", on=f"GET /runs/{run.id}", status=403)
    open_question(inbox)
    assert "The question couldn't be opened. GET" in inbox.controller.snapshot.message


def test_typed_text_outlives_another_question(box: Sandbox, client: Client) -> None:
    """What was typed is there again when its question is opened again, even without drafts."""
    ask(box, client), ask(box, client)
    inbox = shown(InterruptInbox(client, drafts=False))
    open_question(inbox)
    find(inbox, w.Textarea, "Note").value = "born in 1951"
    open_question(inbox, 1)
    assert find(inbox, w.Textarea, "Note").value == ""
    open_question(inbox, 0)
    assert find(inbox, w.Textarea, "Note").value == "born in 1951"


def test_read_only(box: Sandbox, client: Client) -> None:
    """A client that may not write lists questions and shows them, and says that it cannot answer."""
    ask(box, client)
    with box.client(read_only=True) as reader:
        inbox = shown(InterruptInbox(reader))
        open_question(inbox)
        form = inbox.controller.snapshot.form
        assert form is not None
        assert "Read-only" in form.snapshot.message
        assert "Read-only" in inboxes.static(inbox.controller.snapshot, reader)["text/html"]


def test_showing_it_again(client: Client) -> None:
    """An inbox of the same host takes the place of the earlier one, whose tasks end."""

    def n_threads() -> int:
        return sum(thread.name == "runkit-inbox" for thread in threading.enumerate())

    for _ in range(3):
        inbox = shown(InterruptInbox(client))
        assert inbox._view is not None
        inbox._view.guard._on_message(inbox._view.guard, {"opened": "a page"}, [])
    eventually(lambda: n_threads() == 1)
    inbox._view.guard._on_message(inbox._view.guard, {"disposed": "a page"}, [])
    eventually(lambda: n_threads() == 0)
    inbox.close()


def test_what_is_not_shown_is_counted(client: Client) -> None:
    """A table of more than 50 rows says how many are not shown; text of a run stays text."""
    row = Row("r", "q", None, None, HOSTILE, HOSTILE, "other", 1, "pending")
    snapshot = Snapshot(waiting=(row,) * 60, expired=(row,))
    html = inboxes.static(snapshot, client)["text/html"]
    assert html.count("<tr>") == 1 + 50 + 1 + 1
    assert "10 more not shown" in html
    assert "<img" not in html
