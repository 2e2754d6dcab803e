"""The inbox on a real sandbox, without a kernel: its list, its messages, its answers."""

from __future__ import annotations

from threading import Event

import pytest

import runkit
import support
from runkit.api.models import Run
from runkit.client import Client
from runkit.widgets.interrupt_inbox import InterruptInbox
from support import jobs_end, until
from tests.client.conftest import Answer, Received
from tests.widgets.conftest import threads
from tests.widgets.pages import Page

HIT = "watchlist_hit"


@pytest.fixture
def show(client):
    inboxes: list[InterruptInbox] = []

    def show(reader: Client = client, **options: bool) -> tuple[InterruptInbox, Page]:
        """Display an inbox in a page, and wait until its first question is open."""
        inbox = InterruptInbox(reader, **options)
        inboxes.append(inbox)
        inbox._ipython_display_()
        page = Page(inbox.widget)
        until(lambda: threads("case") == 0)
        return inbox, page

    yield show
    for inbox in inboxes:
        inbox.close()


def wait_for(page: Page, run: Run) -> None:
    """Wait until the page shows the question of a run."""
    until(lambda: page.view.get("question", {}).get("run") == run.id[:8], 30)


def open_question(page: Page, run: Run) -> None:
    page.tell(open=next(row["key"] for row in page.view["rows"] if row["run"] == run.id[:8]))
    wait_for(page, run)


def refresh(inbox: InterruptInbox) -> None:
    """Check for new questions, as the inbox does every 15 seconds, and draw the result."""
    until(lambda: not inbox.controller._is_reading)
    inbox._queue.call(inbox.controller.check)
    until(lambda: not inbox.controller._is_reading)
    inbox._queue.call(inbox._draw)


def ids(inbox: InterruptInbox) -> list[str]:
    return [row.run_id for row in inbox.rows]


def test_the_refresh_button_finds_all_questions(start, show, monkeypatch):
    """What a look at the start of the list does not reach is found by the button."""
    monkeypatch.setattr("runkit.widgets._inbox_state.FIRST_PAGE", 1)
    inbox, page = show()
    runs = [start(HIT), start(HIT)]
    refresh(inbox)
    assert ids(inbox) == [runs[1].id]
    page.tell(refresh=True)
    until(lambda: not inbox.controller.is_refreshing)
    assert ids(inbox) == [run.id for run in runs]


def test_unchanged_runs_are_not_read_again(client, start, show, caplog):
    """A check takes one request, and so does opening a question again."""
    run = start(HIT)
    other = start(HIT)
    inbox, page = show()
    until(lambda: "case" in page.view and len(page.view["case"]["lines"]) > 1)
    with caplog.at_level("DEBUG", logger="runkit"):
        refresh(inbox)
        assert len(caplog.messages) == 1
        caplog.clear()
        open_question(page, other)
        until(lambda: caplog.messages and threads("case") == 0)
        caplog.clear()
        open_question(page, run)
        until(lambda: caplog.messages and threads("case") == 0)
        assert len(caplog.messages) == 1


def test_an_expired_question_is_set_apart(box, client, start):
    """Its run ended, and this is no rejection."""
    run = start(HIT)
    inbox = InterruptInbox(client)
    box.end_run(run.id)
    refresh(inbox)
    assert (ids(inbox), [row.run_id for row in inbox.expired]) == ([], [run.id])
    assert "doesn&#39;t count as a rejection" in inbox._static()["text/html"]


def test_a_failed_refresh_shows_its_error(box, start, show):
    """The inbox says why, and keeps its list, until a refresh works."""
    run = start(HIT)
    inbox, page = show()
    until(lambda: threads("case") == 0)
    box.fault("refuse", on="GET /runs", status=401)
    refresh(inbox)
    assert ids(inbox) == [run.id]
    assert "401" in page.view["error"]
    refresh(inbox)
    assert inbox.controller.error == ""


def test_a_business_identified_later_is_shown(box, start, show, monkeypatch):
    run = start(HIT)
    with box.client(rate=None) as stranger:
        is_shown = Event()
        identify = stranger.businesses.identify
        monkeypatch.setattr(
            stranger.businesses, "identify", lambda *a, **k: is_shown.wait(60) and identify(*a, **k)
        )
        inbox, page = show(stranger)
        assert page.view["question"]["run"] == run.id[:8]
        assert page.view["question"]["caution"] == "Business not identified."
        is_shown.set()
        until(lambda: page.view["question"]["business"] == "Tacoma Harbor Imports LLC")
        assert page.view["question"]["caution"] == ""
        inbox.close()
        jobs_end()


def test_the_following_row_opens_whatever_the_filter_leaves(start, show):
    """After each answer, by the list as it was shown; at its end the first row."""
    others = [start("address_gap"), start("decision")]
    hits = [start(HIT) for _ in range(3)]
    inbox, page = show()
    for text, runs in (("TACOMA", hits), ("", [others[1], others[0]])):
        page.tell(filter=text)
        assert [row["run"] for row in page.view["rows"] if "age" in row][: len(runs)] == [
            run.id[:8] for run in runs
        ]
        at = len(runs) // 2
        open_question(page, runs[at])
        for run in (*runs[at + 1 :], *runs[:at], None):
            page.answer(page.view["question"]["verbs"][-1]["value"], note="no")
            if run is not None:
                wait_for(page, run)
        until(lambda: "question" not in page.view)
    assert len(inbox.controller.closed) == 5


def test_an_answered_row_opens_its_receipt(start, show):
    """It stands at the end of the list; one name signs all answers."""
    first = start(HIT)
    second = start(HIT)
    inbox, page = show()
    wait_for(page, first)
    page.tell(who=" Ana Ortiz ")
    page.answer("reject")
    wait_for(page, second)
    rows = [row for row in page.view["rows"] if "key" in row]
    assert [row.get("is_done", False) for row in rows] == [False, True]
    assert inbox.controller.closed[0].snapshot.message in inbox._static()["text/html"]
    page.tell(open=rows[1]["key"])
    assert (page.view["question"]["run"], page.view["open"]) == (first.id[:8], rows[1]["key"])
    assert page.view["receipt"]["title"].startswith("Hit kept, ")
    page.answer("approve", note="too late")
    refresh(inbox)
    assert page.view["receipt"]["title"].startswith("Hit kept, ")
    page.tell(step=1)
    wait_for(page, second)
    assert (page.view["status"]["who"], page.view["status"]["login"]) == ("Ana Ortiz", False)
    page.answer("reject")
    until(lambda: "empty" in page.view)


def test_a_question_asked_again_is_a_row_of_its_own(server, scripted_client, run_json, question):
    """The same id and value, by another step; what was typed stays with the first one."""
    waiting = run_json(status="interrupted", interrupts=[question])
    steps = [support.question("s1", 1, None)]
    listed = {"data": [waiting], "total_count": 1, "has_more": False}

    def reply(request: Received) -> Answer:
        is_list = request.path.endswith("/runs")
        return Answer(listed if is_list else {**waiting, "steps": steps})

    server.script = reply
    inbox = InterruptInbox(scripted_client, drafts=False)
    page = Page(inbox.widget)
    until(lambda: "values" in page.view)
    [key] = [row["key"] for row in page.view["rows"] if "key" in row]
    page.type(note="born in 1951")
    steps[:] = [support.question("s1", 1, 2), support.question("s2", 3, None)]
    waiting["updated_at"] = support.at(9999)
    refresh(inbox)
    rows = {row["key"]: row.get("is_done", False) for row in page.view["rows"] if "key" in row}
    assert list(rows.values()) == [False, True]
    assert page.view["status"]["copy"] == "born in 1951"
    assert page.view["open"] == key == [*rows][1]
    page.tell(step=1)
    until(lambda: page.view["open"] != key)
    assert page.view["values"]["0"]["note"] == ""
    inbox.close()


def test_every_question_that_waits_is_there():
    """As many as runs are interrupted in the past 30 days of the server's clock."""
    now = "2026-05-04T10:00:00Z"
    with runkit.sandbox(history=90, now=now) as box, box.client(rate=None) as client:
        interrupted = client.runs.list(status="interrupted", progress=False)
        assert len(interrupted) > 3
        inbox = runkit.InterruptInbox(client)
        rows = inbox.rows
        assert {row.run_id for row in rows} == set(interrupted.ids)
        assert rows[0].kind == "dismissal"
        for kind in {row.kind for row in rows}:
            times = [row.asked_at for row in rows if row.kind == kind]
            assert times == sorted(times)
        waits = [row.wait_s for row in rows]
        top = Page(inbox.widget).view
        inbox.close()
        jobs_end()
        assert top["title"].startswith(f"{len(rows)} questions waiting")
        assert top["oldest"].startswith(f"oldest {max(waits) // 86_400:.0f} d")
        assert "Last full check May 4, " in inbox.controller.coverage
        box.end_run(rows[0].run_id)
        assert rows[0].run_id not in {row.run_id for row in runkit.InterruptInbox(client).rows}
