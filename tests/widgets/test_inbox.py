"""The inbox on a real sandbox, without a kernel: what it lists, what it says, and answering from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from runkit.client import Client
from runkit.models import Run
from runkit.widgets.inbox import InterruptInbox
from tests.faults import FaultyBox, sandbox
from tests.widgets.pages import Page


@pytest.fixture
def box() -> Iterator[FaultyBox]:
    with sandbox(speed=3000) as box:
        yield box


@pytest.fixture
def client(box: FaultyBox) -> Iterator[Client]:
    with box.client(rate=None) as client:
        yield client


def ask(box: FaultyBox, client: Client, scenario: str = "watchlist_hit") -> Run:
    """Start a run and let it come to its first stop."""
    return client.runs.wait(
        client.runs.create("cip_orchestrator", box.business(scenario)), poll=0.02
    )


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
    eventually(lambda: not inbox.rows or "values" in page.view)
    return page


def settle(inbox: InterruptInbox) -> None:
    """Wait until no question is being opened."""
    eventually(lambda: not inbox.controller.is_opening)


def is_open(page: Page, run: Run) -> bool:
    """Whether the page shows the question of a run."""
    return bool(page.view.get("question", {}).get("run") == run.id[:8])


def key(run: Run) -> str:
    """How the page names the question of a run."""
    return f"{run.id} {run.interrupts[0].id}"


def ids(inbox: InterruptInbox) -> list[str]:
    return [row.run_id for row in inbox.rows]


def test_the_button_looks_through_everything(
    box: FaultyBox, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a look at the start of the list does not reach is found by the button."""
    monkeypatch.setattr("runkit.widgets.inbox.FIRST_PAGE", 1)
    inbox = InterruptInbox(client)
    page = shown(inbox)
    runs = [ask(box, client), ask(box, client)]
    inbox.controller.refresh()
    assert ids(inbox) == [runs[1].id]
    page.tell(refresh=True)
    eventually(lambda: not inbox.controller.is_refreshing)
    assert ids(inbox) == [run.id for run in runs]


def test_a_question_lapses(box: FaultyBox, client: Client) -> None:
    """A question whose run ended is set apart and is no rejection."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    box.end_run(run.id)
    inbox.controller.refresh()
    assert inbox.rows == ()
    assert [row.run_id for row in inbox.expired] == [run.id]
    assert "doesn&#39;t count as a rejection" in inbox._static()["text/html"]


def test_a_look_fails(box: FaultyBox, client: Client) -> None:
    """It says why and of when that is what is shown, and the next look that works takes it back."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    page = shown(inbox)
    box.fault("refuse", on="GET /runs", status=401)
    inbox.controller.refresh()
    assert ids(inbox) == [run.id]
    error = inbox.controller.error
    assert "401" in error
    assert "Showing questions as of" in error
    assert page.view["error"] == error
    assert "Update failed." in page.view["spoken"]
    inbox.controller.refresh()
    assert inbox.controller.error == ""


def test_answering(box: FaultyBox, client: Client) -> None:
    """The first question is open; after its answer the next one opens, and the answered row is at the end."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client)
    page = shown(inbox)
    eventually(lambda: is_open(page, runs[0]))
    page.answer("reject")
    eventually(lambda: is_open(page, runs[1]))
    assert ids(inbox) == [runs[1].id]
    [closed] = inbox.controller.closed
    assert (closed.run.id, closed.snapshot.receipt.words) == (runs[0].id, "Hit kept")
    rows = [row for row in page.view["rows"] if "key" in row]
    assert [(row["run"], row.get("is_done", False)) for row in rows] == [
        (runs[1].id[:8], False),
        (runs[0].id[:8], True),
    ]
    assert closed.snapshot.message in inbox._static()["text/html"]
    page.answer("reject")
    eventually(lambda: page.view.get("empty", {}).get("title") == "You're all caught up")
    assert client.runs.get(runs[0]).status != "interrupted"


def test_one_name_for_all_questions(box: FaultyBox, client: Client) -> None:
    """Whoever gives a name signs all answers with it."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client)
    page = shown(inbox)
    page.tell(who=" Ana Ortiz ")
    assert page.view["status"]["who"] == "Ana Ortiz"
    page.tell(open=key(runs[1]))
    eventually(lambda: is_open(page, runs[1]))
    assert (page.view["status"]["who"], page.view["status"]["login"]) == ("Ana Ortiz", False)


def test_a_business_that_is_found_out_later(box: FaultyBox, client: Client) -> None:
    """The open card says that it is not known, and then which it is."""
    run = ask(box, client)
    with box.client(rate=None) as stranger:
        inbox = InterruptInbox(stranger)
        page = shown(inbox)
        assert page.view["question"]["run"] == run.id[:8]
        assert page.view["question"]["caution"] == "Business not identified."
        eventually(lambda: page.view["question"]["business"] == "Tacoma Harbor Imports LLC")
        assert page.view["question"]["caution"] == ""


def test_answered_elsewhere_while_open(box: FaultyBox, client: Client) -> None:
    """The next look closes a form whose question somebody else has answered, and says so."""
    run = ask(box, client)
    inbox = InterruptInbox(client)
    shown(inbox)
    approve(client, run)
    inbox.controller.refresh()
    assert inbox.controller.form is None
    assert "Answered from another notebook" in inbox.controller.closed[0].snapshot.message


def test_typed_text_outlives_another_question(box: FaultyBox, client: Client) -> None:
    """What was typed is there again when its question is opened again, even without drafts."""
    runs = [ask(box, client), ask(box, client)]
    inbox = InterruptInbox(client, drafts=False)
    page = shown(inbox)
    page.type(note="born in 1951")
    for run, note in ((runs[1], ""), (runs[0], "born in 1951")):
        page.tell(open=key(run))
        eventually(lambda run=run: is_open(page, run))
        assert page.view["values"]["0"]["note"] == note


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
