"""Forms on a scripted server: one answer, to the shown question; nothing typed is lost."""

from __future__ import annotations

import time
from typing import Any

import pytest

import runkit
import strangers
import support
from runkit.local import answer_log
from support import jobs_end, until
from tests.client.conftest import KEY, Answer, Received
from tests.widgets.pages import Page

NOTE = "born in 1951, ours in 1984"
NOWHERE = "/dev/null/state"  # a folder that nobody can make


class Shown:
    """The form of the run `run-1` in a page."""

    def __init__(self, client: runkit.Client) -> None:
        self.form = runkit.InterruptForm(client, "run-1", who="Ana Ortiz")
        self.page = Page(self.form.widget)

    def answer(self, decision: str, **entries: Any) -> str:
        """Send an answer, and return the state at the end."""
        self.page.answer(decision, **entries)
        return self.verdict()

    def verdict(self) -> str:
        """Wait until nothing is being sent, and return the state."""
        until(lambda: self.form.state not in ("sending", "unknown"), 20)
        return self.form.state


@pytest.fixture
def waiting(server, run_json, question):
    """The run `run-1` while its question `int-1` waits, as the server has it."""
    run = run_json(status="interrupted", interrupts=[question], steps=[])
    server.script = lambda request: Answer(run)
    return run


@pytest.fixture
def show(scripted_client, waiting):
    forms: list[Shown] = []

    def show() -> Shown:
        forms.append(Shown(scripted_client))
        return forms[-1]

    yield show
    for shown in forms:
        shown.form.close()
    jobs_end()


def test_a_form_asks_what_a_run_of_another_account_waits_for(server, scripted_client):
    [made] = strangers.several("two_open", 1)
    server.script = lambda request: Answer(made.raw)
    for asked in made.rows["interrupts"]:
        item_id = asked["interrupt_id"]
        shown = runkit.InterruptForm(scripted_client, made.run_id, interrupt=item_id)
        page = Page(shown.widget)
        shown.close()
        assert (shown.state, page.view["question"]["title"]) == ("open", asked["label"])


def test_a_double_click_sends_one_answer(show, waiting, run_json, server, monkeypatch):
    """Two quick presses are one POST, also where no log of answers can be kept."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", NOWHERE)
    shown = show()
    after = run_json(steps=[])

    def slow(request: Received) -> Answer:
        time.sleep(0.3 * (request.method == "POST"))
        return Answer(after if server.posts else waiting)

    server.script = slow
    for _ in range(2):
        shown.page.answer("reject")
    assert shown.verdict() == "settled"
    assert len(server.posts) == 1


def test_a_question_that_changed_is_not_answered(show, server, waiting):
    """Another question under the same id gets no answer that was meant for the first."""
    shown = show()
    other = {"id": "int-1", "value": {"type": "dismissal", "label": "Dismiss all hits?"}}
    server.script = lambda request: Answer({**waiting, "interrupts": [other]})
    assert shown.answer("reject") == "conflict"
    assert server.posts == []


def test_an_answer_of_another_notebook_names_its_sender(show, server, run_json, scripted_client):
    """Its kernel died while it sent; what was typed here was not sent and can be copied."""
    shown = show()
    known = {"host": scripted_client.host, "run_id": "run-1", "interrupt_id": "int-1"}
    answer_log.claim({"decision": "reject"}, "Bob", known)
    server.script = lambda request: Answer(run_json(status="running", steps=[]))
    assert shown.answer("approve", note=NOTE) == "conflict"
    assert server.posts == []
    assert shown.form.receipt is not None
    title = shown.form.receipt.title
    assert title.startswith("Closed. We couldn't confirm that the answer signed Bob of ")
    assert title.endswith(" arrived. Your answer was not sent.")
    until(lambda: shown.page.view["status"]["copy"] == NOTE)


def test_a_question_that_is_asked_again_gets_its_own_answer(show, server, waiting):
    """The same id and the same question, by another step: what was pressed answers the first only."""
    first = support.question("s1", 1, 2)
    second = support.question("s2", 3, None)
    server.script = lambda request: Answer({**waiting, "steps": [support.question("s1", 1, None)]})
    shown = show()
    server.script = lambda request: Answer({**waiting, "steps": [first, second]})
    assert shown.answer("reject") == "conflict"
    assert server.posts == []
    again = show()
    assert again.form.state == "open"
    assert again.page.view["question"]["digest"] != shown.page.view["question"]["digest"]


def test_an_older_state_of_the_run_closes_nothing(show, server, run_json):
    """A replica may lag: nothing is sent then, and the question stays open."""
    shown = show()
    old = run_json(updated_at="2026-02-03T10:00:00Z", steps=[])
    server.script = lambda request: Answer(old)
    assert shown.answer("reject") == "failed"
    assert server.posts == []


def test_an_answer_meant_for_another_question_is_not_sent(show, server):
    """A page that does not show the newest question yet answers nothing."""
    shown = show()
    shown.page.view["question"]["digest"] = "0" * 64
    assert shown.answer("reject") == "open"
    assert server.posts == []


def test_a_saved_notebook_holds_no_question(show):
    """The state of the widgets is code and style: no question, no typed text and no key."""
    shown = show()
    shown.page.type(note=NOTE)
    card = shown.form.widget
    state = f"{card.get_state()} {card.layout.get_state()}"
    assert "_esm" in state
    assert "Dismiss?" not in state
    assert NOTE not in state
    assert KEY not in state
