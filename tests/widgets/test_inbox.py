"""The inbox on a real sandbox, without a kernel: what it lists, what it says, and answering from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

import runkit
from runkit.client import Client
from runkit.models import Run
from runkit.server import Sandbox
from runkit.widgets import inbox as inboxes
from runkit.widgets import inbox_controller
from runkit.widgets.inbox import InterruptInbox
from runkit.widgets.inbox_controller import Row, Snapshot
from support import until
from tests.widgets.pages import Page

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
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


SHOWN: list[InterruptInbox] = []


@pytest.fixture(autouse=True)
def close_all() -> Iterator[None]:
    """No inbox outlives its test."""
    yield
    while SHOWN:
        SHOWN.pop().close()


def shown(inbox: InterruptInbox) -> Page:
    """Show an inbox in a page, and wait until its first question is open."""
    SHOWN.append(inbox)
    inbox._ipython_display_()
    page = Page(inbox.widget)
    settle(inbox)
    eventually(lambda: inbox.controller.snapshot.form is None or "values" in page.drawn)  # has been told
    return page


def settle(inbox: InterruptInbox) -> None:
    """Wait until no question is being opened."""
    eventually(lambda: not inbox.controller.snapshot.is_opening)


def is_open(page: Page, run: Run) -> bool:
    """Whether the page shows the question of a run."""
    return bool(page.drawn.get("question", {}).get("run") == run.id[:8])


def key(run: Run) -> str:
    """How the page names the question of a run."""
    return f"{run.id} {run.interrupts[0].id}"


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
    assert snapshot.closed == ()


def test_what_has_not_changed(box: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are not made again by a look or a click, and its waiting time goes on."""
    made: list[str] = []
    rows_of = inbox_controller.rows_of

    def noted(runs: list[Run]) -> tuple[Row, ...]:
        made.extend(run.id for run in runs)
        return rows_of(runs)

    monkeypatch.setattr(inbox_controller, "rows_of", noted)
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client)
    before = inbox.rows[0].wait_s
    shown(inbox)

    def goes_on() -> bool:
        inbox.controller.refresh()
        return inbox.rows[0].wait_s > before  # the server tells its time to the second

    until(goes_on)
    assert sorted(made) == sorted(run.id for run in runs)


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
    inbox = InterruptInbox(client)
    page = shown(inbox)
    runs = [ask(box, client), ask(box, client)]
    inbox.controller.refresh()
    assert ids(inbox) == [runs[1].id]
    page.tell(refresh=True)
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
    inbox = InterruptInbox(client)
    page = shown(inbox)
    box.fault("refuse", on="GET /runs", status=401)
    inbox.controller.refresh()
    assert ids(inbox) == [run.id]
    error = inbox.controller.snapshot.error
    assert "401" in error
    assert "Showing questions as of" in error
    assert page.drawn["top"]["error"] == error
    assert "Update failed." in page.drawn["spoken"]
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
    """The first question is open; after its answer the next one opens, and the answered row is at the end."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client)
    page = shown(inbox)
    eventually(lambda: is_open(page, runs[0]))
    page.answer("reject")
    eventually(lambda: is_open(page, runs[1]))
    assert ids(inbox) == [runs[1].id]
    [closed] = inbox.controller.snapshot.closed
    assert (closed.run.id, closed.receipt.words) == (runs[0].id, "Hit kept")
    rows = [row for row in page.drawn["rows"] if "key" in row]
    assert [(row["run"], row.get("is_done", False)) for row in rows] == [
        (runs[1].id[:8], False),
        (runs[0].id[:8], True),
    ]
    assert closed.receipt.title in inboxes.static(inbox.controller.snapshot, client)["text/html"]
    page.answer("reject")
    eventually(lambda: page.drawn.get("empty", {}).get("title") == "You're all caught up")
    assert client.runs.get(runs[0]).status != "interrupted"


def test_later(box: Sandbox, client: Client) -> None:
    """A question that is put off goes to the end of the list, and the next one opens."""
    runs = [ask(box, client) for _ in range(3)]
    inbox = InterruptInbox(client)
    page = shown(inbox)
    page.tell(later=key(runs[0]))
    eventually(lambda: is_open(page, runs[1]))
    rows = [row["run"] for row in page.drawn["rows"] if "key" in row]
    assert rows == [runs[n].id[:8] for n in (1, 2, 0)]


def test_one_name_for_all_questions(box: Sandbox, client: Client) -> None:
    """Whoever gives a name signs all answers with it."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client)
    page = shown(inbox)
    page.tell(who=" Ana Ortiz ")
    assert page.drawn["status"]["who"] == page.drawn["top"]["who"] == "Ana Ortiz"
    page.tell(open=key(runs[1]))
    eventually(lambda: is_open(page, runs[1]))
    assert (page.drawn["status"]["who"], page.drawn["status"]["login"]) == ("Ana Ortiz", False)


def test_a_business_that_is_found_out_later(box: Sandbox, client: Client) -> None:
    """The open card says that it is not known, and then which it is."""
    run = ask(box, client)
    with box.client(rate=None) as stranger:
        inbox = InterruptInbox(stranger)
        page = shown(inbox)
        assert page.drawn["question"]["run"] == run.id[:8]
        eventually(lambda: page.drawn["question"]["business"] == "Tacoma Harbor Imports LLC")
        again = page.drawn["question"]["sections"][0]["verbs"][0]["again"]
        assert again == "Press again: can't be undone"


def test_answered_elsewhere_while_open(box: Sandbox, client: Client) -> None:
    """The next look closes a form whose question somebody else has answered, and says so."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    shown(inbox)
    approve(client, run)
    inbox.controller.refresh()
    assert inbox.controller.snapshot.form is None
    assert "Answered from another notebook" in inbox.controller.snapshot.closed[0].receipt.title


def test_opening_what_was_answered(box: Sandbox, client: Client) -> None:
    """A question that was answered since the last look is said to be closed, and leaves the list."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    approve(client, run)
    shown(inbox)
    assert inbox.controller.snapshot.message == "This question is already closed."
    assert inbox.rows == ()


def test_opening_fails(box: Sandbox, client: Client) -> None:
    """A question that cannot be read is not opened, in words."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    box.fault("refuse", on=f"GET /runs/{run.id}", status=403)
    page = shown(inbox)
    eventually(lambda: "The question couldn't be opened. GET" in page.drawn["top"]["error"])


def test_typed_text_outlives_another_question(box: Sandbox, client: Client) -> None:
    """What was typed is there again when its question is opened again, even without drafts."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client, drafts=False)
    page = shown(inbox)
    page.type(note="born in 1951")
    for run, note in ((runs[1], ""), (runs[0], "born in 1951")):
        page.tell(open=key(run))
        eventually(lambda run=run: is_open(page, run))
        assert page.drawn["values"]["0"]["note"] == note


def test_read_only(box: Sandbox, client: Client) -> None:
    """A client that may not write lists questions and shows them, and says that it cannot answer."""
    ask(box, client)
    with box.client(read_only=True) as reader:
        inbox = InterruptInbox(reader)
        page = shown(inbox)
        assert page.drawn["status"]["read_only"]
        assert "Read-only" in page.drawn["status"]["message"]
        assert "Read-only" in inboxes.static(inbox.controller.snapshot, reader)["text/html"]


def test_very_many(client: Client) -> None:
    """The page gets 200 of 5,000 rows, and their number."""
    rows = tuple(
        Row(f"{number:08x}", "q", None, 60.0, None, "Dismiss?", "dismissal", 1, "pending", f"Firm {number}")
        for number in range(5000)
    )
    inbox = InterruptInbox(client)
    page = Page(inbox.widget)
    inbox.controller._change(waiting=rows, is_opening=True)
    page.tell(refresh=False)
    assert sum("key" in row for row in page.drawn["rows"]) == 200
    assert {"head": "200 of 5,000 listed; inbox.rows has all"} in page.drawn["rows"]
    inbox.close()


def test_showing_it_again(client: Client) -> None:
    """An inbox of the same host takes the place of the earlier one, whose tasks end."""

    def n_threads() -> int:
        return sum(thread.name == "runkit-inbox" for thread in threading.enumerate())

    for _ in range(3):
        inbox = InterruptInbox(client)
        page = shown(inbox)
    eventually(lambda: n_threads() == 1)
    page.leave()
    eventually(lambda: n_threads() == 0)
    inbox.close()


def test_what_is_not_shown_is_counted(client: Client) -> None:
    """A table of more than 20 rows says how many are not shown; text of a run stays text."""
    row = Row("r", "q", None, None, HOSTILE, HOSTILE, "other", 1, "pending")
    snapshot = Snapshot(waiting=(row,) * 60, expired=(row,))
    html = inboxes.static(snapshot, client)["text/html"]
    assert html.count("<tr>") == 1 + 20
    assert "20 of 61 rows shown" in html
    assert "<img" not in html
